"""Projects and approvals as JSON for commands, and as the lines that people read."""

from __future__ import annotations

from typing import Any

from agents.reporting import Cell
from projects.models import Approval, Project, Schedule
from projects.reports.columns import WIDTH, row_lines
from projects.reports.durations import moment
from projects.reports.visible import cell, one_line
from projects.services import crontabs
from projects.services.progressing import next_action


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
        "state": approval.state,
        "groups": approval.groups,
        "quorum": approval.quorum,
        "approvals": approval.approvals,
        "deadline": approval.deadline.isoformat() if approval.deadline else None,
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
        ("Evidence", f"SHA-256 {approval.evidence_digest}"),
    ]
    told = [(name, cell(value)) for name, value in facts if value]
    lines = [line for fact in told for line in row_lines(fact, (11, WIDTH - 13))]
    for each in approval.evidence:
        label, value = one_line(str(each["label"])), _in_short(each["value"])
        lines += row_lines(("", f"{label}: {value}"), (2, WIDTH - 4))
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
