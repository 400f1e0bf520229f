"""Having the work of an attempt done: by the agent that the step names, by one that is chosen, or by many at once.

What comes of it is a result, or that the agent will bring it later by its lease token. Where it fails for good a
fallback may stand in, and the result says so.
"""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents import dispatching, leasing
from agents.dispatching import Served, Sought
from agents.errors import AgentTimedOut, NoAgentNow, PermanentFailure, ResultUnusable
from agents.registry import load_agents
from agents.resilience import services as guards
from agents.resilience.fallback import Ask, Cause, Constant, Degraded, Fallback, OtherAgent, degrade, degraded_by
from agents.routing import Request
from agents.services import candidates
from agents.services.scattering import scatter
from agents.values import Accepted, Done, Performer, Work
from orchestrator_site.storable import said_by, storable
from projects import sql
from projects.blueprints.schema import FallbackSpec, RouteSpec, ScatterSpec, StepKind
from projects.models import Attempt
from projects.services import choosing, claims, holding
from projects.services.attempts import Claim
from projects.services.contexts import StepContext
from projects.services.workers import WorkerProcess
from projects.states import AttemptOutcome


@dataclass(frozen=True, slots=True)
class Left:
    """Work that an agent took and will answer later; it keeps its place until then."""

    agent: Performer
    accepted: Accepted
    place: guards.Kept


@dataclass(frozen=True, slots=True)
class Performed:
    """A result as JSON text, with its mark where it is a fallback's; or that it is left to an agent."""

    text: str = ""
    degraded: str | None = None
    left: Left | None = None


def perform(step: Claim, context: StepContext, worker: WorkerProcess) -> Performed:
    """Have the attempt's work done. Raises ``NoAgentNow`` where nobody can take it, and whatever the agent raises."""
    load_agents()
    _refuse_what_was_given_up(step)
    clocks = holding.check(step)
    timeout = step.timeout_seconds
    if clocks is not None and (left := clocks.time_left) is not None:
        timeout = min(timeout, left)
    # What cannot be evaluated fails the step before anybody is called.
    params = context.params if step.spec.get("params") else {}
    if step.spec.get("kind") == StepKind.SCATTER:
        return Performed(_text(step, _scatter(step, context, worker, timeout)))
    if step.agent and not step.looks:
        # A function of ours needs no token, and mostly reads nothing of the work but its time.
        bare = functools.partial(_work, step, context, params, token="", timeout=timeout)
        answer = dispatching.call_own(step.agent, bare, context, worker=worker.name, timeout=timeout)
        if isinstance(answer, Done):
            return _done(step, answer)
    work = _work(step, context, params, token=leasing.issue(step.id, step.attempt), timeout=timeout)
    served = dispatching.dispatch(
        _sought(step),
        _request(step, context, params),
        work,
        context,
        worker=worker.name,
        chosen=lambda agent, decision: _note_choice(step, worker, agent, decision),
    )
    return _performed(step, served)


def leave(left: Left, step: Claim, worker: WorkerProcess) -> None:
    """Leave the attempt to the agent that took it: from here the lease is its own, and this worker is free.

    Where the agent was quicker and has answered already, or the attempt was taken from this worker, nothing is left.
    """
    within = holding.limits(step).heartbeat or left.accepted.within
    rows = sql.rows(
        "leave_to_agent",
        step=step.id,
        attempt=step.attempt,
        agent=_registered_id(left.agent),
        name=left.agent.name,
        within=within,
        place=json.dumps(left.place),
        actor=worker.actor,
    )
    if not rows:
        guards.end(left.agent, left.place)
    elif within != left.accepted.within:
        guards.hold(left.agent, left.place, within)


GIVEN_UP = "given_up"
"""Marks the error of an attempt after which only the fallback is left, which is another agent: a worker asks it."""


