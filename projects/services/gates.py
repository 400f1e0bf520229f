"""Gates: the end of a phase's round, its quality conditions and its approval, and what holds of it afterwards.

An approval holds for what was shown. Until the first step of the next phase is claimed, every look at the project
makes that anew from how things stand; where it is something else, the approval is void, with the decisions on it,
and people are asked again with the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from orchestrator_site import clock
from orchestrator_site.history import services as history
from projects import sql
from projects.blueprints.errors import ExpressionFailed
from projects.models import Approval, Phase, Project, Step
from projects.models.approval import AT_A_GATE, Purpose
from projects.models.checkpoint import Occasion
from projects.planning.gating import (
    ACCEPT,
    AT_THE_LIMIT,
    GateDecision,
    Quality,
    Verdict,
    after_rejection,
    at_gate,
    at_the_limit,
)
from projects.services import asking, checkpoints, ending, notifying, planting, seeing
from projects.services.kinds import KINDS
from projects.states import ApprovalState, Directive, PhaseState, ProjectState, StepState

SYSTEM = "system"


def at_end_of_round(project: Project, phase: Phase) -> bool:
    """Every step is over: judge quality, and pass, ask people, work it over or fail. Whether there is more to do."""
    if phase.gate is None:
        return _pass(phase)
    for left in _asked(phase).filter(state__in=(ApprovalState.OPEN, ApprovalState.APPROVED)):
        _void(project, left, because="its phase was worked on again")
    gate = seeing.gate_of(phase)
    context = seeing.context_of(project, phase)
    quality = seeing.judge(gate, context)
    phase.quality = [
        {"name": each.name, "met": each.met, "otherwise": each.otherwise, "detail": each.detail} for each in quality
    ]
    phase.save(update_fields=["quality"])
    decision = at_gate(
        quality,
        asks=gate.approval is not None,
        iteration=phase.iteration,
        max_iterations=gate.max_iterations,
        on_exhausted=gate.on_exhausted,
    )
    if quality:
        _note(project, "gate.judged", phase, quality=phase.quality, verdict=decision.verdict.value)
    return _follow(project, phase, decision, code="quality_not_met", quality=quality, context=context)


def after_answer(project: Project, phase: Phase) -> bool:
    """The phase waits: look whether its approval still holds and has been answered. Whether there is more to do."""
    approval = _latest(phase)
    if approval is None or approval.state == ApprovalState.VOID:
        return at_end_of_round(project, phase)
    if _void_if_changed(project, approval):
        return after_answer(project, phase)
    if approval.state in (ApprovalState.OPEN, ApprovalState.CANCELLED):
        return False
    approved = approval.state == ApprovalState.APPROVED
    if approval.purpose == Purpose.LIMIT:
        return _follow(project, phase, _chosen(project, phase, approval, approved=approved), code="rejected")
    if approved:
        return _pass(phase)
    gate = seeing.gate_of(phase)
    decision = after_rejection(
        approval.on_reject,
        seeing.said_no(approval),
        iteration=phase.iteration,
        max_iterations=gate.max_iterations,
        on_exhausted=gate.on_exhausted,
    )
    return _follow(project, phase, decision, code="rejected")


def recheck(project: Project) -> None:
    """Something has changed on which an approval may rest: if so it is void and asked again, answered or not.

    Called in the transaction of the change, with the project locked: no step can then start on what was approved
    before. A paused project is looked at too.
    """
    phase = next(iter(sql.instances(Phase, "lock_phase", project=project.pk)), None)
    if phase is None or project.state != ProjectState.RUNNING or project.directive == Directive.CANCEL:
        return
    approval = _latest(phase) if phase.state == PhaseState.WAITING else None
    if approval is not None and _void_if_changed(project, approval):
        after_answer(project, phase)
    else:
        take_back(project, phase)


def go_on(project: Project, phase: Phase) -> bool:
    """The phase waits, and has steps to be worked on again: what was asked is void. Whether there is more to do."""
    approval = _latest(phase)
    if approval is not None and approval.state == ApprovalState.REJECTED:
        return after_answer(project, phase)
    is_asked = approval is not None and approval.state != ApprovalState.VOID
    if approval is not None and is_asked and not _void(project, approval, because="its phase is worked on again"):
        return after_answer(project, phase)
    phase.state = PhaseState.RUNNING
    phase.save(update_fields=["state"])
    _note(project, "phase.reopened", phase)
    return True


def take_back(project: Project, phase: Phase) -> bool:
    """Ask again at the gate before, if what was approved there has changed and no step of this phase was claimed.

    ``phase`` is the one that runs. Whether it was taken back: then the one before is the present phase.
    """
    if phase.position == 0 or phase.state != PhaseState.RUNNING:
        return False
    approved = Approval.objects.filter(
        project=project,
        phase__position=phase.position - 1,
        phase__state=PhaseState.COMPLETED,
        round=F("phase__round"),
        purpose__in=AT_A_GATE,
        state=ApprovalState.APPROVED,
    )
    approval = approved.select_related("project", "phase").order_by("-opened_at").first()
    if approval is None or _has_begun(phase) or not seeing.changed(approval) or not _withdraw(project, phase):
        return False
    _void(project, approval)
    before = approval.phase
    before.state, before.finished_at = PhaseState.RUNNING, None
    before.save(update_fields=["state", "finished_at"])
    at_end_of_round(project, before)
    return True


def _asked(phase: Phase) -> QuerySet[Approval]:
    """What was asked at the gate in the present round; also what was left open in a round before."""
    asked = phase.approvals.filter(Q(round=phase.round) | Q(state=ApprovalState.OPEN), purpose__in=AT_A_GATE)
    return asked.select_related("project", "phase")


def _latest(phase: Phase) -> Approval | None:
    """The one that was asked last."""
    return _asked(phase).order_by("-opened_at", "-id").first()


def _void_if_changed(project: Project, approval: Approval) -> bool:
    """Whether an approval no longer shows what stands now, so that it is to be looked at again."""
    if approval.state not in (ApprovalState.OPEN, ApprovalState.APPROVED) or not seeing.changed(approval):
        return False
    _void(project, approval)
    return True


def _void(project: Project, approval: Approval, because: str = "what it shows has changed") -> bool:
    """Void an approval and say why, and in what it differs from now. False: somebody rejected it first."""
    lines = seeing.difference_to_now(approval)
    if not Approval.objects.void(approval.pk):
        return False
    history.append(
        project.pk,
        "approval.voided",
        actor=SYSTEM,
        subject=str(approval.pk),
        data={
            "phase": approval.phase.key,
            "round": approval.round,
            "title": approval.title,
            "was": approval.state,
            "because": because,
            "evidence_sha256": approval.evidence_digest,
            "difference": asking.in_short(lines),
        },
    )
    notifying.notify(project.pk, "void")
    return True


def _has_begun(phase: Phase) -> bool:
    """Whether a step of the phase was claimed, or one that no agent does has begun to wait or is done."""
    of_its_own = Q(kind__in=list(KINDS), state__in=(StepState.WAITING, StepState.COMPLETED), carried_from=None)
    steps = Step.objects.filter(phase=phase, round=phase.round)
    return steps.filter(Q(attempt__gt=0) | of_its_own).exists()


def _withdraw(project: Project, phase: Phase) -> bool:
    """running → pending, with new steps in the place of those that nobody has claimed. False: one was claimed.

    The update of a step waits for a claim of it that is under way, and the look afterwards sees that claim; a claim
    that comes later finds no ready step.
    """
    unstarted = (StepState.PENDING, StepState.READY, StepState.WAITING)
    try:
        with transaction.atomic():
            Step.objects.filter(phase=phase, round=phase.round, state__in=unstarted).update(
                state=StepState.CANCELLED, finished_at=clock.now()
            )
            if _has_begun(phase):
                raise _HasBegunError
    except _HasBegunError:
        return False
    _note(project, "phase.taken_back", phase)
    phase.state, phase.started_at = PhaseState.PENDING, None
    phase.round, phase.base_round = phase.round + 1, phase.base_round + 1
    phase.save(update_fields=["state", "started_at", "round", "base_round"])
    planting.plant_round(project, phase)
    return True


class _HasBegunError(Exception):
    """A step was claimed while its phase was to be taken back."""


def _chosen(project: Project, phase: Phase, approval: Approval, *, approved: bool) -> GateDecision:
    """What people decided when no round was left; one more round gets every reason."""
    if not approved:
        return at_the_limit("", approved=False, reasons=seeing.said_no(approval))
    quality = seeing.judge(seeing.gate_of(phase), seeing.context_of(project, phase))
    comments = approval.decisions.exclude(comment="").values_list("comment", flat=True)
    reasons = (*seeing.reasons_of(phase, quality), *comments)
    return at_the_limit(str(approval.content.get(AT_THE_LIMIT, ACCEPT)), approved=True, reasons=reasons)


def _follow(
    project: Project,
    phase: Phase,
    decision: GateDecision,
    *,
    code: str,
    quality: Sequence[Quality] | None = None,
    context: Any = None,
) -> bool:
    match decision.verdict:
        case Verdict.PASS:
            return _pass(phase)
        case Verdict.REWORK:
            return _rework(project, phase, decision.reasons)
        case Verdict.ASK | Verdict.ESCALATE:
            purpose = Purpose.GATE if decision.verdict is Verdict.ASK else Purpose.LIMIT
            return _ask(project, phase, purpose, decision.reasons, quality, context)
        case _:
            reason = f"Phase {phase.title!r} did not pass its gate: {'; '.join(decision.reasons)}"
            ending.fail_project(project, phase, code, reason)
            return False


def _pass(phase: Phase) -> bool:
    """running or waiting → completed, with a checkpoint before the next phase.

    After the last one the project is over and stays as it is; a restore writes that down before it goes back.
    """
    phase.state = PhaseState.COMPLETED
    if sql.rows("pass_phase", phase=phase.pk)[0]["is_followed"]:
        label = f"after {phase.title}"
        checkpoints.take(project_id=phase.project_id, occasion=Occasion.PHASE, author=SYSTEM, label=label)
    return True


def _rework(project: Project, phase: Phase, reasons: tuple[str, ...]) -> bool:
    """The phase runs again as its next round, with new rows: what the round before committed stays as it is."""
    ended = {"round": phase.round, "quality": phase.quality, "reasons": list(reasons), "at": clock.now().isoformat()}
    phase.rounds = [*phase.rounds, ended]
    phase.comments = [*phase.comments, *reasons]
    phase.round += 1
    phase.state, phase.quality = PhaseState.RUNNING, []
    phase.save(update_fields=["rounds", "comments", "round", "state", "quality"])
    planting.plant_round(project, phase)
    _note(project, "phase.sent_back", phase, reasons=list(reasons))
    return True


def _ask(
    project: Project,
    phase: Phase,
    purpose: Purpose,
    doubts: tuple[str, ...],
    quality: Sequence[Quality] | None,
    context: Any,
) -> bool:
    try:
        seen = seeing.shown(project, phase, purpose, quality=quality, context=context)
    except ExpressionFailed as error:
        ending.fail_project(project, phase, error.code, f"The approval of {phase.title!r} cannot be asked: {error}")
        return False
    approval = asking.ask(project, phase, purpose, seen, doubts)
    return after_answer(project, phase) if approval.state != ApprovalState.OPEN else False


def _note(project: Project, kind: str, phase: Phase, **data: Any) -> None:
    history.append(project.pk, kind, actor=SYSTEM, subject=phase.key, data={"round": phase.round, **data})
