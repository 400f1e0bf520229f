"""Calling a Python function as an agent, with a limit of time.

In the main thread of a worker process an alarm interrupts the function. In any other thread Python offers no way to
stop a function: it is left behind, its result is refused by its attempt number, and the step goes on without it.
Coroutines are cancelled by their event loop wherever they run.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from agents.definition import AgentContext, AgentDefinition, find_agent
from agents.errors import AgentNotFound, AgentSettingsRefused, AgentTimedOut
from agents.values import Answer, Performer, TransportName, Work
from agents.wire.results import done

_SETTINGS = {"queue", "resilience"}
"""Which pool of workers runs the function, and what protects it."""


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

    Raises ``AgentTimedOut`` after it, and whatever the agent raises.
    """
    if inspect.iscoroutinefunction(definition.function):
        return asyncio.run(_awaited(definition, context, timeout))
    if threading.current_thread() is threading.main_thread():
        with _alarm(definition, timeout):
            return definition.function(context)
    return _in_thread(definition, lambda: definition.function(context), timeout)


def _timed_out(definition: AgentDefinition, timeout: float) -> AgentTimedOut:
    return AgentTimedOut(f"Agent {definition.name!r} took longer than {timeout:g} s.")


async def _awaited(definition: AgentDefinition, context: AgentContext, timeout: float) -> Any:  # noqa: ASYNC109
    try:
        async with asyncio.timeout(timeout):
            return await definition.function(context)
    except TimeoutError as error:
        raise _timed_out(definition, timeout) from error


@contextmanager
def _alarm(definition: AgentDefinition, timeout: float) -> Iterator[None]:
    def ring(_signal: int, _frame: FrameType | None) -> None:
        raise _timed_out(definition, timeout)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _in_thread(definition: AgentDefinition, function: Callable[[], Any], timeout: float) -> Any:
    outcome: list[tuple[bool, Any]] = []

    def run() -> None:
        try:
            outcome.append((True, function()))
        except BaseException as error:
            outcome.append((False, error))

    thread = threading.Thread(target=run, name=f"agent {definition.name}", daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        raise _timed_out(definition, timeout)
    returned, value = outcome[0]
    if returned:
        return value
    raise value
