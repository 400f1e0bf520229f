"""Gates: the end of a phase's round, its quality conditions and its approval."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from orchestrator_site import clock
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.expressions import compile_expression, render
from projects.blueprints.schema import ApprovalSpec, GateSpec
from projects.models import Approval, Phase, Project
from projects.models.approval import Purpose
from projects.planning.gating import GateDecision, Quality, Verdict, after_rejection, at_gate
from projects.services import approvals, ending, planting
from projects.services.contexts import Results, expression_context
from projects.states import ApprovalState, PhaseState

SYSTEM = "system"


def begin_phase(project: Project, phase: Phase) -> None:
    """pending → running."""
    phase.state, phase.started_at = PhaseState.RUNNING, clock.now()
    phase.save(update_fields=["state", "started_at"])
    _note(project, "phase.started", phase)


def at_end_of_round(project: Project, phase: Phase) -> bool:
    """Every step is over: judge quality, and pass, ask people, work it over or fail. Whether there is more to do."""
    gate = GateSpec.model_validate(phase.gate or {})
    context = expression_context(project, Results(project.pk), phase)
    quality = tuple(_judge(condition.name, condition.check, condition.otherwise, context) for condition in gate.quality)
    phase.quality = [
        {"name": each.name, "met": each.met, "otherwise": each.otherwise, "detail": each.detail} for each in quality
    ]
    phase.save(update_fields=["quality"])
    decision = at_gate(
        quality,
        asks=gate.approval is not None,
        round_number=phase.round,
        max_iterations=gate.max_iterations,
    )
    if quality:
        _note(project, "gate.judged", phase, quality=phase.quality, verdict=decision.verdict.value)
    if decision.verdict is Verdict.ASK and gate.approval is not None:
        return _ask(project, phase, gate.approval, context, decision.reasons)
    return _follow(project, phase, decision, code="quality_not_met")


def after_answer(project: Project, phase: Phase) -> bool:
    """The phase waits: look whether its approval has been answered. Whether there is more to do."""
    asked = phase.approvals.filter(round=phase.round, purpose=Purpose.GATE)
    approval = asked.order_by("-opened_at").first()
    if approval is None or approval.state == ApprovalState.OPEN:
        return False
    if approval.state == ApprovalState.APPROVED:
        return _pass(project, phase)
    comments = list(approval.decisions.filter(verdict="reject").exclude(comment="").values_list("comment", flat=True))
    gate = GateSpec.model_validate(phase.gate or {})
    decision = after_rejection(
        approval.on_reject,
        tuple(comments) or (f"{approval.title!r} was rejected",),
        round_number=phase.round,
        max_iterations=gate.max_iterations,
    )
    return _follow(project, phase, decision, code="rejected")


def _judge(name: str, check: str, otherwise: str, context: Mapping[str, Any]) -> Quality:
    """An expression that fails is a condition that is not met, and fails the gate: it is never taken for true."""
    try:
        met = compile_expression(check).check(context)
    except ExpressionFailed as error:
        return Quality(name, met=False, otherwise="fail", detail=str(error))
    return Quality(name, met=met, otherwise=otherwise, detail="" if met else check)


def _follow(project: Project, phase: Phase, decision: GateDecision, *, code: str) -> bool:
    match decision.verdict:
        case Verdict.PASS:
            return _pass(project, phase)
        case Verdict.REWORK:
            return _rework(project, phase, decision.reasons)
        case _:
            reason = f"Phase {phase.title!r} did not pass its gate: {'; '.join(decision.reasons)}"
            ending.fail_project(project, phase, code, reason)
            return False


def _pass(project: Project, phase: Phase) -> bool:
    phase.state, phase.finished_at = PhaseState.COMPLETED, clock.now()
    phase.save(update_fields=["state", "finished_at"])
    _note(project, "phase.completed", phase)
    return True


def _rework(project: Project, phase: Phase, reasons: tuple[str, ...]) -> bool:
    """The phase runs again as its next round, with new rows: what the round before committed stays as it is."""
    phase.comments = [*phase.comments, *reasons]
    phase.round += 1
    phase.state = PhaseState.RUNNING
    phase.save(update_fields=["comments", "round", "state"])
    planting.plant_round(project, phase)
    _note(project, "phase.sent_back", phase, reasons=list(reasons))
    return True


def _ask(
    project: Project, phase: Phase, spec: ApprovalSpec, context: Mapping[str, Any], doubts: tuple[str, ...]
) -> bool:
    try:
        content = render(spec.content, context)
        evidence = [{"label": label, "value": render(value, context)} for label, value in spec.evidence.items()]
        title, description = str(render(spec.title, context)), str(render(spec.description, context))
    except ExpressionFailed as error:
        ending.fail_project(project, phase, error.code, f"The approval of {phase.title!r} cannot be asked: {error}")
        return False
    evidence += [{"label": f"Quality: {each['name']}", "value": _in_words(each)} for each in phase.quality]
    approval = Approval.objects.create(
        project=project,
        phase=phase,
        round=phase.round,
        title=title,
        description=description,
        groups=list(spec.approvers.groups),
        quorum=spec.approvers.quorum,
        form=spec.form,
        content=content,
        evidence=evidence,
        evidence_digest=digest_of([title, description, evidence, content, project.plan_version, phase.round]),
        deadline=None if spec.deadline is None else Now() + timedelta(seconds=spec.deadline),
        on_timeout=spec.on_timeout,
        escalation=None if spec.escalate_to is None else spec.escalate_to.model_dump(mode="json"),
        on_reject=spec.on_reject,
    )
    phase.state = PhaseState.WAITING
    phase.save(update_fields=["state"])
    history.append(
        project.pk,
        "approval.opened",
        actor=SYSTEM,
        subject=str(approval.pk),
        data={
            "phase": phase.key,
            "round": phase.round,
            "title": approval.title,
            "evidence_sha256": approval.evidence_digest,
            "doubts": list(doubts),
        },
    )
    if project.auto_approve:
        return _approve_at_once(project, phase, approval)
    return False


def _approve_at_once(project: Project, phase: Phase, approval: Approval) -> bool:
    """The person who started the project said yes to all its approvals beforehand, in their own name."""
    with transaction.atomic():
        approvals.approve_beforehand(approval, project)
    return after_answer(project, phase)


def _in_words(quality: Mapping[str, Any]) -> str:
    return "met" if quality["met"] else f"not met: {quality['detail']}"


def _note(project: Project, kind: str, phase: Phase, **data: Any) -> None:
    history.append(project.pk, kind, actor=SYSTEM, subject=phase.key, data={"round": phase.round, **data})
