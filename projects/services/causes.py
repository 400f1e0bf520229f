"""Why the steps of a project do not run, read in a fixed number of queries whatever their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import Exact

from agents.errors import NoAgentNow
from agents.services import circuits
from orchestrator_site import clock
from orchestrator_site.conf import CONTROL_QUEUE, conf
from orchestrator_site.history import services as history
from projects.models import Approval, Dependency, Phase, Project, Step, SwarmState, Timer, Worker
from projects.models.approval import Purpose
from projects.models.timer import TimerKind
from projects.planning.causes import Asked, Cause, Standing, Waiter, decision, moment, why
from projects.services.kinds import is_list
from projects.services.kinds.specification import specification_of
from projects.states import PHASE, STEP, Directive, PhaseState, ProjectState, StepState

MOST_STEPS = 300
MOST_WORDS = 400
"""Characters of an error in a sentence: why five agents were left out fits in."""
MOST_CHILDREN = 5
"""Children of which a list of causes tells what they wait for themselves; of others it says that they are not over."""

Teller = Callable[[Project], str]
"""Says what a project does or waits for, in a sentence."""

ROOM: list[Callable[[Project, Sequence[Step]], Mapping[UUID, str]]] = []
"""Who knows why a guarded step has no room: given guarded steps that are ready, a sentence for those it knows of."""


def causes_of(project: Project, steps: Iterable[Step], *, below: Teller | None = None) -> dict[UUID, Cause]:
    """The cause of each of some steps of a project that is neither over nor running, by the step's id.

    ``below`` tells what the projects wait for that steps have started; without it only that they are not over.
    """
    idle = [step for step in steps if step.state in STEP.live and not runs(step)]
    if not idle:
        return {}
    standing = standing_of(project)
    facts = _facts_of(project, idle, below)
    found = {step.pk: why(facts.waiter(step), standing) for step in idle}
    return {pk: cause for pk, cause in found.items() if cause is not None}


def causes_in(project: Project, *, below: Teller | None = None) -> list[Cause]:
    """Those of the phase that is worked on, and of the approvals that no step waits for."""
    asked = Approval.objects.open().filter(project=project).exclude(purpose=Purpose.STEP).order_by("opened_at")
    causes = [decision(_asked(approval)) for approval in asked[:MOST_STEPS]]
    idle = idle_steps(project)
    return causes + list(causes_of(project, idle, below=below).values())


def runs(step: Step) -> bool:
    """Whether somebody who lives is at it: not one whose lease is over, nor one that only looks for an agent."""
    if step.state != StepState.RUNNING or _is_held(step):
        return False
    return step.lease_until is None or step.lease_until > clock.now()


_CODE = Coalesce(KeyTextTransform("code", "error"), Value(""), output_field=TextField())
_HELD = Exact(_CODE, Value(NoAgentNow.code))
RUNS = Q(state=StepState.RUNNING, lease_until__gt=Now()) & ~Q(_HELD)
"""The same for the database. A step that was handed back has the error ``null``, which is no code."""


def _is_held(step: Step) -> bool:
    return (step.error or {}).get("code") == NoAgentNow.code


def idle_steps(project: Project) -> list[Step]:
    """Steps of the phase that is worked on that are neither over nor running; those that wait come first."""
    steps = Step.objects.filter(project=project, round=F("phase__round"), phase__state=PhaseState.RUNNING)
    idle = steps.filter(state__in=STEP.live).exclude(RUNS)
    return list(idle.select_related("parent").defer("result").order_by("-state", "position")[:MOST_STEPS])


def standing_of(project: Project) -> Standing:
    """The project as its steps see it."""
    paused = project.directive == Directive.PAUSE and not project.is_over
    alive = _pools_alive()
    by, reason = _who_paused(project) if paused and not project.held_by_parent else ("", "")
    return Standing(
        state=ProjectState(project.state),
        directive=Directive(project.directive),
        now=clock.now(),
        since=project.directive_since,
        by=by,
        reason=reason,
        above=_above(project) if paused and project.held_by_parent else "",
        stuck=_stuck(project),
        control_alive=CONTROL_QUEUE in alive,
        pools_alive=alive,
    )


@dataclass(slots=True)
class _Facts:
    """What the causes of some steps are made of, by the step's id."""

    phases: Mapping[UUID, Phase]
    current: Phase | None
    """The phase that is worked on, or the next that will be."""
    needs: dict[UUID, list[str]] = field(default_factory=dict)
    items: dict[UUID, dict[str, int]] = field(default_factory=dict)
    generations: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    due: Mapping[UUID, datetime] = field(default_factory=dict)
    asked: dict[UUID, Asked] = field(default_factory=dict)
    children: dict[UUID, str] = field(default_factory=dict)
    room: dict[UUID, str] = field(default_factory=dict)
    room_since: Mapping[UUID, datetime] = field(default_factory=dict)
    circuits: Mapping[str, str] = field(default_factory=dict)
    """What is known of the circuits of agents, as a clause, by the agent's name."""
    silent: Mapping[UUID, str] = field(default_factory=dict)

    def waiter(self, step: Step) -> Waiter:
        """A step as far as it says why it waits."""
        ahead = self.current is None or step.phase_id == self.current.pk
        phase_state = PhaseState.RUNNING if ahead else PhaseState(self.phases[step.phase_id].state)
        error = step.error or {}
        looks = step.state == StepState.RUNNING and _is_held(step)
        told = Waiter(
            key=step.key,
            state=StepState.READY if looks else StepState(step.state),
            kind=step.kind,
            pool=step.pool,
            since=self._since(step),
            phase_state=phase_state,
            before=self.current.title if self.current is not None else "",
            needs=tuple(self.needs.get(step.pk, ())),
            is_item=step.parent_id is not None,
            error=str(error.get("message", ""))[:MOST_WORDS],
            held=_is_held(step),
            nobody=bool(error.get("nobody")),
            circuit=self._circuit(error.get("shut") or ()),
            silent=self.silent.get(step.pk, ""),
            available_at=step.available_at,
            published_at=step.published_at,
            lost_after=conf().publish_bound_seconds,
            guarded=step.guarded,
            room=self.room.get(step.pk, ""),
        )
        if is_list(step):
            return replace(told, items=self.items.get(step.pk, {}), generations=self.generations.get(step.pk))
        return replace(
            told,
            due_at=self.due.get(step.pk),
            signal=_signal_of(step),
            asked=self.asked.get(step.pk),
            child=self.children.get(step.pk, ""),
        )

    def _circuit(self, shut: Sequence[str]) -> str:
        """Of the first of them of which it is known."""
        known = next((name for name in shut if name in self.circuits), "")
        named = f", {known}" if len(shut) > 1 else ""
        return f"{named}{self.circuits[known]}" if known else ""

    def _since(self, step: Step) -> datetime | None:
        """Since when it waits for what it waits for now, whatever it did before."""
        if _is_held(step):
            since = (step.error or {}).get("since")
            return datetime.fromisoformat(since) if isinstance(since, str) else step.started_at
        match step.state:
            case StepState.PENDING:
                return self.phases[step.phase_id].started_at
            case StepState.READY:
                return self.room_since.get(step.pk) or step.published_at
            case StepState.RUNNING:
                return step.lease_until
            case _:
                return step.started_at


