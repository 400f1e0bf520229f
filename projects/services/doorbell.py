"""A key in the broker's Redis that goes only with Redis's data: how recovery learns that all messages are gone."""

from __future__ import annotations

from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from orchestrator_site import clock

KEY = "phasegate-doorbell"
# A hash, because the broker's client puts its key prefix before HSET and HLEN, and not before EXISTS or GET.


def was_emptied() -> bool:
    """Whether the broker has lost its data since ``set_up``. A broker that does not answer has said nothing."""
    try:
        client = _client()
        return client is not None and not client.hlen(KEY)
    except (RedisError, OperationalError, OSError):
        return False


def set_up() -> None:
    """Put the key there. Called after the rows were marked, so that a crash in between repeats the marking."""
    client = _client()
    if client is not None:
        client.hset(KEY, "since", clock.now().isoformat())


def _client() -> Redis | None:
    """The broker's own client; None where the broker is not Redis, which then keeps its messages itself."""
    connection = current_app.connection_for_write()
    if connection.transport.driver_type != "redis":
        return None
    channel: Any = connection.default_channel
    client: Redis = channel.client
    return client
