"""Interventions: changes that operators make to the plans of live projects, each previewed by the code that makes it.

An intervention is a right, a pure edit of the present plan, guarded updates of rows that have not started, the plan's
next version, and an event; all in one transaction under the locks of the project. Where the blueprint wants the change
approved it waits as *proposed*, and is looked at again, and made or refused, once people have answered.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from orchestrator_site import database
from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability
from orchestrator_site.errors import PhasegateError
from orchestrator_site.history import services as history
from orchestrator_site.storable import refuse_unstorable
from projects import sql
from projects.errors import PlanWouldBreak, RefusedInState
from projects.models import Approval, Intervention, Project
from projects.models.checkpoint import Occasion
from projects.planning.edits import Add, Edit, edit_of, edited
from projects.planning.liveplan import Action, Edited
from projects.querysets import replanning as rows
from projects.services import approvals, checkpoints, gates, plan_approvals, publishing, replanning
from projects.services.previews import Preview, check_digest, effects_of, lapsing, spent_by, with_digest
from projects.services.replanning import Present
from projects.states import ApprovalState, InterventionState

logger = logging.getLogger(__name__)

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class _Looked:
    """An edit of a plan as it is now, and what it comes to."""

    present: Present
    edit: Edit
    edited: Edited
    preview: Preview


def preview(
    *, project_id: UUID, actor: Actor, change: str, step: str = "", arguments: Mapping[str, Any] | None = None
) -> Preview:
    """What a change would do now, and the digest to confirm it by. Nothing is changed.

    ``change``, ``step`` and ``arguments`` as for ``intervene``, whose refusals it raises.
    """
    actor.require(Capability.PROJECT_INTERVENE)
    with transaction.atomic():
        project = replanning.lock(project_id)
        return _look(project, edit_of(change, step, arguments or {})).preview


def intervene(
    *,
    project_id: UUID,
    actor: Actor,
    change: str,
    step: str = "",
    arguments: Mapping[str, Any] | None = None,
    preview_digest: str | None = None,
    reason: str = "",
) -> Intervention:
    """Change the plan of a live project; *applied* at once, or *proposed* where the blueprint wants it approved.

    ``change`` is one of ``planning.edits.EDITS``, which names its ``arguments``: for ``skip`` the ``result``; for
    ``modify`` ``params``, ``agent``, ``timeout`` and ``retry``; for ``add`` the ``definition`` (plain values, or YAML)
    and ``before``, ``after`` or ``phase``; for ``reorder`` ``before``, ``after`` or ``needs``.
    With ``preview_digest`` it is done only if the preview would still be the same.

    Raises ``ProjectChanged``; the refusals of ``projects.errors`` that say why a change cannot be made, such as
    ``StepHasStarted``, ``WouldMakeCycle`` and ``StepStillNeeded``; ``StepInvalid`` with the mistakes of a step that is
    to be added or modified; ``EditInvalid``, ``StepNotInPlan``, ``ProjectNotFound``, ``RefusedInState``;
    ``InvalidInput`` for text that cannot be kept.
    """
    actor.require(Capability.PROJECT_INTERVENE)
    refuse_unstorable(step=step, arguments=arguments, reason=reason)
    edit = edit_of(change, step, arguments or {})
    with transaction.atomic():
        looked = _look(replanning.lock(project_id), edit)
        check_digest(looked.preview, preview_digest)
        intervention = _recorded(looked, change, arguments or {}, actor, reason)
        if looked.present.plan.blueprint.plan_changes is None:
            _make(intervention, looked)
        else:
            _propose(intervention, looked)
    intervention.refresh_from_db()
    return intervention


def settle(project_id: UUID) -> None:
    """Make or refuse the proposed changes of a project whose approvals have been answered, the first one first."""
    for row in sql.rows("answered_proposals", project=project_id):
        _settle(row["id"], project_id)


def settle_all(limit: int) -> int:
    """The same for all projects, for what a crash or a lost message left; how many were found.

    A project that somebody holds is left to the next time, and one that cannot be changed hides none of the others.
    """
    found = sql.rows("all_answered_proposals", limit=limit)
    for row in found:
        try:
            _settle(row["id"], row["project_id"], if_free=True)
        except Exception as error:
            if database.is_away(error) and not database.is_held(error):
                raise
            logger.exception("the proposed change %s cannot be settled", row["id"])
    return len(found)


def _look(project: Project, edit: Edit) -> _Looked:
    """Read the plan and edit it; the one way to a preview and to what is done."""
    present = replanning.read(project)
    outcome = edited(present.plan, edit)
    return _Looked(present, edit, outcome, _previewed(present, edit, outcome))


def _previewed(present: Present, edit: Edit, outcome: Edited) -> Preview:
    project = present.project
    affected = [each.step for each in outcome.difference]
    return with_digest(
        Preview(
            project=str(project.pk),
            control=_verb(edit),
            step=edit.step,
            plan_before=project.plan_version,
            plan_after=project.plan_version + 1,
            difference=outcome.difference,
            voided=outcome.keys(Action.DELETE, Action.SKIP, Action.RETRY),
            added=outcome.keys(Action.INSERT),
            changed=tuple(each.step for each in outcome.difference if each.change in ("changed", "moved")),
            revived=outcome.keys(Action.RETRY, Action.REVIVE),
            lapsing=() if present.waiting is None else lapsing(Approval.objects.at_gate(present.waiting.pk)),
            effects=effects_of(project, affected),
            spent=spent_by(project, affected),
            revives_project=outcome.revives,
            still_failed=outcome.still_failed,
            warnings=outcome.warnings,
            asks=plan_approvals.question(present.plan.blueprint, project),
        ),
        project,
    )


def _verb(edit: Edit) -> str:
    return type(edit).__name__.lower()


def _recorded(looked: _Looked, change: str, arguments: Mapping[str, Any], actor: Actor, reason: str) -> Intervention:
    given = dict(arguments)
    if isinstance(looked.edit, Add):  # as plain values: where they stood in a file is nobody's any more
        given["definition"] = dict(looked.edit.definition.values)
    return Intervention.objects.create(
        project=looked.present.project,
        change=change,
        step_key=looked.edit.step,
        arguments=given,
        author=actor.name,
        reason=reason,
        difference=[each.to_json() for each in looked.edited.difference],
        preview_digest=looked.preview.digest,
        plan_before=looked.present.project.plan_version,
    )


def _make(intervention: Intervention, looked: _Looked) -> None:
    """Write the next plan, and say so."""
    present, outcome = looked.present, looked.edited
    number = replanning.write(present, outcome, author=intervention.author, reason=intervention.reason)
    if not rows.apply(intervention.pk, plan_after=number):
        raise RefusedInState("This change was made or refused already.")
    history.append(
        present.project.pk,
        "project.intervened",
        actor=intervention.author,
        subject=intervention.step_key,
        data={
            "intervention": str(intervention.pk),
            "change": intervention.change,
            "reason": intervention.reason,
            "plan_before": number - 1,
            "plan_after": number,
            "difference": [each.to_json() for each in outcome.difference],
        },
    )
    gates.recheck(present.project)
    checkpoints.take(
        project_id=present.project.pk,
        occasion=Occasion.REQUEST,
        author=intervention.author,
        label=f"after {intervention.change} {intervention.step_key}",
    )
    publishing.wake(present.project.pk)


def _propose(intervention: Intervention, looked: _Looked) -> None:
    """Ask people; the answer comes by ``settle``, or is there already where all approvals were given beforehand."""
    project = looked.present.project
    phase = looked.present.phases[looked.edited.difference[0].phase]
    approval = plan_approvals.ask(intervention, looked.present.plan.blueprint, project, phase)
    Intervention.objects.filter(pk=intervention.pk).update(approval=approval)
    history.append(
        project.pk,
        "project.intervention_proposed",
        actor=intervention.author,
        subject=intervention.step_key,
        data={
            "intervention": str(intervention.pk),
            "change": intervention.change,
            "reason": intervention.reason,
            "approval": str(approval.pk),
            "difference": intervention.difference,
        },
    )
    if project.auto_approve:
        approvals.approve_beforehand(approval, project)
        approval.refresh_from_db()
        if approval.state == ApprovalState.APPROVED:
            _make(intervention, looked)


def _settle(intervention_id: UUID, project_id: UUID, *, if_free: bool = False) -> None:
    """Make one proposed change that people approved, or refuse it; of two who do at once, the second finds it done."""
    with transaction.atomic():
        project = Project.objects.lock_whole(project_id, if_free=if_free)
        if project is None:
            return
        intervention = Intervention.objects.select_related("approval").get(pk=intervention_id)
        if intervention.state != InterventionState.PROPOSED:
            return
        approval = intervention.approval
        if approval is None or approval.state != ApprovalState.APPROVED:
            _refuse(intervention, plan_approvals.why_not(approval))
            return
        try:
            with transaction.atomic():
                _make(intervention, _still_the_same(project, intervention))
        except PhasegateError as error:
            _refuse(intervention, str(error))


def _still_the_same(project: Project, intervention: Intervention) -> _Looked:
    """The proposed change as it would be made now. Raises ``PlanWouldBreak`` where that is not what was approved."""
    looked = _look(project, edit_of(intervention.change, intervention.step_key, intervention.arguments))
    now = [each.to_json() for each in looked.edited.difference]
    if plan_approvals.as_asked(now) != plan_approvals.as_asked(intervention.difference):
        raise PlanWouldBreak("The plan has changed since it was asked: the change would not be the one approved.")
    return looked


def _refuse(intervention: Intervention, why: str) -> None:
    if rows.refuse(intervention.pk, why):
        history.append(
            intervention.project_id,
            "project.intervention_refused",
            actor=SYSTEM,
            subject=intervention.step_key,
            data={"intervention": str(intervention.pk), "change": intervention.change, "why": why},
        )
