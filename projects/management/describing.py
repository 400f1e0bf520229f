"""Projects and approvals as JSON for commands, and as the lines that people read."""

from __future__ import annotations

from typing import Any

from agents.reporting import Cell
from orchestrator_site.showing.visible import one_line
from projects.models import Approval, Checkpoint, Intervention, Project, Schedule
from projects.models.approval import Purpose
from projects.planning.gating import AT_THE_LIMIT
from projects.reports.columns import WIDTH, row_lines
from projects.reports.durations import moment
from projects.reports.visible import cell
from projects.services import crontabs
from projects.services.progressing import next_action
from projects.services.restore_plans import Preview, StepLine

CHOICE = f"as --edit {AT_THE_LIMIT}=accept or {AT_THE_LIMIT}=again says: as it is, or one more round"


def project_document(project: Project) -> dict[str, Any]:
    """A project in short."""
    return {
        "id": str(project.pk),
        "title": project.title,
        "blueprint": {"name": project.blueprint.name, "version": project.blueprint.version},
        "state": project.state,
        "directive": project.directive,
        "priority": project.priority_name,
        "owner": project.owner.get_username() if project.owner else None,
        "failure": {"code": project.failure_code, "reason": project.failure} if project.failure else None,
        "next_action": next_action(project),
        "created_at": project.created_at.isoformat(),
        "started_at": project.started_at.isoformat() if project.started_at else None,
        "deadline": project.deadline.isoformat() if project.deadline else None,
        "drained_at": project.drained_at.isoformat() if project.drained_at else None,
        "finished_at": project.finished_at.isoformat() if project.finished_at else None,
    }


def schedule_document(schedule: Schedule) -> dict[str, Any]:
    """A schedule."""
    return {
        "id": str(schedule.pk),
        "name": schedule.name,
        "blueprint": schedule.blueprint,
        "crontab": crontabs.written(schedule.crontab),
        "timezone": str(schedule.crontab.timezone),
        "inputs": schedule.inputs,
        "intent": schedule.intent,
        "priority": schedule.priority,
        "catch_up": schedule.catch_up,
        "enabled": schedule.enabled,
        "owner": schedule.owner.get_username() if schedule.owner else None,
        "next_at": schedule.next_at.isoformat(),
        "failure": schedule.failure,
    }


def approval_document(approval: Approval) -> dict[str, Any]:
    """An approval in short."""
    return {
        "id": str(approval.pk),
        "project": str(approval.project_id),
        "title": approval.title,
        "round": approval.round,
        "supersedes": str(approval.supersedes_id) if approval.supersedes_id else None,
        "difference": approval.difference,
        "state": approval.state,
        "groups": approval.groups,
        "quorum": approval.quorum,
        "approvals": approval.approvals,
        "deadline": approval.deadline.isoformat() if approval.deadline else None,
        "evidence_digest": approval.evidence_digest,
        "content": approval.content,
        "content_digest": approval.content_digest,
    }


def intervention_document(intervention: Intervention) -> dict[str, Any]:
    """A change of a plan in short."""
    return {
        "id": str(intervention.pk),
        "project": str(intervention.project_id),
        "change": intervention.change,
        "step": intervention.step_key,
        "state": intervention.state,
        "author": intervention.author,
        "reason": intervention.reason,
        "plan_before": intervention.plan_before,
        "plan_after": intervention.plan_after,
        "approval": str(intervention.approval_id) if intervention.approval_id else None,
        "difference": intervention.difference,
    }


