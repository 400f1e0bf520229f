"""``project_status``: how a project stands, its report, and what went wrong in it."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import CommandParser

from agents.reporting import Facts, Section, Table
from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import PhasegateCommand
from projects.management.commands.start_project import status_of
from projects.management.describing import project_document
from projects.management.finding import project_of
from projects.management.waiting import watch
from projects.models import Approval, Project
from projects.reports import FORMATS, render_report
from projects.reports.durations import in_words, left_in_words, moment
from projects.reports.general import failed_steps, searches_table
from projects.reports.render_text import sections_as_text
from projects.reports.report import content_of
from projects.services.causes import idle_steps
from projects.services.progressing import Progress, progress, why
from projects.states import ApprovalState, ProjectState

MOST_WAITING = 20


class Command(PhasegateCommand):
    """Tell how a project stands."""

    help = "How a project stands; with --report its report, with --failed and --rejected what went wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("id", help="of the project, or its last digits")
        parser.add_argument("--report", choices=tuple(FORMATS), help="the whole report")
        parser.add_argument("--progress", action="store_true", help="how far it is, phase by phase")
        parser.add_argument("--failed", action="store_true", help="the steps that failed, and why")
        parser.add_argument("--rejected", action="store_true", help="what was rejected, and why")
        parser.add_argument("--watch", action="store_true", help="follow it until it is over")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, follow, tell."""
        project = project_of(options["id"], system_actor())
        if options["watch"]:
            project = watch(project, self)
        if options["report"]:
            self._report(project, options["report"], as_json=options["json"])
        elif options["json"]:
            self.write_json(_document(project, options))
        else:
            sections = _sections(project, options)
            self.stdout.write(sections_as_text(f"{project.title} ({project.pk})", sections))
        if options["watch"] and (status := status_of(project)):
            self.end(status)

    def _report(self, project: Project, format_name: str, *, as_json: bool) -> None:
        rendered = render_report(project, format_name)
        if as_json and format_name != "json":
            self.write_json({"format": format_name, "report": rendered})
        else:
            self.stdout.write(rendered, ending="")


def _document(project: Project, options: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {"project": project_document(project)}
    document["progress"] = progress(project_id=project.pk).to_json()
    document["waiting"] = _waiting(project)
    if options["failed"]:
        document["failed"] = failed_steps(project)
    if options["rejected"]:
        document["rejected"] = {
            "approvals": _rejected_approvals(project),
            "findings": _rejected_findings(project),
        }
    return document


def _sections(project: Project, options: dict[str, Any]) -> list[Section]:
    now = progress(project_id=project.pk)
    asked = [options[name] for name in ("progress", "failed", "rejected")]
    sections: list[Section] = []
    if not any(asked):
        sections.append(_standing(project, now))
    if options["progress"] or not any(asked):
        sections.append(_progress(now))
        sections += searches_table(now.searches)
        sections += _waiting_steps(project)
    if options["failed"]:
        sections.append(_failed(project))
    if options["rejected"]:
        sections += _rejected(project)
    return sections


def _standing(project: Project, now: Progress) -> Facts:
    facts = [
        ("Blueprint", str(project.blueprint)),
        ("State", project.state),
        ("Next", now.next_action),
        ("Priority", project.priority_name),
        ("Owner", project.owner.get_username() if project.owner else "none: started from the command line"),
        ("Created", moment(project.created_at)),
        ("Started", moment(project.started_at)),
        ("Deadline", moment(project.deadline) if project.deadline and not project.is_over else ""),
        ("Drained", moment(project.drained_at) if project.drained_at and not project.is_over else ""),
        ("Finished", moment(project.finished_at)),
        ("Intent", project.intent),
    ]
    return Facts("Project", tuple((name, value) for name, value in facts if value))


def _progress(now: Progress) -> Table:
    rows = tuple(
        (
            phase.title or phase.key,
            phase.state,
            phase.round,
            f"{phase.done} of {phase.total}",
            ", ".join(f"{number} {state}" for state, number in sorted(phase.steps.items())),
        )
        for phase in now.phases
    )
    words = left_in_words(now.eta_low, now.eta, now.eta_high)
    title = f"Phases: {now.share:.0%} done in {in_words(now.elapsed)}{f', {words}' if words else ''}"
    if now.state in (ProjectState.FAILED, ProjectState.CANCELLED):  # of what nobody will do a share says nothing
        title = f"Phases: {now.state} after {in_words(now.elapsed)}"
    return Table(title, ("Phase", "State", "Round", "Steps done", "Steps by state"), rows)


def _waiting(project: Project) -> list[dict[str, Any]]:
    """The steps of the phase that is worked on that are neither over nor running, each with the reason."""
    if project.is_over:
        return []
    steps = idle_steps(project)
    reasons = why(project, steps)
    return [{"key": step.key, "state": step.state, "why": reasons.get(step.pk)} for step in steps]


def _waiting_steps(project: Project) -> list[Table]:
    waiting = _waiting(project)
    rows = tuple((each["key"], each["state"], each["why"] or "") for each in waiting[:MOST_WAITING])
    more = f", {MOST_WAITING} of {len(waiting)}" if len(waiting) > MOST_WAITING else ""
    return [Table(f"Steps that do not run, and why{more}", ("Step", "State", "Why"), rows)] if rows else []


def _failed(project: Project) -> Table:
    rows = tuple(
        (each["key"], each["round"], each["agent"], each["attempts"], f"{each['code']}: {each['message']}")
        for each in failed_steps(project)
    )
    return Table("Failed steps", ("Step", "Round", "Agent", "Attempts", "Reason"), rows)


def _rejected(project: Project) -> list[Section]:
    approvals = tuple(
        (each["title"], each["round"], f"{each['by']} ({each['via']})", each["comment"])
        for each in _rejected_approvals(project)
    )
    content = content_of(project)
    findings = [section for section in (content.sections if content else ()) if section.title.startswith("Rejected")]
    return [Table("Rejected approvals", ("Approval", "Round", "By", "Comment"), approvals), *findings]


def _rejected_approvals(project: Project) -> list[dict[str, Any]]:
    found = Approval.objects.filter(project=project, state=ApprovalState.REJECTED).order_by("opened_at")
    decisions = found.filter(decisions__verdict="reject").values(
        "title",
        "round",
        "decisions__user__username",
        "decisions__via",
        "decisions__comment",
        "decisions__decided_at",
    )
    return [
        {
            "title": each["title"],
            "round": each["round"],
            "by": each["decisions__user__username"] or "nobody",
            "via": each["decisions__via"],
            "comment": each["decisions__comment"],
            "at": str(each["decisions__decided_at"]),
        }
        for each in decisions
    ]


def _rejected_findings(project: Project) -> Any:
    """What the blueprint's own report counts as rejected."""
    content = content_of(project)
    found = content.data.get("rejected", []) if content else []
    return json.loads(json.dumps(found, default=str))
