"""What tests of the registry may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agents.models import Agent
from agents.services import candidates, departures
from agents.shared_state import PREFIX, client
from tests.registry.crowds import crowd


def empty_redis() -> None:
    """Remove everything of the registry's."""
    keys = list(client().scan_iter(f"{PREFIX}*", count=1000))
    if keys:
        client().delete(*keys)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty Redis, nothing remembered, and nobody who is told."""
    empty_redis()
    candidates.reset()
    monkeypatch.setattr(departures, "_observers", [])
    monkeypatch.setattr(departures, "_counters", [])
    monkeypatch.setattr("agents.definition._registered", {})  # names of functions are not to be had
    monkeypatch.setattr("agents.transports.TRANSPORTS", {})  # what transports check is their own matter
    yield
    empty_redis()
    candidates.reset()


@pytest.fixture(scope="module")
def ten_thousand(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Ten thousand agents, made once for a module."""
    with django_db_blocker.unblock():
        crowd(10_000)
        yield
        Agent.objects.all().delete()
