"""How far a project is, how long it may take, and why it does not move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, Q, Sum, When

from orchestrator_site import clock
from orchestrator_site.history import services as history
from orchestrator_site.showing.numbers import counted
from projects.blueprints.schema import StepKind
from projects.errors import ProjectNotFound
from projects.models import Attempt, Phase, Project, Step
from projects.planning.causes import Cause, deciding, foremost, held, moment
from projects.planning.estimating import Estimate, Spell, about
from projects.services import budgets, causes, draining, estimates, guards
from projects.services.performers import left_to_agents
from projects.services.searches import Searched, searches_of
from projects.services.timers import OVERDUE
from projects.states import Directive, PhaseState, ProjectState

causes.ROOM.append(guards.sentences)


@dataclass(frozen=True, slots=True)
class PhaseProgress:
    """A phase: its state, its round, and its steps by state (items counted, their parents not; of a search itself)."""

    key: str
    title: str
    state: str
    round: int
    steps: dict[str, int]
    total: int
    done: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How a project stands. ``share`` is from 0 to 1; ``elapsed`` and ``eta`` in seconds, ``eta`` None if unknown.

    ``eta`` is the middle of what may be left, and ``eta_low`` to ``eta_high`` the range that half of all runs fall in.

    Of a paused project, ``running_at_pause`` steps ran when it was paused, of which ``draining`` still do, and
    ``drained_at`` is when none did any more; those of the projects below it are counted with it.
    """

    project: str
    title: str
    state: str
    directive: str
    share: float
    elapsed: float
    eta: float | None
    next_action: str
    eta_low: float | None = None
    eta_high: float | None = None
    running_at_pause: int | None = None
    draining: int | None = None
    drained_at: str | None = None
    running: list[str] = field(default_factory=list)
    phases: list[PhaseProgress] = field(default_factory=list)
    budgets: list[budgets.BudgetStanding] = field(default_factory=list)
    searches: list[Searched] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def progress(*, project_id: UUID) -> Progress:
    """How a project stands now. Raises ``ProjectNotFound``."""
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    phases = _phases(project)
    found = searches_of(project)
    estimated = None if project.state == ProjectState.COMPLETED else estimates.estimate_of(project, found)
    share = 1.0 if project.state == ProjectState.COMPLETED else _share(project, phases, found, estimated)
    elapsed = _elapsed(project, clock.now())
    left = _eta(project, elapsed, share, estimated)
    running = list(
        Step.objects.filter(project=project, state="running").order_by("started_at").values_list("key", flat=True)[:20]
    )
    paused = drain_of(project) if project.directive == Directive.PAUSE and not project.is_over else None
    return Progress(
        project=str(project.pk),
        title=project.title,
        state=project.state,
        directive=project.directive,
        share=round(share, 4),
        elapsed=round(elapsed, 3),
        eta=None if left is None else round(left.middle, 1),
        eta_low=None if left is None else round(left.low, 1),
        eta_high=None if left is None else round(left.high, 1),
        next_action=next_action(project),
        running_at_pause=None if paused is None else paused.at_pause,
        draining=None if paused is None else paused.running,
        drained_at=None if paused is None or paused.drained_at is None else paused.drained_at.isoformat(),
        running=running,
        phases=phases,
        budgets=budgets.overview(project),
        searches=found,
    )


def next_action(project: Project, *, depth: int = 0) -> str:
    """One sentence: what the project does or waits for, since when, and who can move it on."""
    return cause_of(project, depth=depth).sentence


def cause_of(project: Project, *, depth: int = 0) -> Cause:
    """The same with its code; ``working`` where somebody is at it, ``over`` where nothing is left to do."""
    if project.is_over:
        return Cause("over", _how_it_ended(project), project.finished_at)
    if project.directive == Directive.CANCEL:
        return Cause("cancelling", _why_ending(project), project.directive_since, "`--force` does not wait")
    if project.state == ProjectState.PENDING:
        return _why_pending(project, depth)
    if project.directive == Directive.PAUSE:
        return _why_paused(project)
    going = list(_running(project))
    if going:
        left = "".join(f"; {each}" for each in left_to_agents(project))
        some = f"{', '.join(going[:3])}{f' and {len(going) - 3} more' if len(going) > 3 else ''}"
        return _with_deadline(project, Cause("working", f"Working on {some}{left}."))
    return _with_deadline(project, _why_waiting(project, depth))


def _with_deadline(project: Project, cause: Cause) -> Cause:
    """That it is late is said beside everything else: nobody ends it, as its blueprint says ``alert``."""
    if project.deadline is None or project.deadline > clock.now():
        return cause
    late = f" It was to be over by {moment(project.deadline)}, and goes on; an operator can cancel it."
    return replace(cause, sentence=cause.sentence + late)


def _how_it_ended(project: Project) -> str:
    if project.state == ProjectState.COMPLETED:
        return "Completed: nothing is left to do."
    if project.state == ProjectState.FAILED:
        return f"Failed: {project.failure}"
    asked = history.events_of(project.pk).filter(kind="project.cancel_asked").order_by("-id").first()
    if project.failure or asked is None:
        return f"Cancelled. {project.failure}".strip()
    above = asked.data.get("because_of")
    because = f", with project {above[-8:]} above it" if above else ""
    reason = str(asked.data.get("reason") or "")
    said = f": {reason[: causes.MOST_WORDS]!r}" if reason else ""
    return f"Cancelled by {asked.actor.removeprefix('user:')} at {moment(asked.at)}{because}{said}."


def why(project: Project, steps: Iterable[Step], *, depth: int = 0) -> dict[UUID, str]:
    """Why each of some steps does not run, by its id: for all that are neither over nor running."""
    return {pk: cause.sentence for pk, cause in causes.causes_of(project, steps, below=_teller(depth)).items()}