def _facts_of(project: Project, steps: Sequence[Step], below: Teller | None) -> _Facts:
    phases = {phase.pk: phase for phase in project.phases.order_by("position")}
    facts = _Facts(phases, next((phase for phase in phases.values() if phase.state in PHASE.live), None))
    waiting = [step.pk for step in steps if step.state == StepState.WAITING]
    _read_needs(facts, [step.pk for step in steps if step.state == StepState.PENDING])
    if waiting:
        _read_waits(facts, waiting)
        _read_children(facts, waiting, below)
    guarded = [step for step in steps if step.guarded and step.state == StepState.READY]
    if guarded:
        aside = Timer.objects.filter(step__in=guarded, kind=TimerKind.ROOM)
        facts.room_since = dict(aside.values_list("step_id", "created_at"))
        for knows in ROOM:
            facts.room |= knows(project, guarded)
    shut = {str(name) for step in steps if _is_held(step) for name in (step.error or {}).get("shut") or ()}
    if shut:
        facts.circuits = {name: _opened(circuit) for name, circuit in circuits.last_opened(shut).items()}
    left = [step for step in steps if step.state == StepState.RUNNING and not _is_held(step)]
    if left:
        facts.silent = _silent(left)
    return facts


def _opened(circuit: circuits.Opened) -> str:
    """When a circuit was opened, and after what."""
    why = f", after {circuit.why[:MOST_WORDS]!r}" if circuit.why else ""
    return f" since {moment(circuit.at)}{why}"


