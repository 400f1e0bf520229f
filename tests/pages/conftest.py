"""Browsers of people, and quick passwords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.builders import approver, person


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def browser_of(db: None) -> Callable[[Any], Client]:
    def of(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return of


@pytest.fixture
def operator(browser_of: Callable[[Any], Client]) -> Client:
    """Somebody who sees every project and may steer it."""
    return browser_of(person("olga", may=["view_project", "control_project", "view_approval"]))


@pytest.fixture
def anna(browser_of: Callable[[Any], Client]) -> Client:
    """Somebody of marketing who may decide approvals, and is no administrator."""
    return browser_of(approver("anna", "marketing"))


@pytest.fixture
def outsider(browser_of: Callable[[Any], Client]) -> Client:
    """Somebody with a login and no right."""
    return browser_of(person("otto"))
