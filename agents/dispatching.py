"""One attempt at a piece of work: who gets it, whether they may be called now, the call, and what is learned from it.

Candidates come from the registry, how they stand from resilience, the choice from routing. Whoever is chosen has to
admit the work in one atomic step; where they refuse, the next in the order of preference is asked. An agent of this
process's own that has no limits is called without asking anybody, for its standing is remembered: that costs
microseconds, and what others have seen of it a tenth of a second.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents import versions
from agents.definition import AgentContext, AgentDefinition, own_agent, registered_agents
from agents.errors import AgentFailure, AgentNotFound, AgentNotRegistered, NoAgentNow
from agents.resilience import services as guards
from agents.resilience.outcomes import Ending, Outcome
from agents.resilience.rules import SETTING
from agents.resilience.states import CircuitState
from agents.routing import Decision, Request, Sought
from agents.routing.values import CIRCUIT_OPEN
from agents.services import candidates, noting
from agents.states import TAKES_STEPS, AgentState
from agents.transports import TRANSPORTS
from agents.transports.python import call
from agents.values import Accepted, Answer, Performer, TransportName, Work
from agents.wire.results import done
from orchestrator_site.conf import conf

if TYPE_CHECKING:
    from agents.routing import Standing as Load
    from agents.services.routing import Router

__all__ = ["Served", "Sought", "ask", "call_own", "dispatch", "preview", "reset"]

Chosen = Callable[[Performer, Mapping[str, Any] | None], None]
"""Told who is about to be called, and by which decision; what it raises ends the attempt before the call."""


@dataclass(frozen=True, slots=True)
class Served:
    """An answer, and whose it is. ``decision`` is None where there was nothing to decide.

    ``kept`` is the place of an agent that will answer later: whoever ends the attempt gives it back.
    """

    answer: Answer
    agent: Performer
    decision: Mapping[str, Any] | None = None
    kept: guards.Kept | None = None


def dispatch(
    sought: Sought, request: Request, work: Work, context: AgentContext, *, worker: str, chosen: Chosen | None = None
) -> Served:
    """Have the work done by one of those who are sought.

    ``worker`` names the process that holds the place with the agent. ``chosen`` is told whom before the call.
    Raises ``NoAgentNow`` where nobody can take it at this moment, ``AgentNotFound`` where nobody of that name can
    ever, and what ``Transport.perform`` raises.
    """
    choice = _router().decide(sought, request)
    refusals: list[guards.Refused] = []
    for agent in choice.performers:
        own = _free(agent.name) if agent.transport is TransportName.PYTHON else None
        if own is not None:
            if chosen is not None:
                chosen(agent, _kept(choice.decision, agent, refusals, named=bool(sought.name)))
            answer = _call_freely(own, lambda: work, context, worker, timeout=work.timeout)
            return Served(answer, agent, choice.decision.to_json())
        admitted = guards.admit(agent, work.project_id, worker)
        if isinstance(admitted, guards.Refused):
            refusals.append(admitted)
            continue
        decision = _kept(choice.decision, agent, refusals, named=bool(sought.name))
        try:
            if chosen is not None:
                chosen(agent, decision)
        except BaseException:
            guards.release(admitted)
            raise
        choice.took(agent.id)
        try:
            answer, kept = _call(agent, admitted, work, context)
            return Served(answer, agent, decision, kept)
        finally:
            choice.gave_back(agent.id)
    raise NoAgentNow(
        f"No agent can take it now: {'; '.join(dict.fromkeys(refused.why for refused in refusals))}.",
        decision=choice.decision.to_json(),
        retry_after=min(refused.retry_after for refused in refusals),
    )


def call_own(
    name: str, work: Callable[[], Work], context: AgentContext, *, worker: str, timeout: float
) -> Answer | None:
    """The answer of a function of this process that has no limits; None: it is no such function, have it dispatched.

    The hot path: nobody is asked, and ``work`` is made only where somebody has to be. Raises as ``dispatch`` does.
    """
    own = _free(name)
    return None if own is None else _call_freely(own, work, context, worker, timeout=timeout)


def ask(agent: Performer, work: Work, context: AgentContext, *, worker: str, together: int | None = None) -> Answer:
    """Have this agent do the work, if it may be called now. Raises as ``dispatch`` does.

    ``together``: so many are asked at once for one step, whose own places they take: of its project's it has one.
    """
    among = work.project_id if together is None else work.step_id
    admitted = guards.admit(agent, among, worker, project_places=together)
    if isinstance(admitted, guards.Refused):
        raise NoAgentNow(f"Agent {agent.name!r}: {admitted.why}.", retry_after=admitted.retry_after)
    answer, kept = _call(agent, admitted, work, context)
    if kept is not None:
        guards.end(agent, kept)  # nobody will wait for what it brings later
    return answer


def preview(sought: Sought, request: Request) -> Decision:
    """Who would get it now and why; nobody is called, and nothing is taken."""
    return _router().preview(sought, request).decision


def reset() -> None:
    """Forget what this process knows of agents, as a fork or a test wants it."""
    _router.cache_clear()
    _performers.clear()
    _owned.clear()
    _well.clear()
    candidates.reset()


os.register_at_fork(after_in_child=reset)


def _call_freely(own: _Own, work: Callable[[], Work], context: AgentContext, worker: str, *, timeout: float) -> Answer:
    """Call an agent of this process that has no limits: only its circuit is looked at, as it is remembered."""
    agent = own.agent
    began = time.monotonic()
    if not _is_well(agent, began):
        return ask(agent, work(), context, worker=worker)
    try:
        answer = done(agent.name, call(own.definition, context, timeout=timeout))
    except BaseException as error:
        seconds = time.monotonic() - began
        _note(agent, guards.outcome_of(error), seconds)
        _count_failure(agent, work(), worker, error, seconds)
        raise
    noting.note(agent.id, ok=True, seconds=time.monotonic() - began)
    return answer


def _is_well(agent: Performer, now: float) -> bool:
    """Whether nothing stood before the agent when it was last looked at, which is at most a tenth of a second ago."""
    if now < _well.get(agent.id, 0.0):
        return True
    standing = guards.standing((agent,)).get(agent.id)
    if standing is not None and (standing.state is not CircuitState.CLOSED or standing.paused_for > 0):
        return False
    _well[agent.id] = now + conf().standing_seconds
    return True


def _count_failure(agent: Performer, work: Work, worker: str, error: BaseException, seconds: float) -> None:
    """A failure that the agent says is its own counts for its circuit.

    Whatever else a function of ours raises says as much of the work as of the agent: five bad documents must not keep
    the good ones from being read.
    """
    if not (isinstance(error, AgentFailure) and error.retryable):
        return
    _well.pop(agent.id, None)
    admitted = guards.admit(agent, work.project_id, worker)
    if not isinstance(admitted, guards.Refused):
        guards.settle(admitted, guards.outcome_of(error), seconds)


def _call(
    agent: Performer, admitted: guards.Admitted, work: Work, context: AgentContext
) -> tuple[Answer, guards.Kept | None]:
    """Call an agent that has admitted the work, and give the place back with what was learned.

    Of an agent that will answer later nothing is known yet: it keeps the place, which is given beside its answer.
    """
    began = time.monotonic()
    try:
        answer = TRANSPORTS[agent.transport].perform(agent, work, context)
    except BaseException as error:
        _learn(agent, admitted, error, time.monotonic() - began)
        raise
    if isinstance(answer, Accepted):
        return answer, guards.leave(admitted, answer.within)
    _learn(agent, admitted, None, time.monotonic() - began)
    return answer, None


def _learn(agent: Performer, admitted: guards.Admitted, error: BaseException | None, seconds: float) -> None:
    outcome = guards.outcome_of(error)
    guards.settle(admitted, outcome, seconds)
    _note(agent, outcome, seconds)


def _note(agent: Performer, outcome: Outcome, seconds: float) -> None:
    """For the agent's health; what was called off, or broken off by our own side, says nothing of it."""
    if outcome.ending is not Ending.ABANDONED:
        noting.note(agent.id, ok=outcome.ending is Ending.ANSWERED, seconds=seconds)


