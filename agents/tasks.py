"""What Celery runs for the registry. Each task calls one service; none raises for a server that is away."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

from agents.services import heartbeats, sweeping

logger = logging.getLogger(__name__)


@shared_task(name="agents.write_down_heartbeats")
def write_down_heartbeats() -> None:
    """Write down what agents have said since the last time."""
    try:
        heartbeats.write_down()
    except (OperationalError, InterfaceError, RedisError) as error:
        logger.warning("heartbeats were not written down: %s; the next pass writes them", error)


@shared_task(name="agents.sweep")
def sweep() -> None:
    """Part with agents that are silent, have drained, or whose workers are gone."""
    try:
        sweeping.sweep()
    except (OperationalError, InterfaceError) as error:
        logger.warning("the sweep of agents lost its database: %s; the next pass goes on", error)
