"""Planting: the rows of a project's phases and steps, from its blueprint, or for another round of a phase."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from agents.registry import load_agents, registered_agents
from agents.services.candidates import by_name, is_registered, performers
from agents.values import Performer, TransportName
from projects.blueprints.expressions import render_to_keep
from projects.blueprints.schema import Blueprint, StepKind, StepSpec
from projects.errors import ConcurrencyKeyEmpty
from projects.models import Dependency, Phase, PlanVersion, Project, Step
from projects.services import budgets


def plant(project: Project, blueprint: Blueprint, *, author: str, bare: Collection[str] = ()) -> None:
    """All phases with their first round, so that the whole graph is there to be seen; and plan version 1.

    ``bare`` names phases whose steps the caller makes.
    """
    load_agents()
    phases = Phase.objects.bulk_create(
        Phase(
            project=project,
            key=spec.key,
            title=spec.title or spec.key.replace("_", " ").capitalize(),
            position=position,
            gate=spec.gate.model_dump(mode="json") if spec.gate is not None else None,
        )
        for position, spec in enumerate(blueprint.phases)
    )
    budgets.lay_down(project, blueprint.budgets, blueprint.phases)
    covers = budgets.coverage(project)
    steps = [
        step_of(project, phase, position, step, covers=covers)
        for phase, spec in zip(phases, blueprint.phases, strict=True)
        if phase.key not in bare
        for position, step in enumerate(spec.steps)
    ]
    Step.objects.bulk_create(steps, batch_size=1000)
    needs = {step.key: step.needs for spec in blueprint.phases for step in spec.steps}
    _connect(steps, needs)
    PlanVersion.objects.create(
        project=project,
        number=1,
        author=author,
        reason=f"blueprint {project.blueprint}",
        plan=[spec.model_dump(mode="json") for spec in blueprint.phases],
    )


def plant_round(project: Project, phase: Phase) -> None:
    """The phase's present round, copied from the one before: the same steps and needs, none of the results."""
    before = list(Step.objects.filter(phase=phase, round=phase.round - 1, parent=None).order_by("position"))
    steps = [
        Step(
            project=project,
            phase=phase,
            key=step.key,
            round=phase.round,
            position=step.position,
            spec=step.spec,
            kind=step.kind,
            guarded=step.guarded,
            concurrency_key=step.concurrency_key,
            concurrency_limit=step.concurrency_limit,
            agent=step.agent,
            pool=step.pool,
            on_failure=step.on_failure,
            timeout_seconds=step.timeout_seconds,
        )
        for step in before
    ]
    Step.objects.bulk_create(steps, batch_size=1000)
    needs: dict[str, list[str]] = {}
    edges = Dependency.objects.filter(step__in=before).values_list("step__key", "needs__key")
    for step_key, need in edges.order_by("id"):
        needs.setdefault(step_key, []).append(need)
    _connect(steps, needs)


def plant_steps(project: Project, phase: Phase, specs: Iterable[tuple[int, StepSpec]]) -> list[Step]:
    """Rows for some steps of the phase's present round, each at its position; what they need is said apart."""
    load_agents()
    covers = budgets.coverage(project)
    steps = [step_of(project, phase, position, spec, covers=covers) for position, spec in specs]
    for step in steps:
        step.round = phase.round
    return Step.objects.bulk_create(steps, batch_size=1000)


def planned(project: Project, phase: Phase, position: int, spec: StepSpec) -> dict[str, Any]:
    """What the plan says of a step, by the columns of its row."""
    load_agents()
    step = step_of(project, phase, position, spec)
    return {name: getattr(step, name) for name in _PLANNED}


def connect_again(steps: Mapping[str, Step], needs: Mapping[str, Iterable[str]]) -> None:
    """Write what some steps need anew; ``steps`` holds the rows of all that are named."""
    Dependency.objects.filter(step__in=[steps[key] for key in needs]).delete()
    _connect(steps.values(), needs)


_PLANNED = (
    "position",
    "spec",
    "kind",
    "guarded",
    "concurrency_key",
    "concurrency_limit",
    "agent",
    "pool",
    "on_failure",
    "timeout_seconds",
)
"""Columns that come from the plan; the others tell how the step stands."""


