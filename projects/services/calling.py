"""Agents that are called by agents: a language model whose tools are others, on behalf of the attempt at one step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from agents import dispatching
from agents.dispatching import Sought
from agents.errors import AgentBusy, AgentFailure, NoAgentNow, PermanentFailure
from agents.llm.abilities import Allowance
from agents.resilience import services as guards
from agents.routing import Request
from agents.values import Done, Work
from projects.services.attempts import Claim
from projects.services.workers import this_process

DEEPEST = 4
"""Agents that call one another in a row, the step's own among them: two that call each other come to an end."""


def call(caller: Any, step: Claim, name: str, params: Mapping[str, Any], *, timeout: float) -> Any:
    """The result of the agent. Raises ``AgentFailure``, ``AgentNotFound``."""
    context = CalledContext(caller, name, params)
    if context.depth > DEEPEST:
        raise PermanentFailure(f"Agent {name!r} is not called: {DEEPEST} agents call one another already.")
    work = Work(
        project_id=context.project_id,
        step_id=str(step.id),
        step_key=step.key,
        attempt=step.attempt,
        idempotency_key=context.idempotency_key,
        params=context.params,
        timeout=timeout,
    )
    try:
        served = dispatching.dispatch(Sought(name=name), Request(), work, context, worker=this_process().name)
    except NoAgentNow as error:
        raise AgentBusy(str(error), retry_after=error.retry_after) from error
    if isinstance(served.answer, Done):
        return served.answer.value
    if served.kept is not None:
        guards.end(served.agent, served.kept)
    raise AgentFailure(f"Agent {name!r} would answer later, which whoever calls it cannot wait for.")


class CalledContext:
    """The context of an agent that another calls: the caller's, with its own parameters and idempotency key.

    What it uses is booked to the attempt, and what the attempt may use it may.
    """

    def __init__(self, caller: Any, name: str, params: Mapping[str, Any]) -> None:
        self._caller = caller
        self._attempt: Any = getattr(caller, "_attempt", caller)
        self.depth: int = getattr(caller, "depth", 1) + 1
        self.params = dict(params)
        self.idempotency_key = _key(caller, name, params)
        self.calls: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        """All else is the attempt's: inputs, results, documents, usage, whether it is cancelled."""
        return getattr(self._attempt, name)

    def allowance(self) -> Allowance:
        """What is left for the attempt."""
        found: Allowance = self._attempt.allowance()
        return found

    def call_agent(self, name: str, params: Mapping[str, Any], *, timeout: float) -> Any:
        """The result of another agent, one deeper."""
        return call(self, self._attempt.step, name, params, timeout=timeout)


def _key(caller: Any, name: str, params: Mapping[str, Any]) -> str:
    """The same for the same call in another attempt at the step; the second such call of one attempt has another."""
    asked = f"{caller.idempotency_key} {name} {json.dumps(dict(params), sort_keys=True, default=str)}"
    calls: dict[str, int] = caller.calls
    calls[asked] = number = calls.get(asked, 0) + 1
    return hashlib.sha256(f"{asked} {number}".encode()).hexdigest()[:32]