def approval_lines(approval: Approval) -> list[str]:
    """An approval as one who decides wants to see it: the question, the evidence, and what follows."""
    who = ", ".join(approval.groups) or "anyone with the right to decide"
    again = approval.on_reject == "rework"
    facts: list[tuple[str, Cell]] = [
        ("Question", approval.title),
        ("", approval.description),
        ("Asked", f"{who}; {approval.quorum} must approve"),
        ("Until", f"{moment(approval.deadline)}, then: {approval.on_timeout}" if approval.deadline else ""),
        ("If rejected", "it is done again with the comment" if again else "the project fails"),
        ("If approved", CHOICE if approval.purpose == Purpose.LIMIT else ""),
        ("Evidence", f"SHA-256 {approval.evidence_digest}"),
    ]
    told = [(name, cell(value)) for name, value in facts if value]
    lines = [line for fact in told for line in row_lines(fact, (11, WIDTH - 13))]
    for each in approval.evidence:
        label, value = one_line(str(each["label"])), _in_short(each["value"])
        lines += row_lines(("", f"{label}: {value}"), (2, WIDTH - 4))
    if approval.content:
        lines += row_lines(("Content", f"SHA-256 {approval.content_digest}"), (11, WIDTH - 13))
    for name, value in approval.content.items():
        lines += row_lines(("", f"{one_line(name)}: {_in_short(value)}"), (2, WIDTH - 4))
    if approval.supersedes_id is not None:
        lines += row_lines(("Changed", "it was asked before, and is void; what is different now:"), (11, WIDTH - 13))
    for each in approval.difference or ():
        was, now = _in_short(each["before"], 80), _in_short(each["after"], 80)
        lines += row_lines(("", f"{one_line(str(each['label']))}: {was} → {now}"), (2, WIDTH - 4))
    return lines


def _in_short(value: Any, most: int = 320) -> str:
    """A value of the evidence: counts by name, how long a list is and its first, the beginning of a text."""
    if isinstance(value, dict):
        told = ", ".join(f"{name.replace('_', ' ')} {_nested(each)}" for name, each in value.items())
    elif isinstance(value, list):
        told = f"{len(value)}" + (f", the first: {_first(value[0])}" if value else "")
    else:
        told = cell(value)
    return _cut(one_line(told), most)


def _nested(value: Any) -> str:
    return f"({_in_short(value)})" if isinstance(value, dict) else _in_short(value)


def _first(value: Any) -> str:
    """One thing of a list, in its plain parts: what is nested in it has its place on the page."""
    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
    plain = [cell(part) for part in parts if not isinstance(part, dict | list)]
    return _cut("; ".join(plain), 160)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def checkpoint_document(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint in short."""
    return {
        "number": checkpoint.number,
        "occasion": checkpoint.occasion,
        "label": checkpoint.label,
        "author": checkpoint.author,
        "event": checkpoint.event,
        "plan_version": checkpoint.plan_version,
        "sha256": checkpoint.sha256,
        "size": checkpoint.size,
        "taken_at": checkpoint.taken_at.isoformat(),
    }


def preview_lines(shown: Preview) -> list[str]:
    """What going back would do, as one who decides on it wants to see it."""
    spent = shown.spent
    facts: list[tuple[str, Cell]] = [
        ("Back to", f"checkpoint {shown.checkpoint}, event {shown.event}, plan {shown.plan_version}"),
        ("Not now", shown.obstacle),
        ("Void", ", ".join(_step_words(line) for line in shown.steps_voided) or "nothing"),
        ("Kept", ", ".join(_step_words(line) for line in shown.steps_kept) or "nothing"),
        ("Approvals", "; ".join(f"{one_line(line.title)} ({line.state})" for line in shown.approvals_lapsing)),
        ("Not undone", ", ".join(f"{line.key} by {line.agent}" for line in shown.effects_not_undone) or "nothing"),
        ("Stays spent", f"{spent.tokens_in} + {spent.tokens_out} tokens, cost {spent.cost:g}"),
        ("Digest", shown.digest),
    ]
    told = [(name, cell(value)) for name, value in facts if value]
    return [line for fact in told for line in row_lines(fact, (11, WIDTH - 13))]


def _step_words(line: StepLine) -> str:
    items = f" with {line.items} items" if line.items else ""
    return f"{line.key} ({line.state}{items})"
