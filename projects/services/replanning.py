"""The plan of a live project between the database and the pure edits: read as a value, and written as rows.

Both happen under the locks of ``ProjectQuerySet.lock_whole``. A step whose needs, agent or timeout change gets a row of
a new id: a message that is on its way with the old one, in the middle of a leg perhaps, then claims nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from django.db.models import F

from orchestrator_site.history import services as history
from projects.blueprints.schema import PhaseSpec
from projects.errors import ProjectNotFound, RefusedInState, StepHasStarted
from projects.models import Approval, Phase, PlanVersion, Project, Step
from projects.planning.liveplan import PASSED_OVER, Action, Edited, LivePlan, RowChange, StepNow
from projects.querysets import replanning as rows
from projects.services import planting
from projects.services.registration import definition_of
from projects.states import Directive, PhaseState, ProjectState, StepState

_SOURCES = {
    PhaseState.RUNNING: (PhaseState.FAILED, PhaseState.WAITING),
    PhaseState.PENDING: (PhaseState.CANCELLED,),
}
"""From which states an intervention brings a phase to another."""


@dataclass(frozen=True)
class Present:
    """A project's plan as a value, and the rows that it stands for."""

    project: Project
    plan: LivePlan
    phases: dict[str, Phase]
    steps: dict[str, Step]

    @cached_property
    def waiting(self) -> Phase | None:
        """The phase that waits for its approval."""
        return next((phase for phase in self.phases.values() if phase.state == PhaseState.WAITING), None)


def lock(project_id: UUID) -> Project:
    """The project with its phases, locked until the transaction ends. Raises ``ProjectNotFound``."""
    project = Project.objects.lock_whole(project_id)
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    return project


def read(project: Project) -> Present:
    """The present plan, and how its steps of the present round of each phase stand."""
    definition = definition_of(project.blueprint)
    kept = PlanVersion.objects.get(project=project, number=project.plan_version).plan
    blueprint = definition.model_copy(update={"phases": tuple(PhaseSpec.model_validate(each) for each in kept)})
    phases = {phase.key: phase for phase in Phase.objects.filter(project=project).order_by("position")}
    own = Step.objects.filter(project=project, parent=None)
    steps = {step.key: step for step in own.filter(round=F("phase__round")).defer("result", "item")}
    past = set(own.order_by().values_list("key", flat=True)) - {s.key for p in blueprint.phases for s in p.steps}
    plan = LivePlan(
        blueprint,
        {key: PhaseState(phase.state) for key, phase in phases.items()},
        {key: _now(step) for key, step in steps.items()},
        ProjectState(project.state),
        Directive(project.directive),
        frozenset(past),
    )
    return Present(project, plan, phases, steps)


def write(present: Present, edited: Edited, *, author: str, reason: str) -> int:
    """Make the next plan the present one; its number.

    Raises ``StepHasStarted`` or ``RefusedInState`` where something has moved on meanwhile; the caller rolls back.
    """
    project, number = present.project, present.project.plan_version + 1
    if not Project.objects.raise_plan(project.pk, project.plan_version):
        raise RefusedInState("Another intervention was made at the same moment. Look at the plan again.")
    _void_approval(present, author)
    PlanVersion.objects.create(
        project=project,
        number=number,
        author=author,
        reason=reason,
        plan=[phase.model_dump(mode="json") for phase in edited.plan],
    )
    for phase in edited.plan:
        _write_phase(present, phase, [row for row in edited.rows if row.phase == phase.key])
    for key, to in edited.phases.items():
        if not rows.move_phase(present.phases[key].pk, _SOURCES[to], to):
            raise RefusedInState(f"Phase {key!r} has moved on meanwhile. Look at the plan again.")
    if edited.revives:
        if not Project.objects.revive(project.pk):
            raise RefusedInState("The project has moved on meanwhile. Look at it again.")
        history.append(project.pk, "project.revived", actor=author, data={"reason": reason})
    project.refresh_from_db()
    return number


def _now(step: Step) -> StepNow:
    return StepNow(StepState(step.state), step.attempt, str((step.error or {}).get("code", "")))


def _void_approval(present: Present, author: str) -> None:
    """What a phase waits for was asked with the plan before: its gate is asked again, with the plan as it is then."""
    if present.waiting is None:
        return
    voided = Approval.objects.void_gate(present.waiting.pk)
    if not voided:
        raise RefusedInState(
            f"The approval of phase {present.waiting.key!r} has just been answered. Try again when the project has "
            "moved on."
        )
    for approval in voided:
        history.append(
            present.project.pk,
            "approval.void",
            actor=author,
            subject=str(approval),
            data={"reason": "the plan was changed", "phase": present.waiting.key},
        )


def _write_phase(present: Present, phase: PhaseSpec, changes: list[RowChange]) -> None:
    """States, then rows that are there, then rows that are not, then what needs what."""
    if not changes:
        return
    _write_states(present, changes)
    _write_values(present, phase, changes)
    anew = _keys(changes, Action.INSERT, Action.REPLACE)
    gone = [present.steps[key].pk for key in _keys(changes, Action.DELETE, Action.REPLACE)]
    _check(rows.take_away(gone), _keys(changes, Action.DELETE, Action.REPLACE))
    row = present.phases[phase.key]
    specs = [(position, step) for position, step in enumerate(phase.steps) if step.key in anew]
    planted = {step.key: step for step in planting.plant_steps(present.project, row, specs)}
    if planted:
        touched = {s.key: s.needs for s in phase.steps if s.key in planted or planted.keys() & set(s.needs)}
        here = {step.key: planted.get(step.key) or present.steps[step.key] for step in phase.steps}
        planting.connect_again(here, touched)


def _write_states(present: Present, changes: list[RowChange]) -> None:
    for change in changes:
        step = present.steps.get(change.step)
        if step is not None and change.action is Action.SKIP:
            why = "an operator passed it over"
            _check(rows.skip(step.pk, code=PASSED_OVER, message=why, result=change.result), [change.step])
        elif step is not None and change.action is Action.RETRY:
            _check(rows.retry(step.pk), [change.step])
    revived = _keys(changes, Action.REVIVE)
    _check(rows.revive([present.steps[key].pk for key in revived]), revived)
    lists = [present.steps[key] for key in _keys(changes, Action.RETRY, Action.REVIVE)]
    rows.revive_items([step.pk for step in lists if (step.spec or {}).get("for_each")])


def _write_values(present: Present, phase: PhaseSpec, changes: list[RowChange]) -> None:
    updated, placed = _keys(changes, Action.UPDATE), _keys(changes, Action.PLACE)
    for position, spec in enumerate(phase.steps):
        if spec.key in updated:
            values = planting.planned(present.project, present.phases[phase.key], position, spec)
            # Sent anew: its next attempt may be another pool's, or be given another time.
            _check(rows.change(present.steps[spec.key].pk, {**values, "published_at": None}), [spec.key])
        elif spec.key in placed:
            _check(rows.change(present.steps[spec.key].pk, {"position": position}), [spec.key])


def _keys(changes: Iterable[RowChange], *actions: Action) -> list[str]:
    return [change.step for change in changes if change.action in actions]


def _check(landed: bool, keys: list[str]) -> None:
    if not landed:
        named = ", ".join(map(repr, keys))
        raise StepHasStarted(f"A worker has taken {named} meanwhile: nothing was changed. Look at the plan again.")