def _kept(
    decision: Decision, agent: Performer, refusals: Sequence[guards.Refused], *, named: bool
) -> Mapping[str, Any] | None:
    """The decision as the attempt keeps it; an agent that was named leaves nothing to decide."""
    if named:
        return None
    kept = decision.to_json() | {"agent": agent.name}
    return kept | {"refused": [refused.why for refused in refusals]} if refusals else kept


# --- who there is, and how they stand: the registry and resilience, as routing asks for them


class _Registry:
    """The registry, with what this process can call of it."""

    def version(self) -> int:
        """Grows with every change."""
        return candidates.current_version()

    def performers(self, sought: Sought) -> tuple[Performer, ...]:
        """Those that could do it. Raises ``AgentNotFound`` for a name that nobody has."""
        found = self._named(sought.name) if sought.name else _capable(sought)
        within_reach = tuple(agent for agent in found if _is_within_reach(agent))
        _performers.update((agent.id, agent) for agent in within_reach)
        return within_reach

    def _named(self, name: str) -> tuple[Performer, ...]:
        own = _own(name)
        if own is not None:
            return () if own.agent.state is AgentState.DRAINING else (own.agent,)
        try:
            found = candidates.by_name(name)
        except AgentNotRegistered:
            raise AgentNotFound.named(name, registered_agents()) from None
        return (found,) if found.state in TAKES_STEPS else ()


