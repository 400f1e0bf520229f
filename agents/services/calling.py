"""Calling agents that do not call: whoever has an address need not send heartbeats, for it can be asked.

An agent from which nothing was heard for two intervals is asked at its own health address, or whether anybody is
there. One that answers is heard of by that, so that a service of ten lines stays registered for as long as it runs,
and one that was down and is up again is found within a sweep.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from agents.models import Agent
from agents.services.heartbeats import Beat, beat_many
from agents.services.reading import performer_of
from agents.values import Performer, TransportName
from orchestrator_site.conf import conf

__all__ = ["call_the_quiet"]

logger = logging.getLogger(__name__)

AT_ONCE = 64
"""Threads that ask, for one sweep."""
MOST = 192
"""Agents that one sweep asks, in three seconds at most: a worker's heartbeat may be what sweeps. Where more than some
hundreds send no heartbeats, not each is asked in time: larger fleets say themselves that they live."""
PATIENCE = 1.0
"""Seconds that an agent has to answer."""


def call_the_quiet() -> int:
    """Ask agents that are quiet, any of many, and note who answers; how many did. Raises ``RedisError``."""
    quiet = Agent.objects.silent(conf().agent_heartbeat_seconds * 2).exclude(transport=TransportName.PYTHON)
    asked = [performer_of(agent) for agent in quiet.order_by("?")[:MOST]]
    if not asked:
        return 0
    with ThreadPoolExecutor(min(AT_ONCE, len(asked)), thread_name_prefix="calling") as threads:
        answers = list(threads.map(_is_well, asked))
    well = [UUID(agent.id) for agent, is_well in zip(asked, answers, strict=True) if is_well]
    if well:
        beat_many([Beat(agent) for agent in well])
    return len(well)


def _is_well(agent: Performer) -> bool:
    from agents.transports import TRANSPORTS  # with all that it takes to reach agents, which most processes do not

    transport = TRANSPORTS.get(agent.transport)
    try:
        return transport is not None and transport.probe(agent, timeout=PATIENCE)
    except Exception:
        logger.exception("agent %s could not be asked", agent.name)
        return False