def _silent(steps: Sequence[Step]) -> Mapping[UUID, str]:
    """Who had steps whose leases are over, with the moment at which they were last heard of."""
    workers = {worker.pk: worker for worker in Worker.objects.filter(pk__in=[step.lease_owner for step in steps])}
    return {step.pk: _last_heard(step, workers.get(step.lease_owner)) for step in steps}  # type: ignore[arg-type]


def _last_heard(step: Step, worker: Worker | None) -> str:
    if worker is not None:
        return f"{worker.name}, which was last heard of at {moment(worker.seen_at)}"
    until = f" by {moment(step.lease_until)}" if step.lease_until is not None else ""
    return f"whoever had it and was to be heard of{until}"


def _read_needs(facts: _Facts, pending: Sequence[UUID]) -> None:
    edges = Dependency.objects.filter(step__in=pending, needs__state__in=sorted(STEP.live)).order_by("id")
    for step_id, key in edges.values_list("step_id", "needs__key"):
        facts.needs.setdefault(step_id, []).append(key)


def _read_waits(facts: _Facts, waiting: Sequence[UUID]) -> None:
    facts.due = dict(Timer.objects.filter(step__in=waiting, kind=TimerKind.WAIT).values_list("step_id", "due_at"))
    for approval in Approval.objects.open().filter(step__in=waiting, purpose=Purpose.STEP):
        if approval.step_id is not None:
            facts.asked[approval.step_id] = _asked(approval)
    searches = SwarmState.objects.filter(step__in=waiting).values_list("step", "generation", "generations")
    facts.generations = {step: (over, most) for step, over, most in searches}
    counted = Step.objects.filter(parent__in=waiting).order_by().values_list("parent_id", "state")
    for parent_id, state, count in counted.annotate(count=Count("id")):
        if parent_id is not None:
            facts.items.setdefault(parent_id, {})[state] = count


def _read_children(facts: _Facts, waiting: Sequence[UUID], below: Teller | None) -> None:
    children = Project.objects.live().filter(parent_step__in=waiting).order_by("pk").select_related("blueprint")
    for number, child in enumerate(children):
        if child.parent_step_id is not None:
            told = f": {below(child)}" if below is not None and number < MOST_CHILDREN else ", which is not over."
            facts.children[child.parent_step_id] = f"project {child.short_id} ({child.title!r}){told}"


def _asked(approval: Approval) -> Asked:
    return Asked(approval.title, tuple(approval.groups), approval.opened_at, approval.deadline)


def _signal_of(step: Step) -> str:
    if step.kind != "wait":
        return ""
    wait: dict[str, Any] = specification_of(step).get("wait") or {}
    return str(wait.get("signal") or "")


def _who_paused(project: Project) -> tuple[str, str]:
    """And why, as far as it was said."""
    event = history.events_of(project.pk).filter(kind="project.paused").order_by("-id").first()
    if event is None:
        return "", ""
    return event.actor.removeprefix("user:"), str(event.data.get("reason") or "")[:MOST_WORDS]


def _above(project: Project) -> str:
    above = Project.objects.filter(steps=project.parent_step_id).first() if project.parent_step_id else None
    return f"project {above.short_id} ({above.title!r})" if above is not None else "the project"


def _stuck(project: Project) -> str:
    """The reason that recovery noted, if nothing has happened since."""
    event = history.events_of(project.pk).order_by("-id").first()
    return str(event.data.get("reason", "")) if event is not None and event.kind == "project.stuck" else ""


def _pools_alive() -> frozenset[str]:
    """Pools of which a worker has said within the length of a lease that it lives."""
    lately = Now() - timedelta(seconds=conf().lease_seconds)
    return frozenset(
        pool for pools in Worker.objects.filter(seen_at__gt=lately).values_list("pools", flat=True) for pool in pools
    )
