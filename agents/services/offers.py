"""Built-in agents: Python functions that are there for as long as a worker offers them.

A worker says what it offers when it starts, that it still does with each of its heartbeats, and that it goes. Each
worker is a row, so that agents stay while any of them is there. A worker that is killed says nothing more: its row ends
after the limit of silence. Agents linger a little after the last one has left, so that restarting workers, even
the only one, shows no gap.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from redis.exceptions import RedisError

from agents.definition import AgentDefinition
from agents.models import Agent, AgentCapability, AgentWorker
from agents.services.changes import Change, record
from agents.services.descriptions import Description
from agents.services.heartbeats import Beat, beat_many
from agents.services.pulses import accept_again
from agents.states import AgentState
from agents.values import TransportName

__all__ = ["offer", "renew", "withdraw"]

logger = logging.getLogger(__name__)

_LOCK = 7_274_283_021
"""The advisory lock of who registers built-in agents: of many workers that start at once, one does it."""
_LINGER = """
    UPDATE agents_agent SET heard_at = now() WHERE id IN (
        SELECT id FROM agents_agent WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    )
"""
# From now on they linger. Who holds one of the rows hears of the agent, or moves it: it is left to them.


def offer(worker_id: UUID, definitions: Iterable[AgentDefinition]) -> int:
    """Say that a worker offers these agents; how many of them were new or other than before.

    Where nothing has changed it reads once and writes the worker's row. The code owns the names that it defines: an
    agent that was registered otherwise under such a name becomes the built-in one.
    """
    described = {definition.name: _describe(definition) for definition in definitions}
    with transaction.atomic():
        ids, stale = _look(described)
        if stale:
            _alone()
            ids, stale = _look(described)
            _write(stale, ids)
            ids, _ = _look(described)
        AgentWorker.objects.update_or_create(pk=worker_id, defaults={"agents": sorted(ids.values()), "seen_at": Now()})
        agents = list(ids.values())
        transaction.on_commit(lambda: _greet(agents))
    return len(stale)


def renew(worker_id: UUID) -> bool:
    """Say that a worker still offers what it does: one statement, and one round trip to Redis.

    False: the registry has forgotten the worker, or one of its agents; it is to ``offer`` again. Raises ``RedisError``
    where Redis does not answer, after the worker's row is renewed, which is what counts.
    """
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agents_agentworker SET seen_at = now() WHERE id = %s RETURNING agents", [worker_id])
        row = cursor.fetchone()
    return row is not None and not _beat(row[0])


def withdraw(worker_id: UUID) -> None:
    """Say that a worker goes. What no other offers goes with the sweep, after it has lingered."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM agents_agentworker WHERE id = %s RETURNING agents", [worker_id])
        row = cursor.fetchone()
        if row is not None:
            cursor.execute(_LINGER, [row[0]])


def _describe(definition: AgentDefinition) -> Description:
    return Description(
        name=definition.name,
        transport=TransportName.PYTHON,
        version=definition.version,
        description=definition.description,
        settings={"queue": definition.queue},
        capabilities=definition.capabilities,
    ).checked()


def _look(described: Mapping[str, Description]) -> tuple[dict[str, UUID], list[Description]]:
    """The ids of those that are registered, and those whose rows are not what they should be."""
    rows = Agent.objects.filter(name__in=list(described)).values_list("name", "pk", "digest", "state", "built_in")
    right = {
        name
        for name, _, digest, state, built_in in rows
        if built_in and state != AgentState.GONE and digest == described[name].digest
    }
    stale = [described[name] for name in sorted(described) if name not in right]
    return {name: pk for name, pk, *_ in rows}, stale


def _alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _write(stale: Sequence[Description], known: Mapping[str, UUID]) -> None:
    """One statement for the agents, one for those that come back, two for what they can do."""
    if not stale:
        return
    columns = stale[0].columns()
    fresh = [
        Agent(name=one.name, built_in=True, state_at=Now(), registered_at=Now(), heard_at=Now(), **one.columns())
        for one in stale
    ]
    Agent.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["name"],
        update_fields=[*columns, "built_in", "heard_at"],
    )
    ids = dict(Agent.objects.filter(name__in=[one.name for one in stale]).values_list("name", "pk"))
    back = Agent.objects.filter(pk__in=ids.values(), state=AgentState.GONE)
    returned = set(back.values_list("pk", flat=True))
    back.update(state=AgentState.STARTING, state_at=Now(), told=True, health=1.0, load=0.0)
    _write_capabilities(stale, ids)
    changes = [
        Change(ids[one.name], _kind(ids[one.name], one, known, returned), {"version": one.version}) for one in stale
    ]
    record(changes, actor="worker")


def _kind(agent: UUID, one: Description, known: Mapping[str, UUID], returned: set[UUID]) -> str:
    if one.name not in known:
        return "agent.registered"
    return "agent.returned" if agent in returned else "agent.changed"


def _write_capabilities(stale: Sequence[Description], ids: Mapping[str, UUID]) -> None:
    kept = Q()
    for one in stale:
        kept |= Q(agent_id=ids[one.name], name__in=list(one.capabilities))
    AgentCapability.objects.filter(agent_id__in=ids.values()).exclude(kept).delete()
    AgentCapability.objects.bulk_create(
        [
            AgentCapability(agent_id=ids[one.name], name=name, version=version)
            for one in stale
            for name, version in sorted(one.capabilities.items())
        ],
        update_conflicts=True,
        unique_fields=["agent", "name"],
        update_fields=["version"],
    )


def _greet(agents: Sequence[UUID]) -> None:
    accept_again(agents)
    try:
        _beat(agents)
    except RedisError as error:
        logger.warning("heartbeats of %s built-in agents did not reach Redis: %s", len(agents), error)


def _beat(agents: Sequence[UUID]) -> tuple[str, ...]:
    return beat_many([Beat(agent) for agent in agents]).unknown
