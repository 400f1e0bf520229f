"""Opening an approval at the gate of a phase."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from orchestrator_site.history import services as history
from projects.blueprints.schema import ApprovalSpec
from projects.models import Approval, Phase, Project
from projects.models.approval import AT_A_GATE, Purpose
from projects.planning.binding import Line, Seen
from projects.planning.gating import ACCEPT, AGAIN, AT_THE_LIMIT
from projects.services import approvals, notifying, seeing
from projects.states import ApprovalState, Directive, PhaseState

SYSTEM = "system"
LONGEST_IN_HISTORY = 500  # letters of a value in an event; the approval has the whole


def ask(project: Project, phase: Phase, purpose: Purpose, seen: Seen, doubts: Sequence[str]) -> Approval:
    """Put what is seen to people; where it was asked before and is void, with the difference.

    Of a project whose starter said yes beforehand it comes back approved.
    """
    gate = seeing.gate_of(phase)
    spec = gate.approval or ApprovalSpec(title=phase.title)
    before = _void_one(phase)
    approval = Approval.objects.create(
        project=project,
        phase=phase,
        purpose=purpose,
        round=phase.round,
        title=seen.title,
        description=seen.description,
        content=seen.content,
        asked_content=seen.content,
        evidence=seen.evidence,
        evidence_digest=seen.digest,
        plan_version=seen.plan_version,
        supersedes=before,
        difference=None if before is None else seeing.difference_between(before, seen),
        **(_at_the_limit(project, spec) if purpose == Purpose.LIMIT else _as_usual(project, spec)),
    )
    phase.state = PhaseState.WAITING
    phase.save(update_fields=["state"])
    _note(approval, doubts)
    notifying.notify(project.pk, "asked")
    if project.auto_approve:
        approvals.approve_beforehand(approval, project)
        approval.refresh_from_db(fields=["state"])
    return approval


def in_short(lines: Sequence[Line]) -> list[Line]:
    """A difference as an event keeps it."""
    return [{name: _cut(value) for name, value in line.items()} for line in lines]


def _void_one(phase: Phase) -> Approval | None:
    """The last of the phase's approvals, if that is void and was not asked again yet."""
    last = Approval.objects.filter(phase=phase, purpose__in=AT_A_GATE).order_by("-opened_at", "-id").first()
    return last if last is not None and last.state == ApprovalState.VOID else None


def _as_usual(project: Project, spec: ApprovalSpec) -> dict[str, Any]:
    return {
        "groups": list(spec.approvers.groups),
        "quorum": spec.approvers.quorum,
        "form": spec.form,
        "deadline": _deadline(project, spec.deadline),
        "on_timeout": spec.on_timeout,
        "escalation": None if spec.escalate_to is None else spec.escalate_to.model_dump(mode="json"),
        "on_reject": spec.on_reject,
    }


def _at_the_limit(project: Project, spec: ApprovalSpec) -> dict[str, Any]:
    """To those whom the approval escalates to; silence is a no."""
    to = spec.escalate_to
    return {
        "groups": list(to.groups) if to is not None else list(spec.approvers.groups),
        "quorum": 1,
        "form": _with_choice(spec.form),
        "deadline": _deadline(project, to.deadline if to is not None else spec.deadline),
        "on_timeout": "reject",
        "on_reject": "fail",
    }


def _with_choice(form: Mapping[str, Any] | None) -> dict[str, Any]:
    choice = {
        "type": "string",
        "enum": [ACCEPT, AGAIN],
        "title": "What is to follow",
        "description": f"{ACCEPT}: the phase passes as it is. {AGAIN}: it is worked over once more.",
    }
    given = dict(form or {"type": "object"})
    return {**given, "properties": {AT_THE_LIMIT: choice, **(given.get("properties") or {})}}


def _deadline(project: Project, seconds: float | None) -> Any:
    """When it must be decided. Of a paused project the clock begins when it is resumed: that moves it by the pause."""
    if seconds is None:
        return None
    if project.directive == Directive.PAUSE and project.directive_since is not None:
        return project.directive_since + timedelta(seconds=seconds)
    return Now() + timedelta(seconds=seconds)


def _note(approval: Approval, doubts: Sequence[str]) -> None:
    asked_again = {} if approval.supersedes_id is None else {"supersedes": str(approval.supersedes_id)}
    history.append(
        approval.project_id,
        "approval.opened",
        actor=SYSTEM,
        subject=str(approval.pk),
        data={
            "phase": approval.phase.key,
            "round": approval.round,
            "purpose": approval.purpose,
            "title": approval.title,
            "evidence_sha256": approval.evidence_digest,
            "plan_version": approval.plan_version,
            "doubts": list(doubts),
            **asked_again,
        },
    )


def _cut(value: Any) -> Any:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return value if len(text) <= LONGEST_IN_HISTORY else f"{text[:LONGEST_IN_HISTORY]}…"
