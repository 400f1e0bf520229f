"""The approval of a change of a plan, where the blueprint asks for one: shown step by step, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects.blueprints.schema import ApprovalSpec, Blueprint
from projects.models import Approval, Intervention, Phase, Project
from projects.models.approval import Purpose
from projects.services import seeing
from projects.services.contexts import Results, expression_context
from projects.states import ApprovalState

SYSTEM = "system"


def question(blueprint: Blueprint, project: Project) -> str:
    """What people are asked before a plan is changed; empty where nobody is. Raises ``ExpressionFailed``."""
    if blueprint.plan_changes is None:
        return ""
    return seeing.title_of(blueprint.plan_changes.approval, expression_context(project, Results(project.pk)))


def ask(intervention: Intervention, blueprint: Blueprint, project: Project, phase: Phase) -> Approval:
    """Open the approval of a proposed change. Raises ``ExpressionFailed`` where the question cannot be put."""
    spec = _asked_by(blueprint)
    context = expression_context(project, Results(project.pk), phase)
    asked = seeing.question_of(spec, context)
    title, description, evidence = asked.title, asked.description, [*asked.evidence, *_evidence(intervention)]
    approval = Approval.objects.create(
        project=project,
        phase=phase,
        purpose=Purpose.PLAN,
        round=phase.round,
        title=title,
        description=description,
        groups=list(spec.approvers.groups),
        quorum=spec.approvers.quorum,
        evidence=evidence,
        evidence_digest=digest_of([title, description, evidence, str(intervention.pk), project.plan_version]),
        plan_version=project.plan_version,
        deadline=None if spec.deadline is None else Now() + timedelta(seconds=spec.deadline),
        on_timeout=spec.on_timeout,
        escalation=None if spec.escalate_to is None else spec.escalate_to.model_dump(mode="json"),
    )
    history.append(
        project.pk,
        "approval.opened",
        actor=SYSTEM,
        subject=str(approval.pk),
        data={
            "phase": phase.key,
            "round": phase.round,
            "title": title,
            "purpose": Purpose.PLAN.value,
            "intervention": str(intervention.pk),
            "evidence_sha256": approval.evidence_digest,
        },
    )
    return approval


def why_not(approval: Approval | None) -> str:
    """Why a proposed change is not made, whose approval ended otherwise than by a yes."""
    if approval is None:
        return "Its approval is gone."
    if approval.state != ApprovalState.REJECTED:
        return "The project ended before anybody decided."
    last = approval.decisions.filter(verdict="reject").select_related("user").order_by("-decided_at").first()
    who = last.user.get_username() if last is not None and last.user is not None else "the deadline"
    return f"Rejected by {who}: {last.comment}" if last is not None and last.comment else f"Rejected by {who}."


def as_asked(difference: Iterable[Mapping[str, Any]]) -> list[Any]:
    """What of a difference people approve. Whether a step is pending or ready meanwhile makes none."""
    return [
        {**line, "before": {name: value for name, value in (line["before"] or {}).items() if name != "state"}}
        for line in difference
    ]


def _evidence(intervention: Intervention) -> list[dict[str, Any]]:
    about = [
        {"label": "Change", "value": f"{intervention.change} {intervention.step_key}"},
        {"label": "Asked by", "value": intervention.author},
        {"label": "Reason", "value": intervention.reason},
    ]
    lines = [
        {
            "label": f"Step {line['step']}: {line['change']}",
            "value": {"before": line["before"], "after": line["after"]},
        }
        for line in intervention.difference
    ]
    return [*about, *lines]


def _asked_by(blueprint: Blueprint) -> ApprovalSpec:
    policy = blueprint.plan_changes
    assert policy is not None  # noqa: S101 a change is proposed only where a policy asks for it
    return policy.approval
