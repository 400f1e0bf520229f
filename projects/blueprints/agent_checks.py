"""How agents are found, asked and replaced: routes, scatters, fallbacks, and the times that have to fit one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agents.errors import UnknownAggregation
from agents.gather import AGGREGATIONS, find_aggregation
from agents.routing import STRATEGIES
from orchestrator_site.errors import InvalidInput
from projects.blueprints.durations import format_duration
from projects.blueprints.errors import ExpressionInvalid
from projects.blueprints.expressions import RULE_ROOTS, Expression, compile_expression
from projects.blueprints.paths import Place
from projects.blueprints.schema import (
    Blueprint,
    FallbackSpec,
    NearSpec,
    RouteSpec,
    RuleSpec,
    StepKind,
    StepSpec,
    TimeoutsSpec,
)
from projects.blueprints.shaping import Finding
from projects.blueprints.suggestions import closest, did_you_mean

BY_KEY = ("affinity", "consistent_hash")
"""Strategies that go by a key."""

_OF_THE_ENGINE = (StepKind.APPROVAL, StepKind.WAIT, StepKind.PROJECT)


def rule_condition(source: str) -> Expression:
    """The condition of a rule, compiled. Raises ``ExpressionInvalid``."""
    return compile_expression(source, RULE_ROOTS)


def check_agents(blueprint: Blueprint) -> Iterator[Finding]:
    """Every step that says how its agents are found, asked or replaced."""
    for index, phase in enumerate(blueprint.phases):
        for position, step in enumerate(phase.steps):
            place: Place = ("phases", index, "steps", position)
            yield from _kinds(step, place)
            if step.route is not None and step.kind is StepKind.AGENT:
                yield from route_mistakes(RouteSpec.of(step.route), (*place, "route"))
            yield from _scatter(step, place)
            yield from _fallbacks(step, place)
            yield from _timeouts(step, place)


def _kinds(step: StepSpec, place: Place) -> Iterator[Finding]:
    """Keys that say nothing for a step of its kind."""
    unfit = ("version", "route", "fallback", "timeouts") if step.kind in _OF_THE_ENGINE else ()
    for key in unfit:
        if getattr(step, key) is not None:
            message = f"a step of kind {step.kind} is no agent's work, and has no `{key}`"
            yield Finding((*place, key), message, "Remove it.", at_key=True)
    if step.kind is StepKind.SCATTER and step.route is not None:
        message = "a scatter asks all that have the capability, and has no `route`"
        yield Finding((*place, "route"), message, "Remove it, or the `kind: scatter`.", at_key=True)
    if step.kind is StepKind.SCATTER and step.timeouts is not None and step.timeouts.heartbeat is not None:
        message = "a scatter waits for nobody who answers later, and has no `heartbeat`"
        yield Finding((*place, "timeouts", "heartbeat"), message, "Remove it.", at_key=True)


# --- routes


def route_mistakes(route: RouteSpec, place: Place) -> Iterator[Finding]:
    """What is wrong with a route, wherever it is written."""
    if route.rules and route.strategy != "content":
        yield Finding(
            (*place, "rules"),
            "rules are for the strategy content",
            "Add `strategy: content`.",
            at_key=True,
        )
    if route.key is not None and not {route.strategy, *(rule.then for rule in route.rules)} & set(BY_KEY):
        yield Finding(
            (*place, "key"),
            f"a key is gone by where the strategy is {' or '.join(BY_KEY)}",
            f"Add `strategy: {BY_KEY[0]}`, or remove it.",
            at_key=True,
        )
    if route.near is not None:
        yield from _near(route.near, (*place, "near"))
    for number, rule in enumerate(route.rules):
        here: Place = (*place, "rules", number)
        yield from _rule(rule, here)
        if rule.when is None and number < len(route.rules) - 1:
            message = "a rule without `when` always holds: those after it are never reached"
            yield Finding(here, message, "Put it last, or add `when`.")


def _near(near: NearSpec, place: Place) -> Iterator[Finding]:
    if all(getattr(near, name) is None for name in type(near).model_fields):
        yield Finding(place, "near what is not said", "Add `region`, `zone`, or `latitude` and `longitude`.")
    if (near.latitude is None) != (near.longitude is None):
        yield Finding(place, "a place has a latitude and a longitude, and one of them is missing", "Add the other.")


def _rule(rule: RuleSpec, place: Place) -> Iterator[Finding]:
    inner = [name for name in STRATEGIES if name not in ("content", "broadcast")]
    if rule.then not in inner:
        message = f"{rule.then!r} is none of {', '.join(inner)}"
        hint = did_you_mean(rule.then, inner) if closest(rule.then, inner) else ""
        yield Finding((*place, "then"), message, hint)
    if rule.when is None:
        return
    if "${" in rule.when:
        bare = rule.when.strip().removeprefix("${").removesuffix("}").strip()
        yield Finding((*place, "when"), "an expression is written here without ${…}", f'Write "{bare[:80]}".')
        return
    try:
        rule_condition(rule.when)
    except ExpressionInvalid as error:
        message = f"the expression `{rule.when[:80]}` cannot be used: {error}"
        yield Finding((*place, "when"), message, "A rule reads `params` and nothing else.")


# --- scatters


def _scatter(step: StepSpec, place: Place) -> Iterator[Finding]:
    if step.scatter is None or step.kind is not StepKind.SCATTER:
        return
    spec, here = step.scatter, (*place, "scatter")
    if spec.quorum is not None and spec.quorum > spec.at_most:
        message = f"a quorum of {spec.quorum} cannot be where at most {spec.at_most} are asked"
        yield Finding((*here, "quorum"), message, "Lower it, or raise `at_most`.")
    if spec.deadline is not None and spec.deadline > step.timeout:
        message = (
            f"the deadline, {format_duration(spec.deadline)}, is longer than the step may take, "
            f"{format_duration(step.timeout)}"
        )
        yield Finding((*here, "deadline"), message, "Lower it, or raise `timeout`.")
    try:
        find_aggregation(spec.aggregation).check(spec.options)
    except UnknownAggregation:
        message = f"there is no aggregation {spec.aggregation!r}"
        yield Finding((*here, "aggregation"), message, did_you_mean(spec.aggregation, AGGREGATIONS))
    except InvalidInput as error:
        yield Finding((*here, "options"), error.message.removesuffix("."))


# --- fallbacks


def _fallbacks(step: StepSpec, place: Place) -> Iterator[Finding]:
    if step.fallback is None or step.kind in _OF_THE_ENGINE:
        return
    several = isinstance(step.fallback, tuple)
    fallbacks = step.fallback if isinstance(step.fallback, tuple) else (step.fallback,)
    if not fallbacks:
        yield Finding((*place, "fallback"), "there is nothing to fall back to", "Add `agent: NAME` or `value: …`.")
    for number, fallback in enumerate(fallbacks):
        here: Place = (*place, "fallback", number) if several else (*place, "fallback")
        yield from _fallback(step, fallback, fallbacks[:number], here)


def _fallback(
    step: StepSpec, fallback: FallbackSpec, before: Sequence[FallbackSpec], place: Place
) -> Iterator[Finding]:
    if fallback.agent is not None and fallback.agent == step.agent:
        message = f"the step falls back to {fallback.agent!r}, the agent that could not do it"
        yield Finding((*place, "agent"), message, "Name another agent, or a `value`.")
    if fallback.agent is not None and fallback.agent in {each.agent for each in before}:
        message = f"the agent {fallback.agent!r} is fallen back to already"
        yield Finding((*place, "agent"), message, "Remove one of them.")
    causes = set(fallback.causes)
    if any(each.agent is None and (not each.causes or (causes and causes <= set(each.causes))) for each in before):
        yield Finding(place, "a value before it always stands in: this one is never reached", "Put the value last.")
    waits_for_ever = step.timeouts is None or step.timeouts.schedule_to_start is None
    if causes == {"no_agent"} and waits_for_ever:
        message = "a step waits for an agent without end, so that this never stands in"
        yield Finding((*place, "causes"), message, "Add `timeouts: {schedule_to_start: 10m}`.")


# --- times


def _timeouts(step: StepSpec, place: Place) -> Iterator[Finding]:
    if step.timeouts is None or step.kind in _OF_THE_ENGINE:
        return
    times, here = step.timeouts, (*place, "timeouts")
    if all(getattr(times, name) is None for name in TimeoutsSpec.model_fields):
        yield Finding(here, "no limit is said", "Add `schedule_to_start`, `heartbeat` or `schedule_to_close`.")
    whole = times.schedule_to_close
    if whole is not None and whole < step.timeout:
        message = (
            f"the time for all attempts, {format_duration(whole)}, is shorter than that for one, "
            f"{format_duration(step.timeout)}"
        )
        yield Finding((*here, "schedule_to_close"), message, "Raise it, or lower `timeout`.")
    if whole is not None and times.schedule_to_start is not None and times.schedule_to_start > whole:
        message = f"the step is over after {format_duration(whole)}, before it has waited as long as it may"
        yield Finding((*here, "schedule_to_start"), message, "Lower it, or raise `schedule_to_close`.")
    if times.heartbeat is not None and times.heartbeat > step.timeout:
        message = f"an attempt is over after {format_duration(step.timeout)}, before the agent has been silent for long"
        yield Finding((*here, "heartbeat"), message, "Lower it, or raise `timeout`.")
