"""In which queues messages stand: how recovery tells a message that waits its turn from one that is lost."""

from __future__ import annotations

from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from orchestrator_site.conf import POOLS
from projects.models.project import Priority


def standing() -> list[tuple[str, int]]:
    """The pools and priorities whose queue holds messages.

    A broker that does not answer, or is not Redis, has said nothing, and counts as empty: a message too many is turned
    away by the claim.
    """
    try:
        with current_app.connection_for_write() as connection:
            if connection.transport.driver_type != "redis":
                return []
            channel: Any = connection.default_channel
            return [
                (pool, priority.value)
                for pool in POOLS
                for priority in Priority
                if channel.client.llen(f"{pool}.{priority.label}")
            ]
    except (RedisError, OperationalError, OSError):
        return []
