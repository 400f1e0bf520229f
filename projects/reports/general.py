"""What every project has: how it stands, who decided what, what failed, how long it took, what it used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from agents.reporting import Cell, Facts, Section, Table
from projects.models import Approval, Attempt, Decision, Document, Phase, Project, Step
from projects.reports.durations import in_words, left_in_words, moment
from projects.services import progressing
from projects.services.performers import NOBODY, asked_for, degradation, performers_of
from projects.services.progressing import PhaseProgress, Progress
from projects.services.room import whose
from projects.services.rounds import rounds_of, summary_of
from projects.services.searches import Searched
from projects.states import ProjectState, StepState


def facts_of(project: Project, progress: Progress) -> dict[str, Any]:
    """The general part as data: ``project``, ``phases``, ``rounds``, ``searches``, ``approvals``, ``failed_steps``,
    ``degraded_steps``, ``usage``, ``budgets``."""
    return {
        "project": _project(project, progress),
        "phases": [_phase(phase, counted) for phase, counted in _with_rows(project, progress.phases)],
        "rounds": [_rounds(phase) for phase in _worked_over(project)],
        "searches": [search.to_json() for search in progress.searches],
        "approvals": [_approval(approval) for approval in _approvals(project)],
        "failed_steps": failed_steps(project),
        "degraded_steps": degraded_steps(project),
        "usage": progressing.usage(project),
        "budgets": [budget.to_json() for budget in progress.budgets],
    }


def sections_of(facts: Mapping[str, Any]) -> tuple[Section, ...]:
    """The general part as sections."""
    return (
        _summary(facts["project"]),
        _phase_table(facts["phases"]),
        *([_rounds_table(facts["rounds"])] if facts["rounds"] else []),
        *searches_table([Searched(**search) for search in facts["searches"]]),
        _approval_table(facts["approvals"]),
        _failed_table(facts["failed_steps"]),
        *([_degraded_table(facts["degraded_steps"])] if facts["degraded_steps"] else []),
        _usage_table(facts["usage"]),
        *([_budget_table(facts["budgets"])] if facts["budgets"] else []),
    )


def searches_table(searches: Sequence[Searched]) -> list[Table]:
    """How far searches are and what they have found; nothing where there is none."""
    rows = tuple(
        (
            each.step,
            f"{each.generation} of {each.generations}",
            "" if each.value is None else f"{each.value:.6g}",
            "" if each.best is None else _place(each.best),
        )
        for each in searches
    )
    return [Table("Searches", ("Step", "Generations", "Best value", "Found at"), rows)] if rows else []


def _place(best: Any) -> str:
    named = best.items() if isinstance(best, Mapping) else enumerate(best, 1)
    shown = [f"{name}: {value:.4g}" for name, value in named]
    return ", ".join(shown[:8]) + (", …" if len(shown) > 8 else "")


def failed_steps(project: Project) -> list[dict[str, Any]]:
    """Steps that failed, of every round, each with the reason; durations in seconds."""
    steps = Step.objects.filter(project=project, state=StepState.FAILED).select_related("phase", "parent")
    failed = list(steps.order_by("finished_at"))
    performing, taken = performers_of(failed), Attempt.objects.taken_by(failed)
    return [
        {
            "key": step.key,
            "phase": step.phase.key,
            "round": step.round,
            "agent": performing.get(step.pk, NOBODY).agent or asked_for(step),
            "attempts": taken.get(step.pk, 0),
            "code": (step.error or {}).get("code", ""),
            "message": (step.error or {}).get("message", ""),
            "cause": (step.error or {}).get("cause", ""),
            "failed_at": _iso(step.finished_at),
        }
        for step in failed
    ]


def degraded_steps(project: Project) -> list[dict[str, Any]]:
    """Steps whose result is their fallback's, of every round: whose, and why; five hundred at most."""
    steps = Step.objects.filter(project=project, degraded__isnull=False).defer("result", "spec", "item")
    return [
        {"key": step.key, "round": step.round, **(step.degraded or {}), "why": degradation(step)}
        for step in steps.order_by("finished_at")[:500]
    ]


