"""Heartbeats and statistics as Redis keeps them: what agents say, until it is written down.

Every key may be lost. A heartbeat is one field of one hash, so that a batch is one command; it is removed only by
who has written down that very one. What a call of an agent adds to its statistics is one atomic script, cheap enough
to ride in a pipeline with others.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from redis.client import Pipeline
from redis.exceptions import RedisError

from agents.health import HALF_LIFE, faded
from agents.shared_state import PREFIX, Script, client
from orchestrator_site import clock

logger = logging.getLogger(__name__)

BEATS = f"{PREFIX}beats"
REFUSED = f"{PREFIX}refused"
NOTED = f"{PREFIX}noted"
INCARNATION = f"{PREFIX}incarnation"
STATISTICS_KEPT = 3600
"""Seconds for which the statistics of an agent that is not called are kept."""
REFUSED_KEPT = 3600
"""Seconds for which an agent that is not registered is told so by its own heartbeats."""
RECENT, LONG = 0.2, 0.01
"""The weight of one call in the recent latency and in the baseline: about the last 5 and the last 100 calls count."""

_BEAT = Script(
    """
    local t = redis.call('TIME')
    local stamp = t[1] .. string.format('%06d', t[2]) .. '|'
    local some = redis.call('SCARD', KEYS[2]) > 0
    local refused, fields = {}, {}
    for i = 1, #ARGV, 2 do
      if some and redis.call('SISMEMBER', KEYS[2], ARGV[i]) == 1 then
        refused[#refused + 1] = ARGV[i]
      else
        fields[#fields + 1] = ARGV[i]
        fields[#fields + 1] = stamp .. ARGV[i + 1]
      end
      if #fields >= 2000 then
        redis.call('HSET', KEYS[1], unpack(fields))
        fields = {}
      end
    end
    if #fields > 0 then redis.call('HSET', KEYS[1], unpack(fields)) end
    return refused
    """
)

_FORGET = Script(
    """
    local removed = 0
    for i = 1, #ARGV, 2 do
      if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
        removed = removed + redis.call('HDEL', KEYS[1], ARGV[i])
      end
    end
    return removed
    """
)

_NOTE = Script(
    """
    local t = redis.call('TIME')
    local now = t[1] + t[2] / 1000000
    local half, kept, recent, long = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
    for i = 2, #KEYS do
      local at = 4 + (i - 2) * 3
      local id, good, seconds = ARGV[at + 1], ARGV[at + 2] == '1', tonumber(ARGV[at + 3])
      local was = redis.call('HMGET', KEYS[i], 'ok', 'bad', 'latency', 'baseline', 'calls', 'at')
      local fade = was[6] and 2 ^ (-math.max(0, now - tonumber(was[6])) / half) or 1
      local ok, bad = (tonumber(was[1]) or 0) * fade, (tonumber(was[2]) or 0) * fade
      local latency, baseline = tonumber(was[3]) or 0, tonumber(was[4]) or 0
      local calls = tonumber(was[5]) or 0
      if good then
        ok = ok + 1
        calls = calls + 1
        latency = latency + (seconds - latency) * math.max(recent, 1 / calls)
        baseline = baseline + (seconds - baseline) * math.max(long, 1 / calls)
      else
        bad = bad + 1
      end
      redis.call('HSET', KEYS[i], 'ok', ok, 'bad', bad, 'latency', latency, 'baseline', baseline,
                 'calls', calls, 'at', string.format('%.6f', now))
      redis.call('EXPIRE', KEYS[i], kept)
      redis.call('SADD', KEYS[1], id)
    end
    """
)

_READ = Script(
    """
    local t = redis.call('TIME')
    local found = {t[1] .. '.' .. string.format('%06d', t[2])}
    for i = 1, #KEYS do
      local kept = redis.call('HMGET', KEYS[i], 'ok', 'bad', 'latency', 'baseline', 'calls', 'at')
      found[i + 1] = kept[6] and table.concat(kept, ' ') or ''
    end
    return found
    """
)


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat as it is said: ``load`` from 0.0 to 1.0, and more where an agent takes more than it should."""

    agent: UUID | str
    load: float = 0.0
    details: Mapping[str, Any] | None = None

    def arguments(self) -> tuple[str, str]:
        """As the script takes it."""
        told = f"{self.load:.4g}|"
        return str(self.agent), told + json.dumps(self.details) if self.details else told


@dataclass(frozen=True, slots=True)
class Pulse:
    """A heartbeat as it was kept: ``raw`` names this very one; ``age`` in seconds by Redis's clock."""

    raw: str
    age: float
    load: float
    details: str | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """How calls of an agent went lately: faded counts, and seconds; ``calls`` is how many succeeded in all."""

    successes: float = 0.0
    failures: float = 0.0
    latency: float = 0.0
    baseline: float = 0.0
    calls: int = 0


NOTHING = Statistics()


def say(beats: Sequence[Beat]) -> list[str]:
    """Keep heartbeats: one round trip. Gives the ids of those that are known not to be registered."""
    arguments = [argument for beat in beats for argument in beat.arguments()]
    return cast(list[str], _BEAT([BEATS, REFUSED], arguments))


def batches(size: int) -> Iterator[dict[UUID, Pulse]]:
    """What was said and is not written down, a batch after the other; one said meanwhile may come or not."""
    cursor = 0
    while True:
        with client().pipeline(transaction=False) as pipeline:
            pipeline.time()
            pipeline.hscan(BEATS, cursor, count=size)
            (seconds, micros), (cursor, found) = pipeline.execute()
        now = seconds + micros / 1e6
        if read := dict(_readable(found, now)):
            yield read
        if cursor == 0:
            return


def _readable(found: Mapping[str, str], now: float) -> Iterator[tuple[UUID, Pulse]]:
    for agent, raw in found.items():
        try:
            stamp, load, details = raw.split("|", 2)
            yield UUID(agent), Pulse(raw, max(0.0, now - int(stamp) / 1e6), float(load), details or None)
        except ValueError:
            _FORGET([BEATS], [agent, raw])


def forget(written: Mapping[UUID, Pulse]) -> int:
    """Remove heartbeats that are written down; one that came meanwhile stays. How many were removed."""
    if not written:
        return 0
    pairs = [argument for agent, pulse in written.items() for argument in (str(agent), pulse.raw)]
    return int(_FORGET([BEATS], pairs))


def waiting() -> int:
    """How many agents have said something that is not written down."""
    return int(client().hlen(BEATS))


def refuse(agents: Iterable[UUID]) -> None:
    """Have heartbeats of agents that are not registered, or gone, answered so."""
    names = [str(agent) for agent in agents]
    if names:
        with client().pipeline(transaction=False) as pipeline:
            pipeline.sadd(REFUSED, *names)
            pipeline.expire(REFUSED, REFUSED_KEPT)
            pipeline.execute()


def accept_again(agents: Iterable[UUID]) -> None:
    """Take heartbeats of agents again. Where Redis does not answer, the agent is refused once more, and registers."""
    names = [str(agent) for agent in agents]
    try:
        if names:
            client().srem(REFUSED, *names)
    except RedisError as error:
        logger.warning("Redis could not be told that %s agents are registered again: %s", len(names), error)


def incarnation() -> str:
    """A name for this filling of Redis: another one than before means that it was emptied."""
    with client().pipeline(transaction=False) as pipeline:
        pipeline.set(INCARNATION, str(clock.new_id()), nx=True)
        pipeline.get(INCARNATION)
        return cast(str, pipeline.execute()[1])


def add_notes(notes: Sequence[tuple[str, bool, float]], pipeline: Pipeline | None = None) -> None:
    """Add calls of agents to their statistics: id, whether it succeeded, seconds. One round trip, or none here."""
    keys = [NOTED, *(f"{PREFIX}statistics:{agent}" for agent, _, _ in notes)]
    values: list[Any] = [HALF_LIFE, STATISTICS_KEPT, RECENT, LONG]
    for agent, good, seconds in notes:
        values += (agent, "1" if good else "0", repr(float(seconds)))
    if pipeline is None:
        _NOTE(keys, values)
    else:
        _NOTE.add_to(pipeline, keys, values)


def make_ready() -> None:
    """Have Redis know the script of ``add_notes``, for those who put it into pipelines."""
    _NOTE.load()


def take_noted(most: int) -> list[UUID]:
    """Agents that were called since they were last looked at. What is lost here comes with their next heartbeat."""
    return [UUID(agent) for agent in cast(list[str], client().spop(NOTED, most) or [])]


def statistics_of(agents: Sequence[UUID]) -> dict[UUID, Statistics]:
    """How calls of the agents went lately, counts faded up to now; one round trip."""
    if not agents:
        return {}
    now, *found = _READ([f"{PREFIX}statistics:{agent}" for agent in agents], [])
    return {agent: _statistics(row, float(now)) for agent, row in zip(agents, found, strict=True)}


def _statistics(row: str, now: float) -> Statistics:
    if not row:
        return NOTHING
    ok, bad, latency, baseline, calls, at = map(float, row.split(" "))
    return Statistics(faded(ok, now - at), faded(bad, now - at), latency, baseline, int(calls))
