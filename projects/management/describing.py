"""Projects and approvals as JSON for commands, and as the lines that people read."""

from __future__ import annotations

from typing import Any

from projects.models import Approval, Project
from projects.reports.durations import moment
from projects.reports.visible import one_line, visible
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
    lines = [f"Question:  {one_line(approval.title)}"]
    if approval.description:
        lines.append(f"           {one_line(approval.description)}")
    who = ", ".join(approval.groups) or "anyone with the right to decide"
    lines.append(f"Asked:     {one_line(who)}; {approval.quorum} must approve (id {approval.pk})")
    if approval.deadline:
        lines.append(f"Until:     {moment(approval.deadline)}; then: {approval.on_timeout}")
    rejected = "it is done again with the comment" if approval.on_reject == "rework" else "the project fails"
    lines.append(f"If not:    {rejected}")
    lines.append("Evidence:")
    for each in approval.evidence:
        lines.append(f"  {one_line(str(each['label']))}: {_short(each['value'])}")
    return lines


def _short(value: Any, most: int = 160) -> str:
    """A value of the evidence in a line: counts by name, the first of a list, the beginning of a text."""
    if isinstance(value, dict):
        told = ", ".join(f"{name.replace('_', ' ')} {_short(each, 40)}" for name, each in value.items())
    elif isinstance(value, list):
        told = f"{len(value)}" + (f", first: {_short(value[0], 100)}" if value else "")
    else:
        told = "yes" if value is True else "no" if value is False else str(value)
    told = one_line(visible(told))
    return told if len(told) <= most else f"{told[:most]}…"
