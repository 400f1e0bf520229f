"""What tests of the registry may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents.services import candidates, departures
from agents.shared_state import PREFIX, client


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
    yield
    empty_redis()
    candidates.reset()
