"""How far a project is, how long it may take, and why it does not move."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, F, Q, Sum
from django.db.models.functions import Now

from orchestrator_site import clock
from orchestrator_site.conf import CONTROL_QUEUE, conf
from projects.errors import ProjectNotFound
from projects.models import Approval, Attempt, Phase, Project, Step, Worker
from projects.services import budgets, guards
from projects.states import Directive, PhaseState, ProjectState


@dataclass(frozen=True, slots=True)
class PhaseProgress:
    """A phase: its state, its round, and its steps by state (items counted, their parents not)."""

    key: str
    title: str
    state: str
    round: int
    steps: dict[str, int]
    total: int
    done: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How a project stands. ``share`` is from 0 to 1; ``elapsed`` and ``eta`` in seconds, ``eta`` None if unknown."""

    project: str
    title: str
    state: str
    directive: str
    share: float
    elapsed: float
    eta: float | None
    next_action: str
    running: list[str] = field(default_factory=list)
    phases: list[PhaseProgress] = field(default_factory=list)
    budgets: list[budgets.BudgetStanding] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def progress(*, project_id: UUID) -> Progress:
    """How a project stands now. Raises ``ProjectNotFound``."""
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    phases = _phases(project)
    share = 1.0 if project.state == ProjectState.COMPLETED else _share(phases)
    elapsed = _elapsed(project, clock.now())
    running = list(
        Step.objects.filter(project=project, state="running").order_by("started_at").values_list("key", flat=True)[:20]
    )
    return Progress(
        project=str(project.pk),
        title=project.title,
        state=project.state,
        directive=project.directive,
        share=round(share, 4),
        elapsed=round(elapsed, 3),
        eta=_eta(project, elapsed, share),
        next_action=next_action(project, running),
        running=running,
        phases=phases,
        budgets=budgets.overview(project),
    )


def next_action(project: Project, running: list[str] | None = None) -> str:
    """One sentence: what the project does or waits for, since when, and who can move it on."""
    if project.is_over:
        return {
            ProjectState.COMPLETED: "Completed: nothing is left to do.",
            ProjectState.CANCELLED: f"Cancelled. {project.failure}".strip(),
        }.get(ProjectState(project.state), f"Failed: {project.failure}")
    if project.state == ProjectState.PENDING:
        return _why_pending(project)
    going = running if running is not None else list(_running(project))
    if project.directive == Directive.PAUSE:
        since = f"since {project.directive_since:%Y-%m-%d %H:%M:%S} UTC" if project.directive_since else ""
        tail = f"; {len(going)} running steps may finish" if going else "; nothing runs any more"
        return f"Paused {since}{tail}. An operator can resume it."
    if project.directive == Directive.CANCEL:
        return f"Being cancelled: waits for {len(going)} running steps to end. `--force` does not wait."
    if going:
        return f"Working on {', '.join(going[:3])}{f' and {len(going) - 3} more' if len(going) > 3 else ''}."
    return _why_waiting(project)


def _why_pending(project: Project) -> str:
    before = project.after.exclude(state=ProjectState.COMPLETED).count()
    return f"Waits for {before} other projects to complete." if before else "Created, not started: start it."


def _why_waiting(project: Project) -> str:
    approval = Approval.objects.open().filter(project=project).first()
    if approval is not None:
        who = ", ".join(approval.groups) or "anyone with the right to decide"
        until = f", until {approval.deadline:%Y-%m-%d %H:%M} UTC" if approval.deadline else ""
        return f"Waits for {who} to decide {approval.title!r} since {approval.opened_at:%Y-%m-%d %H:%M} UTC{until}."
    if room := guards.why_first(project.pk):
        return room
    ready = Step.objects.filter(project=project, state="ready")
    retry = ready.filter(available_at__gt=Now()).order_by("available_at").first()
    if retry is not None and not ready.filter(Q(available_at=None) | Q(available_at__lte=Now())).exists():
        return f"Waits until {retry.available_at:%H:%M:%S} UTC to try {retry.key} again."
    waiting = ready.order_by("published_at").first()
    if waiting is not None:
        return _why_unclaimed(waiting)
    if not _alive(CONTROL_QUEUE):
        return "Its next step is to be decided, but no control worker is alive. Start workers: `make up`."
    return "Its next step is being decided; recovery looks at it within seconds."


def _why_unclaimed(step: Step) -> str:
    if not _alive(step.pool):
        return f"{step.key} is ready, but no worker of pool {step.pool!r} is alive. Start workers: `make up`."
    return f"{step.key} is ready and waits for a free worker of pool {step.pool!r}."


def _alive(pool: str) -> bool:
    """Whether a worker of a pool has said within the length of a lease that it lives."""
    lately = Now() - timedelta(seconds=conf().lease_seconds)
    return Worker.objects.filter(pools__contains=[pool], seen_at__gt=lately).exists()


def _running(project: Project) -> Any:
    return Step.objects.filter(project=project, state="running").values_list("key", flat=True)


def _phases(project: Project) -> list[PhaseProgress]:
    counted = (
        Step.objects.filter(project=project, round=F("phase__round"))
        .exclude(Q(parent=None) & Q(spec__has_key="for_each") & Q(items__isnull=False))
        .values("phase_id", "state")
        .annotate(n=Count("id", distinct=True))
    )
    by_phase: dict[UUID, dict[str, int]] = {}
    for row in counted:
        by_phase.setdefault(row["phase_id"], {})[row["state"]] = row["n"]
    return [_phase(phase, by_phase.get(phase.pk, {})) for phase in project.phases.order_by("position")]


def _phase(phase: Phase, steps: dict[str, int]) -> PhaseProgress:
    done = sum(steps.get(state, 0) for state in ("completed", "failed", "skipped"))
    return PhaseProgress(phase.key, phase.title, phase.state, phase.round, steps, sum(steps.values()), done)


def _share(phases: list[PhaseProgress]) -> float:
    """The mean of the phases' shares: a phase whose list is not expanded yet counts as one like the others."""
    if not phases:
        return 0.0
    done = [1.0 if p.state == PhaseState.COMPLETED else (p.done / p.total if p.total else 0.0) for p in phases]
    return min(sum(done) / len(done), 0.99)


def _elapsed(project: Project, now: datetime) -> float:
    if project.started_at is None:
        return 0.0
    return ((project.finished_at or now) - project.started_at).total_seconds()


def _eta(project: Project, elapsed: float, share: float) -> float | None:
    """Seconds left: from earlier runs of the same blueprint, else from the pace so far."""
    if project.is_over or project.state == ProjectState.PENDING:
        return 0.0 if project.is_over else None
    earlier = Project.objects.filter(
        blueprint__name=project.blueprint.name, state=ProjectState.COMPLETED, finished_at__isnull=False
    ).aggregate(mean=Avg(F("finished_at") - F("started_at")))["mean"]
    if earlier is not None:
        return float(round(max(0.0, earlier.total_seconds() * (1 - share)), 1))
    return round(elapsed / share - elapsed, 1) if share > 0.05 else None


def usage(project: Project) -> list[dict[str, Any]]:
    """Tokens and cost by agent, over all attempts."""
    rows = (
        Attempt.objects.filter(step__project=project)
        .values(agent=F("step__agent"))
        .annotate(attempts=Count("id"), tokens_in=Sum("tokens_in"), tokens_out=Sum("tokens_out"), cost=Sum("cost"))
        .order_by("agent")
    )
    return [{**row, "cost": float(row["cost"] or 0)} for row in rows]
