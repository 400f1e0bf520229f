"""Asking many agents at once, and making one answer of theirs by a deadline."""

from __future__ import annotations

import contextlib
import contextvars
import functools
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connections

from agents.gather import Asked, Gathered, Gathering, Stragglers, Verdict
from agents.values import Accepted, Done, Performer
from orchestrator_site.conf import conf
from orchestrator_site.errors import InvalidInput, PhasegateError
from orchestrator_site.storable import said_by

__all__ = ["Perform", "scatter"]

Perform = Callable[[Performer, Mapping[str, Any], float], Any]
"""Have one agent do it: the agent, the parameters, the seconds that are left. Returns its answer, or raises."""


def scatter(
    agents: Sequence[Performer],
    params: Mapping[str, Any],
    *,
    perform: Perform,
    deadline: float,
    aggregation: str = "all",
    options: Mapping[str, Any] | None = None,
    quorum: int | None = None,
    stragglers: Stragglers | str = Stragglers.ABANDON,
    partial: bool = False,
) -> Gathered:
    """Ask all of the agents at once and make one answer of theirs, at the latest after ``deadline`` seconds.

    ``perform`` is called in threads, with the context variables of the caller. Who has not answered when there is
    enough, or by the deadline, is abandoned: its thread ends by itself when its call does, and holds up nobody.
    ``quorum`` None: what the aggregation needs. ``partial``: at the deadline fewer answers than the quorum will do.

    Raises ``QuorumMissed``, saying who answered and who did not and why; ``AnswersUnusable`` where no value can be
    made of the answers; ``InvalidInput`` and ``UnknownAggregation`` before anybody is asked.
    """
    if not deadline > 0:
        raise InvalidInput(f"A deadline is some seconds from now, not {deadline!r}.")
    asked = [Asked(agent.id, agent.name, agent.weight) for agent in agents]
    gathering = Gathering.begin(asked, aggregation=aggregation, quorum=quorum, options=options, stragglers=stragglers)
    until = time.monotonic() + deadline
    errand = _Errand(deque(agents), params, perform, until)
    try:
        return _gather(errand, gathering, partial=partial).conclude(partial=partial)
    finally:
        errand.over.set()


@dataclass(frozen=True, slots=True)
class _Errand:
    """What the threads of one scatter share: whom to ask still, and where answers go."""

    agents: deque[Performer]
    params: Mapping[str, Any]
    perform: Perform
    until: float
    replies: queue.SimpleQueue[_Reply] = field(default_factory=queue.SimpleQueue)
    over: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class _Reply:
    agent: str
    value: Any = None
    failure: str | None = None

    def into(self, gathering: Gathering) -> Gathering:
        if self.failure is not None:
            return gathering.failed(self.agent, self.failure)
        return gathering.answered(self.agent, self.value)


def _gather(errand: _Errand, gathering: Gathering, *, partial: bool) -> Gathering:
    """Answers until there are enough, none can be, or the time is over.

    Where fewer than the quorum will do, those who are still at it are waited for though the quorum cannot be had.
    """
    started = 0
    most = len(errand.agents)
    while gathering.verdict is Verdict.WAITING or (partial and _is_open(gathering)):
        started += _start_threads(errand, most - started, wait=started == 0)
        left = errand.until - time.monotonic()
        try:
            # Looks again now and then, since threads that others hold may have become free for those not yet asked.
            reply = errand.replies.get(timeout=max(0.0, min(left, 0.05) if errand.agents else left))
        except queue.Empty:
            if left <= 0:
                break
            continue
        gathering = reply.into(gathering)
    return _without_the_unasked(errand, gathering) if gathering.verdict is Verdict.WAITING else gathering


def _is_open(gathering: Gathering) -> bool:
    return gathering.verdict is Verdict.IMPOSSIBLE and gathering.pending > 0


def _without_the_unasked(errand: _Errand, gathering: Gathering) -> Gathering:
    """At the deadline: those whose turn to be asked did not come are not late, and it is not their fault."""
    with contextlib.suppress(IndexError):
        while True:
            gathering = gathering.failed(errand.agents.popleft().id, "no thread was free to ask it in time")
    return gathering


@functools.cache
def _threads() -> threading.BoundedSemaphore:
    """As many as all scatters of this process may have at once, abandoned ones among them."""
    return threading.BoundedSemaphore(conf().scatter_threads)


def _start_threads(errand: _Errand, wanted: int, *, wait: bool) -> int:
    """Start threads for those who are not asked yet, as many as may be; how many that was.

    A thread is a daemon, because the threads of an executor would be waited for when the process ends, for as long
    as the slowest agent.
    """
    started = 0
    while started < wanted and errand.agents:
        first = wait and started == 0
        left = max(0.0, errand.until - time.monotonic())
        if not (_threads().acquire(timeout=left) if first else _threads().acquire(blocking=False)):
            break
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(_run, errand), name="scatter", daemon=True).start()
        started += 1
    return started


def _run(errand: _Errand) -> None:
    """One thread: ask agents one after another until nobody is left to ask, or nobody listens."""
    try:
        while not errand.over.is_set():
            left = errand.until - time.monotonic()
            if left <= 0:
                break
            try:
                agent = errand.agents.popleft()
            except IndexError:
                break
            errand.replies.put(_ask(errand, agent, left))
    finally:
        connections.close_all()  # this thread's own, which nobody would use again
        _threads().release()


def _ask(errand: _Errand, agent: Performer, left: float) -> _Reply:
    try:
        answer = errand.perform(agent, errand.params, left)
    except PhasegateError as error:
        return _Reply(agent.id, failure=said_by(error))
    except BaseException as error:  # a missing answer, and no more: this thread has nobody else to tell
        return _Reply(agent.id, failure=f"{type(error).__name__}: {said_by(error)}")
    if isinstance(answer, Accepted):
        return _Reply(agent.id, failure="it will answer later, which a scatter cannot wait for")
    return _Reply(agent.id, answer.value if isinstance(answer, Done) else answer)
