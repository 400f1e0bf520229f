"""Restoring: going back to a checkpoint, or to any event after one.

One transaction, in which nothing that was committed is overwritten: each phase that is not as it was gets its next
round, which carries what was settled then; see ``planning/rewinding.py``. The preview is made by the code that does
it, and its digest stands for all that it shows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from orchestrator_site import faults
from orchestrator_site.access.actors import Actor
from orchestrator_site.digests import digest_of
from orchestrator_site.errors import Refused
from orchestrator_site.history import services as history
from orchestrator_site.history.services import NewEvent
from projects import sql
from projects.blueprints.schema import PhaseSpec
from projects.errors import EventNotFound, PreviewChanged, ProjectNotFound, RefusedInState, StepsRunning
from projects.models import Approval, Checkpoint, Phase, PlanVersion, Project, Step, Timer
from projects.models.approval import Purpose
from projects.models.checkpoint import Occasion
from projects.planning.marks import Mark
from projects.planning.rewinding import Rewind, Undone, is_settled, rewind, undone
from projects.services import carrying, checkpoints, notifying, publishing
from projects.services.kinds import KINDS
from projects.states import ApprovalState, Directive, ProjectState, StepState


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


@dataclass(frozen=True, slots=True)
class Preview:
    """What a restore would do. ``digest`` is over all of it but ``obstacle``, which says why it cannot be done now."""

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

    @property
    def digest(self) -> str:
        """What confirms it."""
        return digest_of({name: value for name, value in asdict(self).items() if name != "obstacle"})

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it, with its digest."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain | {"digest": self.digest}


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: ``before`` is the checkpoint that it took of how the project stood before it."""

    project: Project
    preview: Preview
    before: Checkpoint


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where to go, from where, and by what."""

    base: Checkpoint
    event: int
    target: Mark
    present: checkpoints.Reading
    rewind: Rewind
    preview: Preview
    lapsing: tuple[Approval, ...]


def preview(*, project_id: UUID, number: int | None = None, event: int | None = None) -> Preview:
    """What going back to a checkpoint, or to an event, would do now. Nothing is changed.

    Raises ``ProjectNotFound``, ``CheckpointNotFound``, ``CheckpointDamaged``, ``EventNotFound``, ``NotRebuildable``.
    """
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    obstacle = _obstacle(project)
    return _plan(project, number, event, obstacle="" if obstacle is None else str(obstacle)).preview


def restore(
    *,
    project_id: UUID,
    actor: Actor,
    number: int | None = None,
    event: int | None = None,
    digest: str | None = None,
    reason: str = "",
) -> Restored:
    """Go back to a checkpoint, or to an event. A paused project stays paused; what had ended runs again.

    ``digest`` is that of the preview which somebody has seen. Raises what ``preview`` raises, ``RefusedInState`` and
    ``StepsRunning`` where the project does not stand still, and ``PreviewChanged``.
    """
    with transaction.atomic():
        project = hold(project_id)
        if (obstacle := _obstacle(project)) is not None:
            raise obstacle
        plan = _plan(project, number, event)
        if digest is not None and digest != plan.preview.digest:
            raise PreviewChanged(
                f"Project {project_id} has changed since the preview {digest[:12]}…: what would happen is now "
                f"{plan.preview.digest[:12]}…. Look at the preview again, and confirm that."
            )
        goal = f"event {plan.event}" if event is not None else f"checkpoint {plan.base.number}"
        before = checkpoints.take(
            project_id=project_id,
            occasion=Occasion.RESTORE,
            author=actor.name,
            label=f"before going back to {goal}",
            reading=plan.present,
        )
        _go_back(project, plan, before, actor, reason)
        faults.point("in_restore")
        if project.directive == Directive.RUN:
            publishing.wake(project_id)
    faults.point("after_restore")
    project.refresh_from_db()
    return Restored(project, plan.preview, before)


def hold(project_id: UUID) -> Project:
    """A project, then its phases, locked, which is everybody's order. Raises ``ProjectNotFound``.

    Whoever holds this knows that no step is being claimed, and no phase worked on.
    """
    project = Project.objects.lock_for_control(project_id)
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    phases = Phase.objects.select_for_update().filter(project_id=project_id).order_by("position")
    list(phases.values_list("pk", flat=True))
    return project


# --- whether, and what -------------------------------------------------------------------------------------------


def _obstacle(project: Project) -> Refused | None:
    """Why a project cannot be restored now, and what to do about it."""
    if project.state == ProjectState.PENDING:
        return RefusedInState(f"Project {project.pk} has not begun: there is nothing to go back to.")
    if project.state == ProjectState.CANCELLED or project.directive == Directive.CANCEL:
        return RefusedInState(
            f"Project {project.pk} was cancelled, which is final. Run it again from a step: its results are kept."
        )
    running = list(
        Step.objects.filter(project=project, state=StepState.RUNNING).order_by("key").values_list("key", flat=True)[:4]
    )
    if project.state == ProjectState.RUNNING and project.directive != Directive.PAUSE:
        return RefusedInState(f"Project {project.pk} is running: pause it first, then go back.")
    if running:
        names = ", ".join(running[:3]) + (" and others" if len(running) > 3 else "")
        return StepsRunning(
            f"Steps of project {project.pk} are still running ({names}): wait until they have ended, and go back "
            "then. What cannot be waited for ends with a forced cancel, after which the project is run again."
        )
    return None


def _plan(project: Project, number: int | None, event: int | None, obstacle: str = "") -> _Plan:
    present = checkpoints.read_now(project.pk)
    if event is not None:
        base, target = checkpoints.at_event(project_id=project.pk, event=event, number=number)
    elif number is not None:
        base = checkpoints.find(project_id=project.pk, number=number)
        target = checkpoints.read(base).mark
    else:
        raise EventNotFound("Say where to go back to: the number of a checkpoint, or an event of the history.")
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
        approvals_lapsing=tuple(ApprovalLine(str(a.pk), a.phase.key, a.title, a.state) for a in lapsing),
        effects_not_undone=effects,
        spent=spent,
        obstacle=obstacle,
    )
    return _Plan(base, shown.event, target, present, way, shown, lapsing)


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


def _lapsing(project: Project, way: Rewind) -> tuple[Approval, ...]:
    """What was asked or approved of phases that begin anew. A raise of a budget that was given stays given."""
    new = {each.key: each for each in way.rounds}
    live = Approval.objects.filter(
        project=project, phase__key__in=new, state__in=(ApprovalState.OPEN, ApprovalState.APPROVED)
    )
    found = live.exclude(purpose=Purpose.PLAN).select_related("phase", "step").order_by("opened_at")
    return tuple(each for each in found if _lapses(each, {s.key for s in new[each.phase.key].steps if s.is_kept}))


def _lapses(approval: Approval, kept: Collection[str]) -> bool:
    if approval.state == ApprovalState.OPEN or approval.purpose == Purpose.GATE:
        return True
    return approval.purpose == Purpose.STEP and approval.step is not None and approval.step.key not in kept


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


# --- doing it ----------------------------------------------------------------------------------------------------


def _go_back(project: Project, plan: _Plan, before: Checkpoint, actor: Actor, reason: str) -> None:
    """The whole of it, under the locks.

    1. What waits in the phases that begin anew is stopped: timers, signals, children, open approvals.
    2. The phases get their next round and their state, and the project runs again if it had ended.
    3. The rows of the rounds are made, with what they carry; what people had approved comes with its phase.
    """
    phases = {phase.key: phase for phase in Phase.objects.filter(project=project)}
    turned = [phases[each.key] for each in plan.rewind.rounds]
    _stop(turned, plan.lapsing)
    _turn(plan.rewind, phases)
    plan_version = _bring_back_plan(project, plan, actor, reason)
    variables = dict(plan.target.variables)
    if not Project.objects.revive(project.pk, variables=variables, plan_version=plan_version):
        Project.objects.filter(pk=project.pk).update(variables=variables, plan_version=plan_version)
    _tell(project, plan, before, plan_version, actor, reason)
    specs = _specs(project, plan)
    rounds = [
        carrying.Round(phases[each.key], each.round, each.source, each.steps, specs.get(each.key))
        for each in plan.rewind.rounds
    ]
    carrying.make_rounds(project, rounds, source=project, actor=actor.name)
    now = {phase.key: phase for phase in Phase.objects.filter(project=project)}
    project.refresh_from_db()
    approved = [(now[r.key], r.source, UUID(r.approval)) for r in plan.rewind.rounds if r.approval is not None]
    carrying.carry_approvals(project, approved, actor=actor.name)


def _stop(phases: Sequence[Phase], lapsing: Sequence[Approval]) -> None:
    waiting = Step.objects.filter(phase__in=phases, state=StepState.WAITING, kind__in=list(KINDS))
    for step in waiting:
        KINDS[step.kind].stop(step)
    sql.execute("end_round", phases=[phase.pk for phase in phases])
    Timer.objects.filter(step__phase__in=phases).delete()
    Timer.objects.filter(approval__in=lapsing).delete()
    for approval in lapsing:
        Approval.objects.void(approval.pk)


def _turn(way: Rewind, phases: dict[str, Phase]) -> None:
    if not way.rounds:
        return
    ids = [phases[each.key].pk for each in way.rounds]
    sql.execute(
        "turn_phases",
        ids=ids,
        rounds=[each.round for each in way.rounds],
        bases=[each.base_round for each in way.rounds],
        comments=[json.dumps(list(each.comments)) for each in way.rounds],
        quality=[json.dumps(list(each.quality)) for each in way.rounds],
    )
    sql.execute("settle_phases", ids=ids, states=[each.state.value for each in way.rounds])


def _bring_back_plan(project: Project, plan: _Plan, actor: Actor, reason: str) -> int:
    """The number of the plan to go on by: where it was changed since, that of then as the next version."""
    if plan.target.plan_version == plan.present.mark.plan_version:
        return plan.target.plan_version
    versions = PlanVersion.objects.filter(project=project)
    then = versions.get(number=plan.target.plan_version)
    following = max(versions.values_list("number", flat=True)) + 1
    why = f"plan {then.number} again: back to checkpoint {plan.base.number}. {reason}".strip()
    PlanVersion.objects.create(project=project, number=following, author=actor.name, reason=why, plan=then.plan)
    return following


def _specs(project: Project, plan: _Plan) -> dict[str, PhaseSpec]:
    """What to do by phase, where the plan of then is not that of now, so that the rows may say something else."""
    if plan.target.plan_version == plan.present.mark.plan_version:
        return {}
    then = PlanVersion.objects.get(project=project, number=plan.target.plan_version)
    return {each["key"]: PhaseSpec.model_validate(each) for each in then.plan}


def _tell(project: Project, plan: _Plan, before: Checkpoint, plan_version: int, actor: Actor, reason: str) -> None:
    heads = [
        {
            "key": each.key,
            "state": each.state.value,
            "round": each.round,
            "base_round": each.base_round,
            "comments": list(each.comments),
            "quality": [dict(one) for one in each.quality],
        }
        for each in plan.rewind.rounds
    ]
    data = {
        "checkpoint": plan.base.number,
        "checkpoint_sha256": plan.base.sha256,
        "event": plan.event,
        "before": before.number,
        "reason": reason,
        "preview_sha256": plan.preview.digest,
        "voided": len(plan.preview.steps_voided),
        "plan_version": plan_version,
        "phases": heads,
    }
    if plan.target.variables != plan.present.mark.variables:
        data["variables"] = dict(plan.target.variables)
    events = [NewEvent(project.pk, "project.restored", actor.name, data=data)]
    events += [
        NewEvent(
            project.pk,
            "approval.voided",
            actor.name,
            str(each.pk),
            {
                "phase": each.phase.key,
                "round": each.round,
                "title": each.title,
                "was": each.state,
                "because": "the project went back to before it",
                "evidence_sha256": each.evidence_digest,
            },
        )
        for each in plan.lapsing
    ]
    history.append_many(events)
    if plan.lapsing:
        notifying.notify(project.pk, "void")
