"""Every expression of a blueprint: that it can be read, and that what it reads will be there by then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from projects.blueprints.errors import ExpressionInvalid
from projects.blueprints.evaluation import ITEM_ROOTS, ROOTS, Expression, compile_expression
from projects.blueprints.graph_checks import all_needs
from projects.blueprints.paths import Place
from projects.blueprints.reading_checks import Readable, Reader
from projects.blueprints.schema import ApprovalSpec, Blueprint, PhaseSpec, RouteSpec, StepSpec
from projects.blueprints.shaping import Finding
from projects.blueprints.swarm_settings import templates_in
from projects.blueprints.templates import expressions_in, texts_of

_EVERYWHERE = ROOTS - ITEM_ROOTS
_BEFORE_STEPS = frozenset({"inputs", "intent"})
_WHEN_MADE = _BEFORE_STEPS | {"project"}
_AT_ANY_TIME = frozenset({"inputs", "intent", "variables", "project"})


@dataclass(frozen=True, slots=True)
class _Spot:
    """An expression, where it stands, and what it may read there."""

    place: Place
    source: str
    roots: frozenset[str]
    readable: Readable


def check_expressions(blueprint: Blueprint) -> Iterator[Finding]:
    """What cannot be understood, what does not exist, and what will not be there yet."""
    reader = Reader(blueprint)
    for spot in _spots(blueprint):
        if isinstance(spot, Finding):
            yield spot
            continue
        try:
            expression: Expression = compile_expression(spot.source, spot.roots)
        except ExpressionInvalid as error:
            yield Finding(
                spot.place, f"the expression `{_short(spot.source)}` cannot be used: {error}", _how(spot.source)
            )
            continue
        for message, hint in reader.mistakes(expression, spot.readable):
            yield Finding(spot.place, f"in `{_short(spot.source)}`, {message}", hint)


def _spots(blueprint: Blueprint) -> Iterator[_Spot | Finding]:
    yield from _templates(blueprint.variables, ("variables",), _BEFORE_STEPS, Readable())
    if blueprint.plan_changes is not None:
        asked = blueprint.plan_changes.approval
        yield from _of_approval(asked, ("plan_changes", "approval"), Readable(), _AT_ANY_TIME)
    before: frozenset[str] = frozenset()
    decided: frozenset[str] = frozenset()
    for index, phase in enumerate(blueprint.phases):
        place: Place = ("phases", index)
        needs = all_needs(phase)
        for position, step in enumerate(phase.steps):
            readable = Readable(before | needs[step.key], decided, step.key, phase.key)
            yield from _of_step(step, (*place, "steps", position), readable)
        before |= {step.key for step in phase.steps}
        yield from _of_gate(phase, (*place, "gate"), Readable(before, decided, None, phase.key))
        if phase.gate is not None and phase.gate.approval is not None:
            decided |= {phase.key}


def _of_step(step: StepSpec, place: Place, readable: Readable) -> Iterator[_Spot | Finding]:
    for key in ("when", "for_each"):
        source = getattr(step, key)
        if source is not None:
            yield _condition(source, (*place, key), readable)
    roots = ROOTS if step.for_each is not None else _EVERYWHERE
    yield from _templates(step.params, (*place, "params"), roots, readable)
    if isinstance(step.route, RouteSpec):
        yield from _of_route(step.route, (*place, "route"), roots, readable)
    if step.concurrency is not None:
        yield from _templates(step.concurrency.key, (*place, "concurrency", "key"), _WHEN_MADE, Readable())
    if step.compensate is not None:
        own = Readable(readable.steps | {step.key}, readable.approvals, None, readable.phase)
        yield from _templates(step.compensate.params, (*place, "compensate", "params"), roots, own)
    if step.wait is not None:
        yield from _templates(step.wait.duration, (*place, "wait", "for"), roots, readable)
    if step.project is not None:
        yield from _templates(step.project.inputs, (*place, "project", "inputs"), roots, readable)
    if step.swarm is not None:
        for below, template in templates_in(step.swarm):
            yield from _templates(template, (*place, "swarm", *below), _EVERYWHERE, readable)
    if step.approval is not None:
        yield from _of_approval(step.approval, (*place, "approval"), readable, roots)


def _of_route(route: RouteSpec, place: Place, roots: frozenset[str], readable: Readable) -> Iterator[_Spot | Finding]:
    """Its key, and where the work comes from; its rules are read by ``agent_checks``."""
    yield from _templates(route.key, (*place, "key"), roots, readable)
    if route.near is not None:
        for name in ("region", "zone"):
            yield from _templates(getattr(route.near, name), (*place, "near", name), roots, readable)


def _of_gate(phase: PhaseSpec, place: Place, readable: Readable) -> Iterator[_Spot | Finding]:
    if phase.gate is None:
        return
    for number, condition in enumerate(phase.gate.quality):
        yield _condition(condition.check, (*place, "quality", number, "check"), readable)
    if phase.gate.approval is not None:
        yield from _of_approval(phase.gate.approval, (*place, "approval"), readable)


def _of_approval(
    approval: ApprovalSpec, place: Place, readable: Readable, roots: frozenset[str] = _EVERYWHERE
) -> Iterator[_Spot | Finding]:
    for key in ("title", "description", "content", "evidence"):
        yield from _templates(getattr(approval, key), (*place, key), roots, readable)


def _condition(source: str, place: Place, readable: Readable) -> _Spot | Finding:
    if "${" in source:
        bare = source.strip().removeprefix("${").removesuffix("}").strip()
        return Finding(place, "an expression is written here without ${…}", f'Write "{_short(bare)}".')
    return _Spot(place, source, _EVERYWHERE, readable)


def _templates(template: Any, place: Place, roots: frozenset[str], readable: Readable) -> Iterator[_Spot | Finding]:
    for below, text in texts_of(template):
        try:
            sources = expressions_in(text)
        except ExpressionInvalid as error:
            yield Finding((*place, *below), str(error), "Close it with }, or write $${ for a plain ${.")
            continue
        for source in sources:
            yield _Spot((*place, *below), source, roots, readable)


def _how(source: str) -> str:
    """What people write who know another language."""
    words = f" {source} "
    for theirs, ours in ((" and ", "&&"), (" or ", "||"), (" not ", "!"), (" is ", "==")):
        if theirs in words:
            return f"Write {ours} for{theirs.rstrip()}."
    if "True" in words or "False" in words or "None" in words:
        return "Write true, false and null in small letters."
    return ""


def _short(source: str) -> str:
    return source if len(source) <= 80 else f"{source[:77]}…"
