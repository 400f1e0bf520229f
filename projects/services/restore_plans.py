"""What a restore would do: how the project gets from where it is to where it was, and what that costs.

The preview that people see is made of the very plan that ``restoring`` carries out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from uuid import UUID

from orchestrator_site.digests import digest_of
from orchestrator_site.errors import Refused
from projects import sql
from projects.errors import EventNotFound, RefusedInState, StepsRunning
from projects.models import Checkpoint, Project
from projects.models.approval import AT_A_GATE, Purpose
from projects.planning.marks import Mark, PhaseMark, StepMark
from projects.planning.rewinding import Rewind, Undone, is_settled, rewind, undone
from projects.services import checkpoints
from projects.standing import steered_by
from projects.states import ApprovalState, Directive, PhaseState, ProjectState, StepState


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step as a preview shows it: of a list, with how many of its items."""

    phase: str
    key: str
    round: int
    state: str
    items: int = 0


@dataclass(frozen=True, slots=True)
class ApprovalLine:
    """An approval that would count no more."""

    id: str
    phase: str
    title: str
    state: str


@dataclass(frozen=True, slots=True)
class EffectLine:
    """What an agent did outside, perhaps, that nothing undoes; and what it has used for it."""

    key: str
    round: int
    agent: str
    attempts: int
    tokens_in: int
    tokens_out: int
    cost: float


@dataclass(frozen=True, slots=True)
class Spent:
    """What the steps that are voided have used: it stays spent."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


def _fields_of(line: StepLine | ApprovalLine | EffectLine | Spent) -> dict[str, Any]:
    return {name: getattr(line, name) for name in line.__slots__}


@dataclass(frozen=True)
class Preview:
    """What a restore would do.

    ``digest`` is over all of it and over what an operator steers by, but for ``obstacle``: why it cannot be done now.
    """

    project: str
    checkpoint: int
    event: int
    plan_version: int
    steps_voided: tuple[StepLine, ...]
    steps_kept: tuple[StepLine, ...]
    approvals_lapsing: tuple[ApprovalLine, ...]
    effects_not_undone: tuple[EffectLine, ...]
    spent: Spent
    obstacle: str = ""
    digest: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it: the lines are plain, and ``asdict`` would take as long as the restore."""
        lines = ("steps_voided", "steps_kept", "approvals_lapsing", "effects_not_undone")
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        listed = {name: [_fields_of(line) for line in plain[name]] for name in lines}
        return plain | listed | {"spent": _fields_of(self.spent)}


@dataclass(frozen=True, slots=True)
class Lapsing:
    """An approval of a phase that begins anew: it is void."""

    id: UUID
    phase: str
    round: int
    title: str
    state: str
    evidence_digest: str


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """Where to go, from where, and by what."""

    base: Checkpoint
    event: int
    target: Mark
    present: checkpoints.Reading
    rewind: Rewind
    preview: Preview
    lapsing: tuple[Lapsing, ...]


def obstacle_of(project: Project) -> Refused | None:
    """Why a project cannot be restored now, and what to do about it."""
    if project.state == ProjectState.PENDING:
        return RefusedInState(f"Project {project.pk} has not begun: there is nothing to go back to.")
    ending = project.directive == Directive.CANCEL and not project.is_over
    if project.state == ProjectState.CANCELLED or ending:
        return RefusedInState(
            f"Project {project.pk} was cancelled, which is final. Run it again from a step: its results are kept."
        )
    if project.state == ProjectState.RUNNING and project.directive != Directive.PAUSE:
        return RefusedInState(f"Project {project.pk} is running: pause it first, then go back.")
    if running := [row["key"] for row in sql.rows("running_steps", project=project.pk)]:
        names = ", ".join(running[:3]) + (" and others" if len(running) > 3 else "")
        return StepsRunning(
            f"Steps of project {project.pk} are still running ({names}): wait until they have ended, and go back "
            "then. What cannot be waited for ends with a forced cancel, after which the project is run again."
        )
    return None


