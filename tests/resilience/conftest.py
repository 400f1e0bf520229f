"""Desks on the real Redis, with keys of their own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from redis import Redis

from agents.resilience.desk import Desk
from tests.resilience.desks import desk_on, redis_url


@pytest.fixture
def client() -> Iterator[Redis]:
    with Redis.from_url(redis_url()) as client:
        yield client


@pytest.fixture
def prefix(client: Redis) -> Iterator[str]:
    mine = f"test:{secrets.token_hex(4)}:"
    yield mine
    keys = list(client.scan_iter(f"{mine}*", count=10_000))
    if keys:
        client.delete(*keys)


@pytest.fixture
def open_desk(prefix: str) -> Callable[..., Desk]:
    """Makes desks, each as another process would have it."""
    return partial(desk_on, prefix)
