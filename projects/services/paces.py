"""How long agents take: measured by the workers, shared by a table, read where legs are cut.

Each process keeps an average of its own and writes it down now and then, never in the transaction of a step: two steps
that end at once must not wait for each other's row.
"""

from __future__ import annotations

import json
import threading
import time

from orchestrator_site.conf import conf
from projects import sql
from projects.planning.packing import moving_average

_FRESH = 2.0  # seconds for which what was read is good enough
_MATTERS = 2.0  # what has doubled or halved is worth a write …
_ENOUGH = 20  # calls that say what is usual
_SHORT = 0.0001  # … unless it is short anyway: below a tenth of a millisecond the engine itself takes longer

_lock = threading.Lock()
_seen: dict[str, float] = {}
_samples: dict[str, int] = {}
_written: dict[str, float] = {}
_read: dict[str, tuple[float, float | None]] = {}
_lanes: dict[str, tuple[float, int]] = {}


def saw(agent: str, seconds: float) -> None:
    """Count a call of an agent that took ``seconds``."""
    with _lock:
        _seen[agent] = moving_average(_seen.get(agent), seconds)
        _samples[agent] = _samples.get(agent, 0) + 1


def pace_of(agent: str) -> float | None:
    """Seconds that an agent takes on average, by this process or else by all; None if nobody has seen it."""
    with _lock:
        own = _seen.get(agent)
    if own is not None:
        return own
    at, known = _read.get(agent, (0.0, None))
    if time.monotonic() - at > _FRESH or at == 0.0:
        rows = sql.rows("pace", agent=agent)
        known = float(rows[0]["seconds"]) if rows else None
        _read[agent] = (time.monotonic(), known)
    return known


def usual(agent: str) -> float | None:
    """The same by this process alone, and only where it has seen enough of the agent's calls to count on it."""
    with _lock:
        return _seen.get(agent) if _samples.get(agent, 0) >= _ENOUGH else None


def lanes_of(pool: str) -> int:
    """Processes that serve a pool now, as they last said; at least two, where few have said so yet."""
    at, known = _lanes.get(pool, (0.0, 0))
    if time.monotonic() - at > _FRESH or at == 0.0:
        known = int(sql.rows("lanes", pool=json.dumps([pool]), lease=conf().lease_seconds)[0]["lanes"])
        _lanes[pool] = (time.monotonic(), known)
    return max(2, known)


def write_down() -> int:
    """Write down the averages that have changed; how many they were. Called often, so that it mostly does nothing."""
    with _lock:
        changed = {agent: seconds for agent, seconds in _seen.items() if _has_changed(agent, seconds)}
        samples = [_samples[agent] for agent in changed]
        _written.update(changed)
    if changed:
        sql.execute(
            "note_paces", agents=sorted(changed), seconds=[changed[a] for a in sorted(changed)], samples=samples
        )
    return len(changed)


def forget() -> None:
    """Know nothing any more: for tests, and for a process that is forked."""
    with _lock:
        for known in (_seen, _samples, _written, _read, _lanes):
            known.clear()


def _has_changed(agent: str, seconds: float) -> bool:
    before = _written.get(agent)
    if before is None:
        return True
    before, seconds = max(before, _SHORT), max(seconds, _SHORT)
    return not before / _MATTERS < seconds < before * _MATTERS