def plan_of(project: Project, number: int | None, event: int | None, obstacle: str = "") -> RestorePlan:
    present = checkpoints.read_now(project.pk)
    if event is not None:
        base, target = checkpoints.at_event(project_id=project.pk, event=event, number=number)
    elif number is not None:
        base = checkpoints.find(project_id=project.pk, number=number)
        target = checkpoints.read(base).mark
    else:
        raise EventNotFound("Say where to go back to: the number of a checkpoint, or an event of the history.")
    target = _with_outcomes_as_they_stand(project, target)
    way = rewind(target, present.mark)
    lost = list(undone(way, present.mark))
    lapsing = _lapsing(project, way)
    effects, spent = _used(project, [(row, each.round, each.step.key) for each in lost for row in each.rows])
    shown = Preview(
        project=str(project.pk),
        checkpoint=base.number,
        event=event if event is not None else base.event,
        plan_version=target.plan_version,
        steps_voided=tuple(_voided(each) for each in lost),
        steps_kept=tuple(_kept(way, present.mark)),
        approvals_lapsing=tuple(ApprovalLine(str(a.id), a.phase, a.title, a.state) for a in lapsing),
        effects_not_undone=effects,
        spent=spent,
    )
    shown = replace(shown, digest=digest_of([shown.to_json(), steered_by(project)]), obstacle=obstacle)
    return RestorePlan(base, shown.event, target, present, way, shown, lapsing)


def _with_outcomes_as_they_stand(project: Project, target: Mark) -> Mark:
    """The mark, in which steps are to be done again whose outcome an operator has taken back in its very row since.

    A committed result is never taken back; that a step failed, was cancelled or passed over may be.
    """
    loose = [
        (step.key, phase.round)
        for phase, step in target.steps
        if step.state in (StepState.SKIPPED, StepState.FAILED) and phase.state is not PhaseState.PENDING
    ]
    if not loose:
        return target
    keys, rounds = zip(*loose, strict=True)
    found = sql.rows("outcomes_of", project=project.pk, keys=list(keys), rounds=list(rounds))
    stands = {(row["key"], row["round"]): row["state"] for row in found}

    def as_it_stands(phase: PhaseMark, step: StepMark) -> StepMark:
        if (step.key, phase.round) not in loose or stands.get((step.key, phase.round)) == step.state:
            return step
        return replace(step, state=StepState.PENDING, items=())

    phases = tuple(
        replace(phase, steps=tuple(as_it_stands(phase, step) for step in phase.steps)) for phase in target.phases
    )
    return Mark(target.state, target.plan_version, target.variables, phases)


def _voided(lost: Undone) -> StepLine:
    items = len(lost.rows) - (lost.step.key in lost.rows)
    return StepLine(lost.phase, lost.step.key, lost.round, lost.step.state.value, items)


def _kept(way: Rewind, present: Mark) -> Iterable[StepLine]:
    new = {each.key: each for each in way.rounds}
    for phase in present.phases:
        if phase.key in new:
            made = new[phase.key]
            for step in (step for step in made.steps if step.is_kept):
                items = sum(item.is_kept for item in step.items)
                yield StepLine(phase.key, step.key, made.source, step.state.value, items)
        else:
            for mark in (mark for mark in phase.steps if is_settled(mark)):
                yield StepLine(phase.key, mark.key, phase.round, mark.state.value, len(mark.items))


def _lapsing(project: Project, way: Rewind) -> tuple[Lapsing, ...]:
    """What was asked or approved of phases that begin anew. A raise of a budget that was given stays given."""
    new = {each.key: {step.key for step in each.steps if step.is_kept} for each in way.rounds}
    if not new:
        return ()
    found = sql.rows("approvals_of_phases", project=project.pk, phases=list(new))
    return tuple(
        Lapsing(row["id"], row["phase"], row["round"], row["title"], row["state"], row["evidence_digest"])
        for row in found
        if _lapses(row, new[row["phase"]])
    )


def _lapses(row: Mapping[str, Any], kept: Collection[str]) -> bool:
    if row["state"] == ApprovalState.OPEN or row["purpose"] in AT_A_GATE:
        return True
    return row["purpose"] == Purpose.STEP and row["step"] not in kept


def _used(project: Project, rows: Sequence[tuple[str, int, str]]) -> tuple[tuple[EffectLine, ...], Spent]:
    """What agents did in rows that are voided: no step is compensated yet, so that every completed one counts."""
    if not rows:
        return (), Spent()
    keys, rounds, steps = zip(*rows, strict=True)
    found = sql.rows("use_of", project=project.pk, keys=list(keys), rounds=list(rounds), steps=list(steps))
    round_of = dict(zip(steps, rounds, strict=True))
    places = {step: place for place, step in reversed(list(enumerate(steps)))}
    found.sort(key=lambda row: places[row["key"]])
    effects = tuple(
        EffectLine(
            row["key"],
            round_of[row["key"]],
            row["agent"],
            row["attempts"],
            int(row["tokens_in"]),
            int(row["tokens_out"]),
            float(row["cost"]),
        )
        for row in found
        if row["completed"]
    )
    spent = Spent(
        int(sum(row["tokens_in"] for row in found)),
        int(sum(row["tokens_out"] for row in found)),
        float(sum(row["cost"] for row in found)),
    )
    return effects, spent
