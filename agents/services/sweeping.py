"""The sweep: who is silent, who has drained, whose workers are gone.

Beat asks for it, and a worker where beat is down. It may run twice at once, or not for a day, and do no harm:

- Twice at once: rows that the other holds are left out, and what it has moved is found moved.
- Not for long, or Redis away or emptied: nobody could be heard of, so nobody is held to have been silent. The limit
  of silence is counted anew from the first sweep that reaches Redis again.
- Killed in the middle: each part is a transaction of its own, and what was not told of is told by the next.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now
from redis.exceptions import RedisError

from agents.models import Agent, AgentEvent, AgentWorker
from agents.querysets import AgentQuerySet
from agents.services import calling, departures, heartbeats, pulses
from agents.services.changes import Change, record
from agents.services.heartbeats import BATCH, Written
from agents.services.reading import performer_of
from orchestrator_site import faults
from orchestrator_site.conf import conf

__all__ = ["Swept", "sweep"]

logger = logging.getLogger(__name__)

SETTLES = 2.0
"""Seconds for which an agent drains at least: who took it from a cache just before has begun by then."""


@dataclass(slots=True)
class Swept:
    """What one sweep did. ``deaf`` where agents could not be heard, so that none expired."""

    written: int = 0
    expired: int = 0
    left: int = 0
    drained: int = 0
    told: int = 0
    answered: int = 0
    deaf: bool = False


def sweep() -> Swept:
    """Write down heartbeats, part with those that are gone, and tell of them. It never raises for Redis's sake."""
    done = Swept()
    try:
        listening = _listening(pulses.incarnation())
        done.answered = calling.call_the_quiet()
        written = heartbeats.write_down()
    except RedisError as error:
        logger.warning("agents cannot be heard, so that none expires: %s", error)
        listening, written = False, Written(complete=False)
    done.written = written.agents
    done.deaf = not (listening and written.complete)
    _forget_silent_workers()
    if not done.deaf:
        done.expired = _expire(written.held)
    done.left = _part_with_unoffered()
    done.drained = _part_with_drained()
    if written.complete:
        _look_at_quiet()
    done.told = departures.tell()
    AgentEvent.objects.older_than(conf().agent_event_days).delete()
    return done


def _listening(incarnation: str) -> bool:
    """Whether agents could be heard for as long as one may be silent.

    They could not be while Redis did not answer or nobody wrote down, which shows as a gap between two sweeps, and
    what was said before Redis was emptied is lost, which shows by its incarnation.
    """
    silence = conf().agent_silence_seconds
    gap = max(conf().agent_heartbeat_seconds * 2, conf().agent_sweep_seconds * 3)
    with connection.cursor() as cursor:
        cursor.execute(_LISTEN, {"incarnation": incarnation, "gap": gap, "silence": silence})
        return bool(cursor.fetchone()[0])


_LISTEN = """
    INSERT INTO agents_registry AS registry (id, version, incarnation, looked_at, listening_since)
    VALUES (1, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, %(incarnation)s, now(), now())
    ON CONFLICT (id) DO UPDATE SET
        incarnation = excluded.incarnation,
        looked_at = now(),
        listening_since = CASE
            WHEN registry.incarnation = %(incarnation)s
                AND registry.looked_at > now() - %(gap)s * interval '1 second'
            THEN registry.listening_since ELSE now() END
    RETURNING listening_since <= now() - %(silence)s * interval '1 second'
"""


def _forget_silent_workers() -> None:
    AgentWorker.objects.filter(seen_at__lt=Now() - timedelta(seconds=conf().agent_silence_seconds)).delete()


def _expire(except_for: Iterable[UUID]) -> int:
    """Silent agents → gone; a built-in one whose worker lives is not silent, whatever Redis has lost."""
    silent = Agent.objects.silent(conf().agent_silence_seconds).unoffered().exclude(pk__in=list(except_for))
    gone = _part_with(silent, "agent.expired", "it was silent for too long")
    if gone:
        logger.warning("%s agents were silent for too long and are gone", gone)
    return gone


def _part_with_unoffered() -> int:
    """Built-in agents that no worker offers any more → gone, once they have lingered."""
    unoffered = Agent.objects.filter(built_in=True).silent(conf().agent_linger_seconds).unoffered()
    return _part_with(unoffered, "agent.left", "no worker offers it")


def _part_with_drained() -> int:
    """Agents that drain and have nothing running → gone."""
    draining = list(Agent.objects.drained_for(SETTLES)[:BATCH])
    if not draining:
        return 0
    counts = departures.running([performer_of(agent) for agent in draining])
    idle = [agent.pk for agent in draining if not counts[str(agent.pk)]]
    return _part_with(Agent.objects.drained_for(SETTLES).filter(pk__in=idle), "agent.left", "it has drained")


def _part_with(agents: AgentQuerySet, kind: str, reason: str) -> int:
    """These agents → gone, a batch a transaction."""
    parted = 0
    while True:
        with transaction.atomic():
            found: Sequence[UUID] = [agent.pk for agent in agents.held(BATCH).only("pk")]
            Agent.objects.leave(found)
            record([Change(agent, kind, {"reason": reason}) for agent in found], actor="registry")
        faults.point("agents_parted_with")
        parted += len(found)
        if len(found) < BATCH:
            return parted


def _look_at_quiet() -> None:
    """The health of agents that have missed heartbeats falls although nothing is heard of them."""
    quiet = Agent.objects.silent(conf().agent_heartbeat_seconds * 2).filter(health__gt=0)
    ids = list(quiet.order_by("pk").values_list("pk", flat=True))
    done = Written()
    for start in range(0, len(ids), BATCH):
        try:
            heartbeats.assess(dict.fromkeys(ids[start : start + BATCH]), done)
        except RedisError:
            return