def _capable(sought: Sought) -> tuple[Performer, ...]:
    """Who is registered with the capability, and functions of this process that no worker has registered yet."""
    found = candidates.performers(sought.capability, sought.specifiers)
    offering = [each for each in registered_agents().values() if sought.capability in each.capabilities]
    own = [each for each in offering if not candidates.is_registered(each.name)]
    fitting = versions.matching((each.capabilities[sought.capability] for each in own), sought.specifiers)
    return (*found, *(_performer_of(each) for each in own if each.capabilities[sought.capability] in fitting))


class _Loads:
    """How agents stand, by what resilience counts for all workers."""

    def standing(self, ids: Sequence[str]) -> Mapping[str, Load]:
        """How these stand."""
        known = guards.standing([_performers[each] for each in ids if each in _performers])
        return {each: _load(stands) for each, stands in known.items()}


def _load(stands: guards.Standing) -> Load:
    from agents.routing import Standing as Load  # with NumPy, which a process that routes has by now

    if stands.open:
        return Load(stands.running, stands.limit or None, CIRCUIT_OPEN, stands.paused_for or None)
    if stands.paused_for > 0:
        return Load(stands.running, stands.limit or None, "it asked to be left alone", stands.paused_for)
    return Load(stands.running, stands.limit or None)


_performers: dict[str, Performer] = {}
"""Agents by id, as the registry last gave them to routing."""


@functools.cache
def _router() -> Router:
    from agents.services.routing import Router  # computes with NumPy: a worker whose steps name agents never needs it

    return Router(_Registry(), _Loads())


def _is_within_reach(agent: Performer) -> bool:
    """A Python agent runs where its function is; all others can be called from anywhere."""
    return agent.transport != TransportName.PYTHON or own_agent(agent.name) is not None


def _free(name: str) -> _Own | None:
    """The function of this process of that name, if it has no limits."""
    own = _own(name)
    return None if own is None or own.limited else own


@dataclass(frozen=True, slots=True)
class _Own:
    """A function of this process as the registry had it at the moment ``read_at``, on the monotonic clock.

    ``limited`` if calls of it are counted, or it drains. Those for processes of their own are as many as these are.
    """

    definition: AgentDefinition
    agent: Performer
    limited: bool
    read_at: float


_well: dict[str, float] = {}
"""Functions of this process by id, with the moment until which they are taken to be well."""

_owned: dict[str, _Own] = {}
"""What is asked for every step, for as long as answers of the registry are taken for good without asking it."""


def _own(name: str) -> _Own | None:
    definition = own_agent(name)
    if definition is None:
        return None
    known, now = _owned.get(name), time.monotonic()
    if known is None or known.definition is not definition or now - known.read_at >= conf().registry_check_seconds:
        agent = _performer_of(definition)
        counted = definition.queue == "io" or conf().python_agent_places is not None
        limited = counted or agent.max_concurrency is not None or SETTING in agent.settings
        limited = limited or agent.state is AgentState.DRAINING
        _owned[name] = known = _Own(definition, agent, limited, now)
    return known


def _performer_of(definition: AgentDefinition) -> Performer:
    """The agent as the registry has it; as the function says of itself where it is not registered yet."""
    try:
        return candidates.by_name(definition.name)
    except AgentNotRegistered:
        return _unregistered(definition.name, definition.version)


@functools.lru_cache(maxsize=1024)
def _unregistered(name: str, version: str) -> Performer:
    return Performer(id=f"python:{name}", name=name, version=version)