MOST_PREDECESSORS = 100


def _why_pending(project: Project, depth: int) -> Cause:
    before = list(project.after.exclude(state=ProjectState.COMPLETED).order_by("pk")[:MOST_PREDECESSORS])
    if not before or project.start_asked_at is None:
        then = f", and it begins after {before[0].title!r} ({before[0].short_id})" if before else ""
        not_started = f"Created, not started: start it{then}."
        return Cause("not_started", not_started, project.created_at, "its owner can start it")
    first = before[0]
    others = f" and {len(before) - 1} more" if len(before) > 1 else ""
    told = _clause(next_action(first, depth=depth + 1)) if depth < DEEPEST else "it is not over."
    sentence = f"Waits since {moment(project.created_at)} for {first.title!r} ({first.short_id}){others}: {told}"
    return Cause("predecessor", sentence, project.created_at, f"whoever moves {first.short_id} on")


def _clause(sentence: str) -> str:
    return f"{sentence[:1].lower()}{sentence[1:]}" if sentence[1:2].islower() else sentence


def _why_ending(project: Project) -> str:
    still = draining.running_in_tree(project.pk)
    begun = "Over its deadline, and ending" if project.failure_code == OVERDUE else "Being cancelled"
    if still:
        return f"{begun}: waits for {counted(still, 'running step')} to end. `--force` does not wait."
    below = Project.objects.live().filter(parent_step__project=project).count()
    return (
        f"{begun}: waits for {counted(below, 'project')} below it to end."
        if below
        else f"{begun}: nothing runs any more."
    )


def _why_paused(project: Project) -> Cause:
    standing = causes.standing_of(project)
    now = drain_of(project)
    if now.drained_at is not None:
        how = f"drained at {now.drained_at:%H:%M:%S} UTC: nothing runs any more"
    else:
        how = f"draining {now.running} of {now.at_pause}: {counted(now.running, 'running step')} may finish"
    who = f"Resuming {standing.above} resumes it" if standing.above else "An operator can resume it"
    return Cause("paused", f"{held(standing)}, {how}. {who}.", standing.since, who)


@dataclass(frozen=True, slots=True)
class Drain:
    """How far a paused project is from standing still: steps that ran when it was paused, and that still do."""

    at_pause: int
    running: int
    drained_at: datetime | None


def drain_of(project: Project) -> Drain:
    """Of a paused project; those below it are counted with it."""
    paused = history.events_of(project.pk).filter(kind__in=("project.paused", "project.held")).order_by("-id").first()
    running = draining.running_in_tree(project.pk)
    at_pause = int(paused.data.get("running", 0)) if paused is not None else 0
    return Drain(max(at_pause, running), running, project.drained_at)


def _why_waiting(project: Project, depth: int) -> Cause:
    found = foremost(causes.causes_in(project, below=_teller(depth)))
    if found is None:
        return deciding(causes.standing_of(project))
    first, others = found
    more = f" Beside it {others} more wait; the list of steps says for what." if others else ""
    return replace(first, sentence=first.sentence + more)


DEEPEST = 3
"""Projects below one another that one sentence follows."""


def _teller(depth: int) -> causes.Teller | None:
    """What says of a child why it does not move, as deep as one sentence goes."""
    return (lambda child: next_action(child, depth=depth + 1)) if depth < DEEPEST else None


def _running(project: Project) -> Any:
    return Step.objects.filter(causes.RUNS, project=project).order_by("started_at").values_list("key", flat=True)


def _phases(project: Project) -> list[PhaseProgress]:
    counted = (
        Step.objects.filter(project=project, round=F("phase__round"))
        .exclude(Q(parent=None) & Q(spec__has_key="for_each") & Q(items__isnull=False))
        .exclude(kind=StepKind.SWARM, parent__isnull=False)
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


def _share(project: Project, phases: list[PhaseProgress], searches: list[Searched], found: Estimate | None) -> float:
    """The share of the work, by how long steps take; where nobody knows that, the mean of the phases' shares.

    A phase whose list is not expanded yet then counts as one like the others, a search by its generations.
    """
    if found is not None:
        return min(found.share, 0.99)
    if not phases:
        return 0.0
    begun = dict.fromkeys((phase.key for phase in phases), 0.0)
    for search in searches:
        begun[search.phase] += 0.0 if search.is_over else search.share
    for phase in phases:  # what a project failed by was not done
        begun[phase.key] += phase.done - (phase.steps.get("failed", 0) if project.is_over else 0)
    done = [1.0 if p.state == PhaseState.COMPLETED else (begun[p.key] / p.total if p.total else 0.0) for p in phases]
    return min(sum(done) / len(done), 0.99)


def _elapsed(project: Project, now: datetime) -> float:
    if project.started_at is None:
        return 0.0
    return ((project.finished_at or now) - project.started_at).total_seconds()


def _eta(project: Project, elapsed: float, share: float, found: Estimate | None) -> Spell | None:
    """Seconds left; where nobody knows how long its steps take, by the pace so far."""
    if project.is_over:
        return Spell()
    if project.state == ProjectState.PENDING:
        return None
    if found is not None:
        return found.left
    return about(elapsed / share - elapsed) if share > 0.05 else None


def usage(project: Project) -> list[dict[str, Any]]:
    """Tokens and cost by agent, over all attempts."""
    rows = (
        Attempt.objects.taken()
        .filter(step__project=project)
        .values(agent=Case(When(performer="", then=F("step__agent")), default=F("performer")))
        .annotate(attempts=Count("id"), tokens_in=Sum("tokens_in"), tokens_out=Sum("tokens_out"), cost=Sum("cost"))
        .order_by("agent")
    )
    return [{**row, "cost": float(row["cost"] or 0)} for row in rows]
