"""Hearing of agents, and writing down what was heard.

Hearing is Redis alone, one round trip for one agent or for thousands. Writing down is one UPDATE for a batch; it
makes of each heartbeat, and of what calls of the agent have shown, its health, and of that its state. A heartbeat is
removed from Redis when it is written down, and only if it is still the last: who is killed between the two leaves it
to the next, who writes the same again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents import health
from agents.errors import AgentGone, AgentInvalid
from agents.services import checking, pulses
from agents.services.changes import Change, record
from agents.services.pulses import NOTHING, Beat, Pulse, Statistics
from agents.states import AgentState
from orchestrator_site import faults
from orchestrator_site.conf import conf

__all__ = ["Beat", "Heard", "Written", "assess", "beat", "beat_many", "write_down"]

logger = logging.getLogger(__name__)

BATCH = 1000
MOST_DETAILS = 4096
"""Bytes of JSON that a heartbeat may carry beside its load."""
MOST_TOGETHER = 10_000
"""Heartbeats in one call."""
_LOCK = 7_274_283_020
"""The advisory lock of who writes down: a second one at the same time would do the same work twice."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of heartbeats: how many were kept, and which agents have to register again."""

    kept: int
    unknown: tuple[str, ...] = ()


@dataclass(slots=True)
class Written:
    """What writing down did. ``complete`` unless another was at it; ``held`` are those whose rows others held."""

    agents: int = 0
    moved: int = 0
    unknown: int = 0
    complete: bool = True
    held: set[UUID] = field(default_factory=set)


def beat(agent_id: UUID | str, *, load: float = 0.0, details: Mapping[str, Any] | None = None) -> None:
    """Keep one heartbeat: one round trip to Redis, none to PostgreSQL.

    Raises ``AgentInvalid`` for a load or details that cannot be kept, and ``AgentGone`` where the agent is known not
    to be registered; an unknown one is found out when it is written down.
    """
    heard = beat_many([Beat(agent_id, load, details)])
    if heard.unknown:
        raise AgentGone(f"Agent {agent_id} is not registered any more: register it again.")


def beat_many(beats: Sequence[Beat]) -> Heard:
    """Keep heartbeats, as a gateway sends them for its agents: one round trip. Raises ``AgentInvalid``."""
    if len(beats) > MOST_TOGETHER:
        raise AgentInvalid(f"{len(beats)} heartbeats in one call are too many: {MOST_TOGETHER} at most.")
    for given in beats:
        _check(given)
    unknown = tuple(pulses.say(beats)) if beats else ()
    return Heard(len(beats) - len(unknown), unknown)


def _check(given: Beat) -> None:
    if not 0 <= given.load < 1e6:
        raise AgentInvalid(f"The load of agent {given.agent} is {given.load}: it is 0.0 or more.")
    if not isinstance(given.agent, UUID):
        try:
            UUID(given.agent)
        except ValueError:
            raise AgentInvalid(f"{given.agent!r} is not the id of an agent.") from None
    if given.details is not None:
        checking.document(given.details, of="details of a heartbeat", most=MOST_DETAILS)


def write_down() -> Written:
    """Write down what was heard, and look at the health of agents that were called.

    It may run as often and in as many places as it likes. Raises ``RedisError`` where Redis does not answer.
    """
    done = Written()
    for batch in pulses.batches(BATCH):
        if not _one(batch, done):
            return done
    while noted := pulses.take_noted(BATCH):
        if not assess(dict.fromkeys(noted), done):
            return done
    return done


def _one(batch: Mapping[UUID, Pulse], done: Written) -> bool:
    written = assess(batch, done)
    if written is None:
        return False
    faults.point("heartbeats_written")
    missing = set(batch) - written
    if missing:
        held = _live_among(missing)
        done.held |= held
        done.unknown += len(missing - held)
        pulses.refuse(missing - held)
        missing = held
    pulses.forget({agent: pulse for agent, pulse in batch.items() if agent not in missing})
    return True


def assess(batch: Mapping[UUID, Pulse | None], done: Written) -> set[UUID] | None:
    """Write down pulses where there are any, and the health and state that follow; which agents were written.

    Rows that others hold are left out, so that this waits for nobody. None: another one is writing down.
    """
    statistics = pulses.statistics_of(list(batch))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            done.complete = False
            return None
        cursor.execute(_HOLD, [list(batch)])
        rows = [
            _assessed(agent, state, load, silence, batch[agent], statistics.get(agent, NOTHING))
            for agent, state, load, silence in cursor.fetchall()
        ]
        if rows:
            cursor.execute(_WRITE, list(map(list, zip(*rows, strict=True))))
        moved = [
            Change(agent, "agent.health", {"before": before, "after": after, "health": round(score, 3)})
            for agent, before, after, score, *_ in rows
            if before != after
        ]
        record(moved, actor="registry")
    done.agents += len(rows)
    done.moved += len(moved)
    return {row[0] for row in rows}


def _assessed(
    agent: UUID, state: str, load: float, silence: float, pulse: Pulse | None, statistics: Statistics
) -> tuple[Any, ...]:
    """A row for ``_WRITE``. An agent that starts is moved by being heard of, and by nothing else."""
    before = AgentState(state)
    if pulse is not None:
        load, silence = pulse.load, min(silence, pulse.age)
    signs = health.Signs(
        statistics.successes, statistics.failures, statistics.latency, statistics.baseline, load, silence
    )
    score = health.score(signs, interval=conf().agent_heartbeat_seconds, limit=conf().agent_silence_seconds)
    moves = pulse is not None or before is not AgentState.STARTING
    after = health.state_after(before, score) if moves else before
    age = None if pulse is None else pulse.age
    return agent, before.value, after.value, score, load, age, None if pulse is None else pulse.details


def _live_among(agents: Iterable[UUID]) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM agents_agent WHERE id = ANY(%s) AND state <> 'gone'", [list(agents)])
        return {row[0] for row in cursor.fetchall()}


_HOLD = """
    SELECT id, state, load, extract(epoch FROM now() - heard_at)::float8
    FROM agents_agent WHERE id = ANY(%s) AND state <> 'gone'
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
"""
_WRITE = """
    UPDATE agents_agent AS agent SET
        health = heard.health,
        load = heard.load,
        state = heard.after,
        state_at = CASE WHEN heard.before = heard.after THEN agent.state_at ELSE now() END,
        heard_at = GREATEST(agent.heard_at, now() - COALESCE(heard.age, 1e9) * interval '1 second'),
        details = COALESCE(heard.details::jsonb, agent.details)
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::float8[], %s::float8[], %s::float8[], %s::text[])
        AS heard (id, before, after, health, load, age, details)
    WHERE agent.id = heard.id AND agent.state = heard.before
"""