def _degraded_table(degraded: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple((each["key"], each["round"], each["by"], each["why"]) for each in degraded)
    return Table("Degraded results", ("Step", "Round", "By", "Why"), rows)


def _project(project: Project, progress: Progress) -> dict[str, Any]:
    return {
        "id": str(project.pk),
        "title": project.title,
        "blueprint": {"name": project.blueprint.name, "version": project.blueprint.version},
        "state": project.state,
        "directive": project.directive,
        "failure": {"code": project.failure_code, "reason": project.failure} if project.failure else None,
        "intent": project.intent,
        "priority": project.priority_name,
        "owner": project.owner.get_username() if project.owner else None,
        "documents": _document_names(project),
        "created_at": _iso(project.created_at),
        "started_at": _iso(project.started_at),
        "finished_at": _iso(project.finished_at),
        "elapsed_seconds": progress.elapsed,
        "eta_seconds": None if project.is_over else progress.eta,
        "eta_seconds_low": None if project.is_over else progress.eta_low,
        "eta_seconds_high": None if project.is_over else progress.eta_high,
        "share": progress.share,
        "next_action": progress.next_action,
    }


def _document_names(project: Project) -> list[str]:
    return list(Document.objects.filter(project=project).order_by("position").values_list("name", flat=True))


def _with_rows(project: Project, counted: Sequence[PhaseProgress]) -> list[tuple[Any, PhaseProgress]]:
    rows = {phase.key: phase for phase in Phase.objects.filter(project=project)}
    return [(rows[each.key], each) for each in counted]


def _phase(phase: Any, counted: PhaseProgress) -> dict[str, Any]:
    ended = phase.finished_at
    took = (ended - phase.started_at).total_seconds() if ended and phase.started_at else None
    return {
        "key": phase.key,
        "title": phase.title,
        "state": phase.state,
        "round": phase.round,
        "steps": counted.steps,
        "done": counted.done,
        "total": counted.total,
        "quality": phase.quality,
        "sent_back_because": phase.comments,
        "failure": phase.failure,
        "started_at": _iso(phase.started_at),
        "finished_at": _iso(ended),
        "seconds": None if took is None else round(took, 3),
    }


def _worked_over(project: Project) -> list[Phase]:
    """Phases of more rounds than one: of others there is nothing to lay side by side."""
    return list(Phase.objects.filter(project=project, round__gt=1).order_by("position"))


def _rounds(phase: Phase) -> dict[str, Any]:
    return {"phase": phase.key, "title": phase.title, "rounds": summary_of(rounds_of(phase))}


def _approvals(project: Project) -> list[Approval]:
    found = Approval.objects.filter(project=project).select_related("phase").prefetch_related("decisions__user")
    return list(found.order_by("opened_at"))


def _approval(approval: Approval) -> dict[str, Any]:
    return {
        "id": str(approval.pk),
        "title": approval.title,
        "phase": approval.phase.key,
        "round": approval.round,
        "state": approval.state,
        "groups": approval.groups,
        "quorum": approval.quorum,
        "opened_at": _iso(approval.opened_at),
        "deadline": _iso(approval.deadline),
        "finished_at": _iso(approval.finished_at),
        "evidence_sha256": approval.evidence_digest,
        "plan_version": approval.plan_version,
        "supersedes": str(approval.supersedes_id) if approval.supersedes_id else None,
        "difference": approval.difference,
        "decisions": [_decision(decision) for decision in _decisions(approval)],
    }


def _decisions(approval: Approval) -> list[Decision]:
    return list(Decision.objects.filter(approval=approval).select_related("user"))


def _decision(decision: Decision) -> dict[str, Any]:
    return {
        "by": decision.user.get_username() if decision.user else decision.via,
        "verdict": decision.verdict,
        "comment": decision.comment,
        "edits": decision.edits,
        "via": decision.via,
        "at": _iso(decision.decided_at),
    }


def _iso(at: Any) -> str | None:
    return None if at is None else at.isoformat()


def _summary(project: Mapping[str, Any]) -> Facts:
    blueprint = project["blueprint"]
    facts: list[tuple[str, Cell]] = [
        ("Project", project["id"]),
        ("Blueprint", f"{blueprint['name']} v{blueprint['version']}"),
        ("State", _state_in_words(project)),
        ("Next", project["next_action"]),
        ("Progress", "" if _ended_on_the_way(project) else f"{project['share']:.0%}"),
        ("Started", _moment(project["started_at"])),
        ("Took" if project["finished_at"] else "Running for", in_words(project["elapsed_seconds"])),
    ]
    if not project["finished_at"]:
        ends = (project["eta_seconds_low"], project["eta_seconds"], project["eta_seconds_high"])
        facts.append(("Left, as estimated", left_in_words(*ends).removesuffix(" left") or "unknown"))
    facts += [("Intent", project["intent"]), ("Documents", ", ".join(project["documents"]))]
    facts.append(("Owner", project["owner"] or "nobody: started from the command line"))
    return Facts("Project", tuple((name, value) for name, value in facts if value != ""))


def _ended_on_the_way(project: Mapping[str, Any]) -> bool:
    """Whether nobody will do the rest, of which a share says nothing."""
    return project["finished_at"] is not None and project["state"] != ProjectState.COMPLETED


def _state_in_words(project: Mapping[str, Any]) -> str:
    steered = {"pause": " (paused)", "cancel": " (being cancelled)"}
    over = project["finished_at"] is not None
    return str(project["state"]) + ("" if over else steered.get(project["directive"], ""))


def _phase_table(phases: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            phase["title"] or phase["key"],
            phase["state"],
            phase["round"],
            f"{phase['done']} of {phase['total']}",
            ", ".join(f"{number} {state}" for state, number in sorted(phase["steps"].items())),
            in_words(phase["seconds"]) if phase["seconds"] is not None else "",
        )
        for phase in phases
    )
    return Table("Phases", ("Phase", "State", "Round", "Steps done", "Steps by state", "Took"), rows)