def _refuse_what_was_given_up(step: Claim) -> None:
    """Where an agent failed the step later and for good, what is left to this attempt is to have it stood in for."""
    if not step.failures or "fallback" not in step.spec:
        return
    no_end = (AttemptOutcome.HELD, AttemptOutcome.LOST, AttemptOutcome.HANDED_BACK, AttemptOutcome.RUNNING)
    ended = Attempt.objects.filter(step_id=step.id, number__lt=step.attempt).exclude(outcome__in=no_end)
    last = ended.order_by("-number").values_list("error", flat=True).first() or {}
    if last.get(GIVEN_UP):
        timed_out = last.get("code") == AgentTimedOut.code
        raise (AgentTimedOut if timed_out else PermanentFailure)(str(last.get("message")))


def next_fallback(step: Claim, cause: Cause, error: BaseException) -> Degraded | Ask | None:
    """What the step would degrade to; nobody is asked."""
    fallbacks = [_fallback(each) for each in FallbackSpec.all_of(step.spec.get("fallback"))]
    return degrade(fallbacks, cause=cause, why=_why(error), tried={step.agent})


def constant(step: Claim, found: Degraded) -> Performed:
    """The value that was found, as a result."""
    return Performed(_text(step, found.value), json.dumps(found.mark))


def _why(error: BaseException) -> str:
    return said_by(error)[:1000]


def stand_in(
    step: Claim, context: StepContext, worker: WorkerProcess, *, cause: Cause, error: BaseException
) -> Performed | None:
    """What the step degrades to after it has failed for good, or could not begin; None: it fails as it stands.

    Another agent is asked within the same attempt; where that fails too, the next fallback is.
    """
    fallbacks = [_fallback(each) for each in FallbackSpec.all_of(step.spec.get("fallback"))]
    tried = {step.agent}
    why = _why(error)
    if fallbacks:
        claims.take_up(step, worker)
    while fallbacks:
        match degrade(fallbacks, cause=cause, why=why, tried=tried):
            case None:
                return None
            case Degraded() as degraded:
                return constant(step, degraded)
            case Ask(name):
                tried.add(name)
                if (answer := _ask_instead(step, context, worker, name)) is not None:
                    return Performed(_text(step, answer.value), json.dumps(_mark(name, answer, cause, why)))
    return None


def _mark(name: str, answer: Done, cause: Cause, why: str) -> Mapping[str, Any]:
    return degraded_by(name, answer.value, cause=cause, why=why).mark


def _ask_instead(step: Claim, context: StepContext, worker: WorkerProcess, name: str) -> Done | None:
    """The answer of the agent that stands in; None where it failed, cannot be called, or would answer later."""
    try:
        work = _work(step, context, context.params, token="", timeout=step.timeout_seconds)
        served = dispatching.dispatch(Sought(name=name), Request(), work, context, worker=worker.name)
    except Exception as error:
        context.logger.warning("agent %s, which was to stand in at %s, failed: %s", name, step.key, error)
        return None
    if isinstance(served.answer, Done):
        return served.answer
    if served.kept is not None:
        guards.end(served.agent, served.kept)
    context.logger.warning("agent %s, which was to stand in at %s, would answer later", name, step.key)
    return None


def _performed(step: Claim, served: Served) -> Performed:
    if isinstance(served.answer, Accepted):
        return Performed(left=Left(served.agent, served.answer, served.kept or {}))
    return _done(step, served.answer)


def _done(step: Claim, answer: Done) -> Performed:
    return Performed(answer.text if answer.text is not None else _text(step, answer.value))


def _text(step: Claim, value: Any) -> str:
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ResultUnusable(f"What step {step.key!r} came to cannot be held by JSON: {error}.") from error


# --- whom to ask, and what


def _sought(step: Claim) -> Sought:
    if step.agent:
        return Sought(name=step.agent)
    return Sought(capability=step.spec.get("capability", ""), specifiers=step.spec.get("version", ""))