def step_of(
    project: Project,
    phase: Phase,
    position: int,
    spec: StepSpec,
    *,
    round_number: int = 1,
    covers: budgets.Coverage | None = None,
) -> Step:
    """The row of a step that has not begun, not saved. ``covers``: what the project's budgets cover, if it is known."""
    return Step(
        project=project,
        phase=phase,
        key=spec.key,
        round=round_number,
        position=position,
        spec=_kept(spec),
        kind=spec.kind.value,
        agent=spec.asked.agent or "",
        pool=spec.queue or _pool_of(spec),
        on_failure=spec.on_failure,
        timeout_seconds=spec.timeout,
        guarded=_is_guarded(phase, spec, covers or budgets.coverage(project)),
        concurrency_key=_concurrency_key(project, spec),
        concurrency_limit=spec.concurrency.limit if spec.concurrency is not None else None,
    )


def _is_guarded(phase: Phase, step: StepSpec, covers: budgets.Coverage) -> bool:
    """Whether a step may start only where there is room: it falls under a budget, or has a limit of concurrency."""
    by_agents = step.kind in (StepKind.AGENT, StepKind.SWARM)
    return by_agents and (step.concurrency is not None or covers(phase.key, step.asked.agent or ""))


def _concurrency_key(project: Project, step: StepSpec) -> str:
    """The key with its template filled in; a long one is cut and made unique.

    Raises ``ConcurrencyKeyEmpty``; ``ExpressionFailed`` where it cannot be kept.
    """
    if step.concurrency is None:
        return ""
    about = {"id": str(project.pk), "title": project.title, "priority": project.priority_name}
    context = {"inputs": project.inputs, "intent": project.intent, "project": about}
    key = str(render_to_keep(step.concurrency.key, context, f"The concurrency key of step {step.key!r}")).strip()
    if not key:
        raise ConcurrencyKeyEmpty(
            f"The concurrency key of step {step.key!r}, `{step.concurrency.key}`, is empty for these inputs."
        )
    return key if len(key) <= 200 else f"{key[:130]}…{hashlib.sha256(key.encode()).hexdigest()}"


def _kept(spec: StepSpec) -> dict[str, Any]:
    """What of a step's specification is read while it runs; the rest has columns of its own."""
    kept = spec.model_dump(
        mode="json",
        include={
            "title",
            "params",
            "when",
            "for_each",
            "max_parallel",
            "retry",
            "kind",
            "project",
            "estimate",
            "capability",
            "version",
            "route",
            "scatter",
            "fallback",
            "timeouts",
        },
    )
    if spec.swarm is not None:
        kept |= {"swarm": spec.swarm, "capability": spec.asked.capability, "version": spec.asked.version}
    if spec.wait is not None:
        kept["wait"] = spec.wait.model_dump(mode="json", exclude_none=True)
    if spec.approval is not None:
        # As text: a column of type jsonb forgets the order of names, and people see fields in their author's.
        kept["approval"] = spec.approval.model_dump_json()
    return {name: value for name, value in kept.items() if value not in (None, "", {})}


def _pool_of(spec: StepSpec) -> str:
    """Where the agent says it runs: ``io`` where it is somewhere else, and is only waited for.

    A capability is asked for on ``io``, unless all who offer it here are functions for ``cpu``. An agent that is not
    known here goes to ``cpu``, whose processes can be stopped.
    """
    own = registered_agents()
    if spec.kind is StepKind.SCATTER:
        return "io"
    agent, capability, _ = spec.asked
    if capability is not None:
        here = [each.queue for each in own.values() if capability in each.capabilities]
        pools = {*here, *(_pool_in_registry(each) for each in performers(capability))}
        return "cpu" if pools == {"cpu"} else "io"
    name = agent or ""
    if name in own:
        return own[name].queue
    # Workers may have functions that this process has not: the registry knows where each of these runs.
    return _pool_in_registry(by_name(name)) if is_registered(name) else "cpu"


def _pool_in_registry(agent: Performer) -> str:
    return str(agent.settings.get("queue", "cpu")) if agent.transport is TransportName.PYTHON else "io"


def _connect(steps: Iterable[Step], needs: Mapping[str, Iterable[str]]) -> None:
    by_key = {step.key: step for step in steps}
    Dependency.objects.bulk_create(
        [
            Dependency(step=by_key[key], needs=by_key[need])
            for key, wanted in needs.items()
            for need in wanted
            if key in by_key
        ],
        batch_size=1000,
    )