def _rounds_table(phases: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            phase["title"] or phase["phase"],
            each["round"],
            ", ".join(f"{step['key']} {step['result_sha256'][:12] or step['state']}" for step in each["steps"]),
            ", ".join(f"{one['name']}: {'met' if one['met'] else 'not met'}" for one in each["quality"]),
            ", ".join(one["state"] for one in each["approvals"]),
            "; ".join(each["sent_back_because"]),
        )
        for phase in phases
        for each in phase["rounds"]
    )
    return Table("Rounds", ("Phase", "Round", "Results", "Quality", "Approval", "Sent back because"), rows)


def _approval_table(approvals: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(row for approval in approvals for row in _approval_rows(approval))
    columns = ("Approval", "Round", "State", "Verdict", "By", "At", "Comment")
    return Table("Approvals", columns, rows, empty="None was asked for.")


def _approval_rows(approval: Mapping[str, Any]) -> list[tuple[Cell, ...]]:
    head = (approval["title"], approval["round"], approval["state"])
    told: list[tuple[Cell, ...]] = [
        (*head, each["verdict"], f"{each['by']} ({each['via']})", _moment(each["at"]), each["comment"])
        for each in approval["decisions"]
    ]
    return told or [(*head, "", _by_nobody_yet(approval), _moment(approval["finished_at"]), "")]


def _by_nobody_yet(approval: Mapping[str, Any]) -> str:
    """Who stands behind an approval on which no person has decided."""
    if approval["state"] == "open":
        return f"waits for {', '.join(approval['groups']) or 'anyone with the right'}"
    return "beforehand (auto)" if approval["state"] == "approved" else ""


def _failed_table(failed: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            each["key"],
            each["round"],
            each["agent"],
            each["attempts"],
            f"{each['code']}: {each['message']}",
        )
        for each in failed
    )
    return Table("Failed steps", ("Step", "Round", "Agent", "Attempts", "Reason"), rows)


def _usage_table(usage: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (each["agent"], each["attempts"], each["tokens_in"] or 0, each["tokens_out"] or 0, each["cost"])
        for each in usage
    )
    return Table("Agents", ("Agent", "Attempts", "Tokens in", "Tokens out", "Cost"), rows)


def _budget_table(budgets: Sequence[Mapping[str, Any]]) -> Table:
    rows = tuple(
        (
            whose(each["scope"], each["name"]),
            each["measure"],
            each["spent"],
            each["reserved"],
            "none" if each["soft"] is None else each["soft"],
            "none" if each["hard"] is None else each["hard"],
        )
        for each in budgets
    )
    return Table("Budgets", ("Of", "Measure", "Spent", "Reserved", "Soft limit", "Hard limit"), rows)


def _moment(iso: str | None) -> str:
    return "" if iso is None else moment(datetime.fromisoformat(iso))