def _work(step: Claim, context: StepContext, params: Mapping[str, Any], *, token: str, timeout: float) -> Work:
    return Work(
        project_id=context.project_id,
        step_id=str(step.id),
        step_key=step.key,
        attempt=step.attempt,
        idempotency_key=context.idempotency_key,
        params=params,
        timeout=timeout,
        lease_token=token,
        capability=step.spec.get("capability"),
    )


_PLAIN = Request()


def _request(step: Claim, context: StepContext, params: Mapping[str, Any]) -> Request:
    """How the agent is to be chosen; whoever failed this step before is asked again only where nobody else is left."""
    if step.agent:
        return _PLAIN
    route = RouteSpec.of(step.spec.get("route"))
    return Request(
        strategy=route.strategy or choosing.DEFAULT_ROUTE,
        key=str(context.rendered(route.key)) if route.key else str(step.item if step.item is not None else step.key),
        payload=params,
        location=choosing.location_of(route.near, context.rendered),
        exclude=_tried(step),
        rules=choosing.rules_of(route),
        wanted=4,
    )


def _tried(step: Claim) -> frozenset[str]:
    """Agents at which an attempt at this step failed, unless that is everybody who could do it."""
    if not step.failures:
        return frozenset()
    ended_badly = (AttemptOutcome.FAILED, AttemptOutcome.TIMED_OUT)
    failed = Attempt.objects.filter(step_id=step.id, outcome__in=ended_badly, performer_id__isnull=False)
    tried = {str(performer) for performer in failed.values_list("performer_id", flat=True)}
    sought = _sought(step)
    able = {agent.id for agent in candidates.performers(sought.capability, sought.specifiers)}
    return frozenset(tried) if able - tried else frozenset()


def _note_choice(step: Claim, worker: WorkerProcess, agent: Performer, decision: Mapping[str, Any] | None) -> None:
    """Write down who is about to be called, so that a person can see it, also while they are at work."""
    claims.take_up(step, worker)
    sql.execute(
        "chosen_agent",
        step=step.id,
        attempt=step.attempt,
        name=agent.name,
        agent=_registered_id(agent),
        decision=None if decision is None else json.dumps(storable(decision)),
    )


def _registered_id(agent: Performer) -> uuid.UUID | None:
    try:
        return uuid.UUID(agent.id)
    except ValueError:  # a function that no worker has registered
        return None


def _fallback(spec: FallbackSpec) -> Fallback:
    causes = frozenset(Cause(cause) for cause in spec.causes) if spec.causes else frozenset(Cause)
    return OtherAgent(spec.agent, causes) if spec.agent is not None else Constant(spec.value, causes)


# --- many at once


def _scatter(step: Claim, context: StepContext, worker: WorkerProcess, timeout: float) -> Any:
    """The answers of all who can do it, made one. Raises ``QuorumMissed``, ``AnswersUnusable``, ``NoAgentNow``."""
    spec = ScatterSpec.model_validate(step.spec.get("scatter") or {})
    asked = candidates.performers(step.spec.get("capability", ""), step.spec.get("version", ""))[: spec.at_most]
    if not asked:
        raise NoAgentNow(
            f"No agent is registered for capability {step.spec.get('capability')!r}, or none that takes steps.",
            retry_after=2.0,
            nobody=True,
        )
    claims.take_up(step, worker)
    work = _work(step, context, context.params, token="", timeout=timeout)

    def ask(agent: Performer, params: Mapping[str, Any], seconds: float) -> Any:
        # Each agent has an idempotency key of its own: they are asked for the same, and not for each other's work.
        own = replace(work, params=params, timeout=seconds, idempotency_key=f"{work.idempotency_key}.{agent.id}"[:100])
        return dispatching.ask(agent, own, context, worker=worker.name, together=len(asked))

    gathered = scatter(
        asked,
        context.params,
        perform=ask,
        deadline=min(spec.deadline or timeout, timeout),
        aggregation=spec.aggregation,
        options=spec.options,
        quorum=spec.quorum,
        partial=spec.partial,
    )
    return gathered.to_json()
