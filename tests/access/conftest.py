"""People with their roles, and clients that act for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from rest_framework.test import APIClient

from orchestrator_site.access.actors import system_actor
from orchestrator_site.access.roles import Role
from orchestrator_site.access.services import IssuedKey, create_key

Person = Callable[..., User]
Issue = Callable[..., IssuedKey]
Client = Callable[[str], APIClient]


@pytest.fixture
def person(db: None) -> Person:
    """A user in the groups of some roles."""

    def make(name: str, *roles: Role, **fields: object) -> User:
        user = User.objects.create_user(name, password="correct horse", **fields)  # type: ignore[arg-type]
        user.groups.set(Group.objects.filter(name__in=[role.value for role in roles]))
        return user

    return make


@pytest.fixture
def issue(db: None) -> Issue:
    """A key."""

    def make(role: Role, **options: object) -> IssuedKey:
        return create_key(name="a robot", role=role, by=system_actor(), **options)  # type: ignore[arg-type]

    return make


@pytest.fixture
def client_with() -> Client:
    """A client that sends a header ``Authorization``."""

    def make(authorization: str) -> APIClient:
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=authorization)
        return client

    return make
