"""Desks and stores on the real Redis, with keys of their own, and a clock that a test may own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from django.conf import settings
from redis import Redis

from agents.resilience.desk import Desk, House
from agents.resilience.link import Link
from agents.resilience.rules import Rules
from agents.resilience.scripts import scripts
from agents.resilience.shared import Shared
from agents.resilience.values import Order

PATIENT = 5.0  # seconds: the machine of the tests may be busy, and Redis is not what fails here


class Clock:
    """A clock in Redis that stands still until a test moves it."""

    def __init__(self, client: Redis, prefix: str) -> None:
        self._client, self._key = client, f"{prefix}now"
        self.lua = f"local now = tonumber(redis.call('GET', '{self._key}'))"
        self.now = 1_790_000_000.25
        self.move(0.0)

    def move(self, seconds: float) -> None:
        self.now += seconds
        self._client.set(self._key, repr(self.now))


def redis_url() -> str:
    return str(settings.CACHES["default"]["LOCATION"])


def store(prefix: str, clock: Clock | None = None) -> Shared:
    """A store whose orders are known, none being given."""
    shared = Shared(Link(redis_url(), PATIENT), scripts(clock.lua) if clock else scripts(), prefix)
    shared.obey([], all_there_are=True)
    return shared


def desk_on(
    prefix: str,
    rules: Rules | None = None,
    *,
    project_places: int = 20,
    stale: float = 0.0,
    orders: Callable[[], list[Order]] = list,
    url: str = "",
    timeout: float = PATIENT,
) -> Desk:
    """A desk as a worker process has one."""
    house = House(rules or Rules(), project_places, stale=stale)
    return Desk(house, partial(Link, url or redis_url(), timeout), orders, partial(Shared, prefix=prefix))
