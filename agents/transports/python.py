"""Calling a Python function as an agent, with a limit of time.

In the main thread of a worker process the function is interrupted: at its limit, and some seconds after it was told to
stop and went on. In any other thread Python offers no way to stop a function: it is left behind, its result is refused
by its attempt number, and the step goes on without it. Coroutines are cancelled by their event loop wherever they run.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from agents.definition import AgentContext, AgentDefinition, find_agent
from agents.errors import AgentFailure, AgentNotFound, AgentSettingsRefused, AgentTimedOut, WorkCancelled
from agents.transports import interrupting
from agents.transports.interrupting import Why
from agents.values import Answer, Performer, TransportName, Work
from agents.wire.results import done
from orchestrator_site import database
from orchestrator_site.conf import conf

logger = logging.getLogger(__name__)

_SETTINGS = {"queue", "resilience"}
"""Which pool of workers runs the function, and what protects it."""
_lock = threading.Lock()
_left_behind: set[threading.Thread] = set()
_LOOKS_EVERY = 1.0
"""Seconds between two looks whether a function that no signal reaches was told to stop."""


class PythonTransport:
    """Calls the function of that name in this process."""

    name = TransportName.PYTHON

    def perform(self, agent: Performer, work: Work, context: AgentContext) -> Answer:
        """Call it. Raises as ``Transport.perform`` says, ``AgentNotFound``, and whatever the function raises."""
        return done(agent.name, call(find_agent(agent.name), context, timeout=work.timeout))

    def check(self, agent: Performer) -> None:
        """Refuse a name that no function has, and settings that a function does not take."""
        if foreign := sorted(set(agent.settings) - _SETTINGS):
            raise AgentSettingsRefused(
                f"Agent {agent.name!r} is a function of this process: it takes no {foreign[0]!r}."
            )
        try:
            find_agent(agent.name)
        except AgentNotFound as error:
            raise AgentSettingsRefused(str(error)) from error

    def probe(self, agent: Performer, *, timeout: float) -> bool:
        """Whether this process has the function."""
        try:
            find_agent(agent.name)
        except AgentNotFound:
            return False
        return True


def call(definition: AgentDefinition, context: AgentContext, *, timeout: float) -> Any:
    """What the agent returns. ``timeout`` in seconds.

    Raises ``AgentTimedOut`` after it, ``WorkCancelled`` where it goes on for ``PHASEGATE_CANCEL_GRACE_SECONDS`` after
    it was told to stop, ``AgentFailure`` where it means to end the process, and whatever else the agent raises.
    """
    until = time.monotonic() + timeout

    def why() -> Exception | None:
        if time.monotonic() >= until:
            return AgentTimedOut(f"Agent {definition.name!r} took longer than {timeout:g} s.")
        told = context.cancelled_for()
        if told is not None and told >= conf().cancel_grace_seconds:
            return WorkCancelled(f"Agent {definition.name!r} was told to stop {told:.0f} s ago, and went on.")
        return None

    try:
        if inspect.iscoroutinefunction(definition.function):
            return asyncio.run(_awaited(definition.function(context), until, why))
        if threading.current_thread() is threading.main_thread():
            return _in_main_thread(definition, context, until, why)
        return _in_thread(definition, lambda: definition.function(context), until, why)
    except BaseException as error:
        if isinstance(error, Exception) or _stops_us(error):
            raise
        told = f"{type(error).__name__}: {error}".rstrip(": ")
        raise AgentFailure(f"Agent {definition.name!r} meant to end its process ({told}), not to fail.") from error


def _stops_us(error: BaseException) -> bool:
    """Whether somebody stops this process while the function runs; else the function itself raised it.

    A process of a pool is stopped by a handler of signals in ``billiard.common``. ``sys.exit`` is billiard's own there,
    so that it is not enough to be raised in billiard.
    """
    if isinstance(error, KeyboardInterrupt) or type(error).__module__.startswith("celery."):
        return True
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_globals.get("__name__") == "billiard.common" for frame in frames)


def _in_main_thread(definition: AgentDefinition, context: AgentContext, until: float, why: Why) -> Any:
    try:
        return interrupting.run(
            lambda: definition.function(context), until=until, why=why, let_go=database.end_statement
        )
    finally:
        if left := database.close_if_unsound():
            context.logger.warning(
                "agent %s left %s: the connection is closed, what it held is rolled back", definition.name, left
            )


async def _awaited(coroutine: Coroutine[Any, Any, Any], until: float, why: Why) -> Any:
    task = asyncio.ensure_future(coroutine)
    try:
        while not (await asyncio.wait({task}, timeout=_next_look(until)))[0]:
            if (error := why()) is not None:
                raise error
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _in_thread(definition: AgentDefinition, function: Callable[[], Any], until: float, why: Why) -> Any:
    outcome: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            outcome.append((True, function()))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=run, name=f"agent {definition.name}", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_next_look(until))
        if not outcome and (error := why()) is not None:
            _leave_behind(definition.name, thread)
            raise error
    returned, value = outcome[0]
    if returned:
        return value
    raise value


def _leave_behind(name: str, thread: threading.Thread) -> None:
    """Nobody waits for it any more. It keeps its memory until it ends by itself, so that somebody should hear of it."""
    with _lock:
        _left_behind.difference_update([each for each in _left_behind if not each.is_alive()])
        _left_behind.add(thread)
        number = len(_left_behind)
    logger.warning(
        "agent %s goes on in its thread, which is left behind: %s such threads in this process", name, number
    )


def _next_look(until: float) -> float:
    return max(min(until - time.monotonic(), _LOOKS_EVERY), 0.001)
