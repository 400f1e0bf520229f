"""What must hold of a project after any fault, read from the database and from the outside world.

I1 every step ends or waits for a person, I2 one completion, I3 one effect, I4 late results change nothing, I5 the
history replays to the present state by the ways of the tables, I6 one decision, I7 nothing starts where nothing may,
I9 joins happen once and only when their rule is met, I11 attempts end, I12 the history's chain verifies, I13 nothing
is left over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from math import inf
from typing import Any

from orchestrator_site.history import services as history
from orchestrator_site.history.models import Event
from orchestrator_site.history.sealing import seal_all
from orchestrator_site.history.verifying import verify_stream
from projects.models import Approval, Attempt, Decision, Dependency, Phase, Project, Step
from projects.services.contexts import idempotency_key
from projects.states import PROJECT, STEP, AttemptOutcome, ProjectState, StepState
from tests.faults.site import Effects

CRASH_LIMIT = 3

# What an event says that a step has become; other kinds say nothing of its state.
_BECOMES = {
    "step.started": StepState.RUNNING,
    "step.completed": StepState.COMPLETED,
    "step.failed": StepState.FAILED,
    "step.retrying": StepState.READY,
    "step.taken_back": StepState.READY,
    "step.handed_back": StepState.READY,
    "step.held": StepState.READY,
    "step.cancelled": StepState.CANCELLED,
    "step.skipped": StepState.SKIPPED,
    "step.waiting": StepState.WAITING,
    "step.expanded": StepState.WAITING,
}
_CARRIED = "step.carried"  # says itself what the step has become
_ENDS = {kind for kind in _BECOMES if kind not in ("step.started", "step.waiting", "step.expanded", "step.skipped")}


def _becomes(event: Event) -> StepState:
    return StepState(event.data["state"]) if event.kind == _CARRIED else _BECOMES[event.kind]


def check(project: Project, calls: Counter[str], *, effects: bool = True) -> None:
    """Every invariant that a project which is over must keep; all that are broken are named at once."""
    found = violations(project, calls if effects else None)
    assert not found, "\n".join(found)


def violations(
    project: Project, effects: Effects | Counter[str] | None, *, over: bool = True, sealed: bool = True
) -> list[str]:
    """What is broken, each with the number of its invariant.

    ``over``: the project must have ended. ``sealed``: its history is to be sealed and verified, too.
    """
    project = Project.objects.get(pk=project.pk)
    steps = list(Step.objects.filter(project=project).order_by("phase__position", "round", "position"))
    events = list(history.events_of(project.pk).order_by("id"))
    attempts: dict[Any, list[Attempt]] = defaultdict(list)
    for attempt in Attempt.objects.filter(step__project=project).order_by("number"):
        attempts[attempt.step_id].append(attempt)
    seen = _Seen(project, steps, events, attempts)
    return [
        f"{project.pk}: {text}"
        for text in (
            *(seen.everything_ended() if over else ()),
            *seen.one_completion(),
            *seen.attempts_agree(),
            *(seen.effects(effects) if effects is not None else ()),
            *seen.history_replays(),
            *seen.one_decision(),
            *seen.nothing_starts_while_held(),
            *seen.joins(),
            *(seen.chain() if sealed else ()),
        )
    ]


class _Seen:
    def __init__(
        self, project: Project, steps: list[Step], events: list[Event], attempts: dict[Any, list[Attempt]]
    ) -> None:
        self.project, self.steps, self.events, self.attempts = project, steps, events, attempts
        self.of_step: dict[tuple[str, int], list[Event]] = defaultdict(list)
        for event in events:
            if event.kind in _BECOMES or event.kind == _CARRIED:
                self.of_step[event.subject, int(event.data.get("round", 1))].append(event)

    def everything_ended(self) -> Iterator[str]:
        if not self.project.is_over:
            yield f"I1 the project is {self.project.state}"
        for step in self.steps:
            if step.state not in STEP.terminal:
                yield f"I1 step {step.key} is {step.state}"
            if step.lease_owner is not None:
                yield f"I13 step {step.key} is leased"
        for phase in Phase.objects.filter(project=self.project, state__in=("pending", "running", "waiting")):
            yield f"I1 phase {phase.key} is {phase.state}"
        for approval in Approval.objects.filter(project=self.project, state="open"):
            yield f"I1 approval {approval.title} is open"

    def one_completion(self) -> Iterator[str]:
        for (key, round_number), events in self.of_step.items():
            ends = [event for event in events if event.kind == "step.completed"]
            if len(ends) > 1:
                yield f"I2 step {key} of round {round_number} was completed {len(ends)} times"
            terminal = [event.kind for event in events if _becomes(event) in STEP.terminal]
            if len(terminal) > 1:
                yield f"I2 step {key} of round {round_number} ended as {terminal}"

    def attempts_agree(self) -> Iterator[str]:
        for step in self.steps:
            attempts = self.attempts[step.pk]
            numbers = [attempt.number for attempt in attempts]
            if numbers != list(range(1, step.attempt + 1)):
                yield f"I11 step {step.key} counts {step.attempt} attempts and has {numbers}"
            outcomes = Counter(attempt.outcome for attempt in attempts)
            running = outcomes[AttemptOutcome.RUNNING]
            if running != (1 if step.state == StepState.RUNNING else 0):
                yield f"I11 step {step.key} is {step.state} with {running} attempts running"
            if outcomes[AttemptOutcome.COMPLETED] > 1:
                yield f"I2 step {step.key} has {outcomes[AttemptOutcome.COMPLETED]} completed attempts"
            if attempts and step.state == StepState.COMPLETED and attempts[-1].outcome != AttemptOutcome.COMPLETED:
                yield f"I2 step {step.key} is completed and its last attempt {attempts[-1].outcome}"
            if step.crashes > CRASH_LIMIT:
                yield f"I11 step {step.key} took {step.crashes} workers down"
            if step.state == StepState.FAILED and not (step.error or {}).get("code"):
                yield f"I11 step {step.key} failed without a cause"
            yield from self._events_of_attempts(step, attempts)

    def _events_of_attempts(self, step: Step, attempts: list[Attempt]) -> Iterator[str]:
        events = self.of_step[step.key, step.round]
        started = Counter(event.data.get("attempt") for event in events if event.kind == "step.started")
        ended = Counter(event.data["attempt"] for event in events if event.kind in _ENDS and "attempt" in event.data)
        for attempt in attempts:
            if started[attempt.number] != 1:
                yield f"I5 attempt {attempt.number} of {step.key} was started {started[attempt.number]} times"
            times = ended[attempt.number]
            if times != int(attempt.outcome != AttemptOutcome.RUNNING):
                yield f"I5 attempt {attempt.number} of {step.key} ({attempt.outcome}) ended {times} times"
        for number in set(started) | set(ended):
            if not 1 <= (number or 0) <= len(attempts):
                yield f"I5 {step.key} has events of an attempt {number} that is not there"

    def effects(self, effects: Effects | Counter[str]) -> Iterator[str]:
        calls = effects if isinstance(effects, Counter) else effects.calls
        for step in self.steps:
            if not step.agent.startswith(("counted", "poisoned")) or not step.attempt:
                continue
            count = calls[idempotency_key(step.pk)]
            if step.state == StepState.COMPLETED and count < 1:
                yield f"I3 step {step.key} is completed without its effect"
            if count > step.attempt:
                yield f"I3 step {step.key} had its effect {count} times in {step.attempt} attempts"
        if isinstance(effects, Effects):
            rounds = Counter(step.key.replace("[", ".").replace("]", "") for step in self.steps)
            for key, count in rounds.items():
                keys = effects.keys.get(f"{self.project.pk}/{key}", set())
                if len(keys) > count:
                    yield f"I3 step {key} had {len(keys)} effects in {count} rounds"

    def history_replays(self) -> Iterator[str]:
        """The events of a step lead by the table's ways to the state that it has."""
        for step in self.steps:
            state, since = StepState.PENDING, 0
            for event in self.of_step[step.key, step.round]:
                after = _becomes(event)
                # That a step became ready has no event of its own.
                ways = [state, StepState.READY] if state is StepState.PENDING else [state]
                if self._intervened(since, event.pk) and STEP.revives(state, StepState.PENDING):
                    ways += [StepState.PENDING, StepState.READY]
                if event.kind != _CARRIED and not any(STEP.allows(way, after) for way in ways):
                    yield f"I5 {step.key}: {event.kind} (event {event.pk}) after it was {state}"
                state, since = after, event.pk
            quiet = {StepState.PENDING, StepState.READY, StepState.CANCELLED, StepState.COMPLETED}
            agrees = step.state == state or (
                state in (StepState.PENDING, StepState.READY, StepState.WAITING) and step.state in quiet
            )
            if not agrees and not self._intervened(since, None):
                yield f"I5 {step.key} is {step.state}, and its history leaves it {state}"
        ends = {"project.completed": "completed", "project.failed": "failed", "project.cancelled": "cancelled"}
        # A restore, or an intervention on a project that failed, has it running again.
        again = ("project.restored", "project.revived")
        revived = max((event.pk for event in self.events if event.kind in again), default=0)
        said = [ends[event.kind] for event in self.events if event.kind in ends and event.pk > revived]
        if said != ([self.project.state] if self.project.state in PROJECT.terminal else []):
            yield f"I5 the project is {self.project.state}, and its history says {said}"
        begun = sum(event.kind == "project.started" for event in self.events)
        if begun != (self.project.state != ProjectState.PENDING and self.project.started_at is not None):
            yield f"I5 the project was started {begun} times"
        phases = Counter((e.kind, e.subject, e.data.get("round")) for e in self.events if e.kind.startswith("phase."))
        for (kind, key, round_number), count in phases.items():
            # What fails once more after a phase has been stopped, and would be tried again, is stopped in its turn.
            if count > 1 and kind != "phase.stopping":
                yield f"I9 {kind} {key} of round {round_number} {count} times"

    def _intervened(self, since: int, until: int | None) -> bool:
        """Whether a person changed the plan between two events: what had ended may have been brought back."""
        changes = (event.pk for event in self.events if event.kind == "project.intervened")
        return any(since < pk and (until is None or pk < until) for pk in changes)

    def one_decision(self) -> Iterator[str]:
        final = ("approval.approved", "approval.rejected")
        decided = Counter(event.subject for event in self.events if event.kind in final)
        for approval in Approval.objects.filter(project=self.project):
            count = decided[str(approval.pk)]
            if count != int(approval.state in ("approved", "rejected")):
                yield f"I6 approval {approval.title} ({approval.state}) was decided {count} times"
            people = Counter(Decision.objects.filter(approval=approval).values_list("user_id", flat=True))
            if approval.approvals != Decision.objects.filter(approval=approval, verdict="approve").count():
                yield f"I6 approval {approval.title} counts {approval.approvals} approvals"
            if any(number > 1 for user, number in people.items() if user is not None):
                yield f"I6 somebody decided {approval.title} twice"
            digests = set(Decision.objects.filter(approval=approval).values_list("evidence_digest", flat=True))
            if digests - {approval.evidence_digest}:
                yield f"I6 {approval.title} was decided on other evidence than was shown"
            yield from self._nothing_before(approval)

    def _nothing_before(self, approval: Approval) -> Iterator[str]:
        """No later phase begins from when it was asked until it, or what was asked anew after it, was approved."""
        if approval.purpose == "step" and approval.state == "rejected":
            return  # the step failed, and the phase may go on without it
        of_phase = Approval.objects.filter(phase=approval.phase, purpose=approval.purpose)
        asked = {str(pk) for pk in of_phase.values_list("pk", flat=True)}
        opened = self._first("approval.opened", {str(approval.pk)})
        answered = self._first("approval.approved", asked, after=opened)
        later = {
            phase.key for phase in Phase.objects.filter(project=self.project, position__gt=approval.phase.position)
        }
        for event in self.events:
            if event.kind == "phase.started" and event.subject in later and opened < event.pk < answered:
                yield f"I6 phase {event.subject} began before {approval.title} was approved"

    def _first(self, kind: str, subjects: set[str], after: float = 0) -> float:
        """The number of the first such event, or one that no event has."""
        return min(
            (e.pk for e in self.events if e.kind == kind and e.subject in subjects and e.pk > after), default=inf
        )

    def nothing_starts_while_held(self) -> Iterator[str]:
        """No step's start between a pause and its end, nor after a cancel was asked: by event and by transaction."""
        held: Event | None = None
        for event in self.events:
            if event.kind in ("project.paused", "project.cancel_asked"):
                held = held if held is not None and held.kind == "project.cancel_asked" else event
            elif event.kind == "project.resumed":
                held = None
            elif event.kind == "step.started" and held is not None and event.transaction != held.transaction:
                yield f"I7 {event.subject} started (event {event.pk}) after {held.kind} (event {held.pk})"
            elif event.kind in ("phase.started", "project.completed") and held is not None:
                yield f"I7 {event.kind} {event.subject} (event {event.pk}) after {held.kind} (event {held.pk})"

    def joins(self) -> Iterator[str]:
        """A step starts after the end of all that it needs; a list completes after its items, once."""
        first_start: dict[tuple[str, int], int] = {}
        end: dict[tuple[str, int], int] = {}
        for address, events in self.of_step.items():
            first_start[address] = min((e.pk for e in events if e.kind in ("step.started", "step.expanded")), default=0)
            end[address] = max((e.pk for e in events if _becomes(e) in STEP.terminal), default=0)
        needs = Dependency.objects.filter(step__project=self.project)
        pairs = needs.values_list("step__key", "step__round", "needs__key", "needs__round", "needs__state")
        for key, round_number, need, need_round, state in pairs:
            start = first_start.get((key, round_number), 0)
            if start and state == "completed" and start < end.get((need, need_round), 0):
                yield f"I9 {key} started before {need} ended"
            if start and state not in STEP.terminal:
                yield f"I9 {key} started while {need} is {state}"
        for step in self.steps:
            if step.parent_id is None and step.state == "completed" and step.spec and step.spec.get("for_each"):
                items = [item for item in self.steps if item.parent_id == step.pk]
                done = end.get((step.key, step.round), 0)
                if any(end.get((item.key, item.round), 0) > done for item in items):
                    yield f"I9 list {step.key} was completed before its items"

    def chain(self) -> Iterator[str]:
        seal_all()
        found = verify_stream(self.project.pk)
        if not found.ok:
            yield f"I12 the history does not verify: {found.fault}"
        if found.sealed + found.unsealed < len(self.events):
            yield f"I12 of {len(self.events)} events {found.sealed} are sealed and {found.unsealed} not"
