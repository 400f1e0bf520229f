"""Restoring: going back to a checkpoint, or to any event after one.

One transaction, in which nothing that was committed is overwritten: each phase that is not as it was gets its next
round, which carries what was settled then; see ``planning/rewinding.py``. The preview is made by the code that does
it, and its digest stands for all that it shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from orchestrator_site import clock, faults
from orchestrator_site.access.actors import Actor
from orchestrator_site.history import services as history
from orchestrator_site.history.services import NewEvent
from orchestrator_site.storable import refuse_unstorable
from projects import sql
from projects.blueprints.schema import PhaseSpec
from projects.errors import ProjectChanged, ProjectNotFound
from projects.models import Approval, Checkpoint, Phase, PlanVersion, Project, Step, Timer
from projects.models.checkpoint import Occasion
from projects.planning.rewinding import Rewind
from projects.services import carrying, checkpoints, notifying, publishing
from projects.services.kinds import stop_all
from projects.services.restore_plans import Lapsing, Preview, RestorePlan, obstacle_of, plan_of
from projects.states import Directive


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: ``before`` is the checkpoint that it took of how the project stood before it."""

    project: Project
    preview: Preview
    before: Checkpoint


def preview(*, project_id: UUID, number: int | None = None, event: int | None = None) -> Preview:
    """What going back to a checkpoint, or to an event, would do now. Nothing is changed.

    Raises ``ProjectNotFound``, ``CheckpointNotFound``, ``CheckpointDamaged``, ``EventNotFound``, ``NotRebuildable``.
    """
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    obstacle = obstacle_of(project)
    return plan_of(project, number, event, obstacle="" if obstacle is None else str(obstacle)).preview


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
    ``StepsRunning`` where the project does not stand still, ``ProjectChanged``, and ``InvalidInput`` for a
    reason that cannot be kept.
    """
    refuse_unstorable(reason=reason)
    with transaction.atomic():
        project, phases = hold(project_id)
        if (obstacle := obstacle_of(project)) is not None:
            raise obstacle
        plan = plan_of(project, number, event)
        if digest is not None and digest != plan.preview.digest:
            raise ProjectChanged(
                f"Project {project_id} has changed since the preview that you confirm. Look at a new one, and confirm "
                "that."
            )
        goal = f"event {plan.event}" if event is not None else f"checkpoint {plan.base.number}"
        before = checkpoints.take(
            project_id=project_id,
            occasion=Occasion.RESTORE,
            author=actor.name,
            label=f"before going back to {goal}",
            reading=plan.present,
        )
        _go_back(project, phases, plan, before, actor, reason)
        faults.point("in_restore")
        if project.directive != Directive.PAUSE:
            publishing.wake(project_id)
    faults.point("after_restore")
    return Restored(sql.instances(Project, "project", project=project_id)[0], plan.preview, before)


def hold(project_id: UUID) -> tuple[Project, Mapping[str, Phase]]:
    """A project, then its phases by their keys, locked, which is everybody's order. Raises ``ProjectNotFound``.

    Whoever holds this knows that no step is being claimed, and no phase worked on.
    """
    held = sql.instances(Project, "hold_project", project=project_id)
    if not held:
        raise ProjectNotFound(f"There is no project {project_id}.")
    return held[0], {phase.key: phase for phase in sql.instances(Phase, "hold_phases", project=project_id)}


def _go_back(
    project: Project, phases: Mapping[str, Phase], plan: RestorePlan, before: Checkpoint, actor: Actor, reason: str
) -> None:
    """The whole of it, under the locks.

    1. What waits in the phases that begin anew is stopped: timers, signals, children, open approvals.
    2. The phases get their next round and their state, and the project runs again if it had ended.
    3. The rows of the rounds are made, with what they carry; what people had approved comes with its phase.
    """
    turned = [phases[each.key] for each in plan.rewind.rounds]
    _stop(turned, plan.lapsing)
    _turn(plan.rewind, phases)
    plan_version = _bring_back_plan(project, plan, actor, reason)
    _bring_back_project(project, plan, plan_version)
    _tell(project, plan, before, plan_version, actor, reason)
    specs = _specs(project, plan)
    rounds = [
        carrying.Round(phases[each.key], each.round, each.source, each.steps, specs.get(each.key))
        for each in plan.rewind.rounds
    ]
    carrying.make_rounds(project, rounds, source=project, actor=actor.name)
    if any(each.approval is not None for each in plan.rewind.rounds):
        now = {phase.key: phase for phase in Phase.objects.filter(project=project)}
        project.refresh_from_db()
        approved = [(now[r.key], r.source, UUID(r.approval)) for r in plan.rewind.rounds if r.approval is not None]
        carrying.carry_approvals(project, approved, actor=actor.name)


def _bring_back_project(project: Project, plan: RestorePlan, plan_version: int) -> None:
    """It runs again if it had ended, its clock too; its variables and the plan are those of then."""
    changed: dict[str, Any] = {}
    if plan.target.variables != plan.present.mark.variables:
        changed["variables"] = dict(plan.target.variables)
    if plan_version != plan.present.mark.plan_version:
        changed["plan_version"] = plan_version
    if not project.is_over:
        if changed:
            Project.objects.filter(pk=project.pk).update(**changed)
        return
    if project.directive == Directive.CANCEL:  # its deadline had it wound down, and it failed by that
        changed |= {"directive": Directive.RUN, "directive_since": Now()}
    Project.objects.revive(project.pk, **changed)
    if project.deadline is not None and project.deadline > clock.now():
        Timer.objects.agree_with_project(project.pk)


def _stop(phases: Sequence[Phase], lapsing: Sequence[Lapsing]) -> None:
    ids = [phase.pk for phase in phases]
    stop_all(Step.objects.filter(phase__in=ids))
    sql.execute("end_round", phases=ids)
    sql.execute("drop_timers_of_phases", phases=ids, approvals=[approval.id for approval in lapsing])
    for approval in lapsing:
        Approval.objects.void(approval.id)


def _turn(way: Rewind, phases: Mapping[str, Phase]) -> None:
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


def _bring_back_plan(project: Project, plan: RestorePlan, actor: Actor, reason: str) -> int:
    """The number of the plan to go on by: where it was changed since, that of then as the next version."""
    if plan.target.plan_version == plan.present.mark.plan_version:
        return plan.target.plan_version
    versions = PlanVersion.objects.filter(project=project)
    then = versions.get(number=plan.target.plan_version)
    following = max(versions.values_list("number", flat=True)) + 1
    why = f"plan {then.number} again: back to checkpoint {plan.base.number}. {reason}".strip()
    PlanVersion.objects.create(project=project, number=following, author=actor.name, reason=why, plan=then.plan)
    return following


def _specs(project: Project, plan: RestorePlan) -> dict[str, PhaseSpec]:
    """What to do by phase, where the plan of then is not that of now, so that the rows may say something else."""
    if plan.target.plan_version == plan.present.mark.plan_version:
        return {}
    then = PlanVersion.objects.get(project=project, number=plan.target.plan_version)
    return {each["key"]: PhaseSpec.model_validate(each) for each in then.plan}


def _tell(
    project: Project, plan: RestorePlan, before: Checkpoint, plan_version: int, actor: Actor, reason: str
) -> None:
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
            str(each.id),
            {
                "phase": each.phase,
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
