"""Rewinding: what becomes of each phase when a project goes back to a mark. Pure.

Nothing that was committed is taken back. A phase that is not as it was at the mark gets its next round, in which what
was settled at the mark is *carried* from the rows that settled it, and the rest is to be done. So a restore can be
restored from, forwards as well as backwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from projects.planning.marks import ItemMark, Mark, PhaseMark, StepMark
from projects.states import PhaseState, StepState


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item of a list that is carried: with its outcome, or to be done."""

    state: StepState
    is_kept: bool
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class NewStep:
    """A step of a new round. ``is_kept``: its outcome is carried, or of a list those of some of its items."""

    key: str
    state: StepState
    is_kept: bool = False
    sha256: str | None = None
    needs: tuple[str, ...] = ()
    items: tuple[NewItem, ...] = ()


@dataclass(frozen=True, slots=True)
class NewRound:
    """A phase's next round. ``source`` is the round of the rows that it is made from.

    ``approval`` is the id of what people had approved at the mark, where the phase was through by it.
    """

    key: str
    state: PhaseState
    source: int
    round: int
    base_round: int
    comments: tuple[str, ...] = ()
    quality: tuple[Mapping[str, object], ...] = ()
    approval: str | None = None
    steps: tuple[NewStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewind:
    """The phases that get a new round, and the keys of those that stay as they are, both in their order."""

    rounds: tuple[NewRound, ...]
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """A step of a present round that was done or begun, and is not carried; ``rows`` are the keys of it and its items.

    Of a list of which some items are carried, the rows are those of the others.
    """

    phase: str
    round: int
    step: StepMark
    rows: tuple[str, ...]


def rewind(target: Mark, present: Mark) -> Rewind:
    """How to get from ``present`` back, or forward, to ``target``, where nothing runs. Both have the same phases."""
    same_plan = target.plan_version == present.plan_version
    rounds, left = [], []
    for goal in target.phases:
        now = present.by_key[goal.key]
        if _stays(goal, now, same_plan=same_plan):
            left.append(goal.key)
        else:
            rounds.append(_new_round(goal, now))
    return Rewind(tuple(rounds), tuple(left))


def undone(new: Rewind, present: Mark) -> Iterator[Undone]:
    """What was done or begun in present rounds that the new rounds do not carry."""
    for each in new.rounds:
        now = present.by_key[each.key]
        carried = {step.key: step for step in each.steps if step.is_kept} if each.source == now.round else {}
        for step in now.steps:
            if rows := _rows_lost(step, carried.get(step.key)):
                yield Undone(now.key, now.round, step, rows)


def is_settled(step: StepMark) -> bool:
    """Whether the plan went on after the step: it is completed, skipped, or failed where that does not matter."""
    if step.state is StepState.FAILED:
        return step.on_failure != "fail"
    return step.state in (StepState.COMPLETED, StepState.SKIPPED)


def settled_with_needs(steps: Iterable[StepMark]) -> frozenset[str]:
    """The keys of settled steps all of whose needs are settled as well, and so on to the first."""
    settled = {step.key: step for step in steps if is_settled(step)}
    while loose := [key for key, step in settled.items() if any(need not in settled for need in step.needs)]:
        for key in loose:
            del settled[key]
    return frozenset(settled)


def dependents_of(key: str, steps: Iterable[StepMark]) -> frozenset[str]:
    """The step itself and all that need it, directly or by way of others."""
    found, rest = {key}, list(steps)
    while more := {step.key for step in rest if step.key not in found and found & set(step.needs)}:
        found |= more
    return frozenset(found)


def carried_steps(steps: Iterable[StepMark], kept: frozenset[str]) -> tuple[NewStep, ...]:
    """The steps of a round in which ``kept`` are carried, and of lists that had begun, what was done of them."""
    given = tuple(steps)
    return tuple(_new_step(step, kept, given) for step in given)


def rerun_from(key: str, marks: Iterable[PhaseMark]) -> tuple[NewRound, ...]:
    """What a new run carries of an earlier one when it begins with a step: the rounds that are not all to be done.

    Of the phases before, everything; of the step's own, what was settled and does not need the step, directly or by way
    of others. Raises ``KeyError`` where no phase has the step, ``NotReached`` where the earlier run did not come to it.
    """
    phases = tuple(marks)
    place = next((n for n, phase in enumerate(phases) if any(step.key == key for step in phase.steps)), None)
    if place is None:
        raise KeyError(key)
    if ahead := next((phase for phase in phases[:place] if phase.state is not PhaseState.COMPLETED), None):
        raise NotReached(ahead.key)
    own = phases[place]
    kept = settled_with_needs(own.steps) - dependents_of(key, own.steps)
    here = NewRound(own.key, PhaseState.PENDING, own.round, 1, 1, steps=carried_steps(own.steps, kept))
    return (*(_first_round(phase) for phase in phases[:place]), here)


class NotReached(Exception):
    """The earlier run did not complete a phase before the step."""


def _first_round(phase: PhaseMark) -> NewRound:
    return replace(_new_round(phase, phase), round=1, base_round=1)


def _stays(goal: PhaseMark, now: PhaseMark, *, same_plan: bool) -> bool:
    """Whether the phase is as it was, and goes on from there by itself."""
    if goal.state is PhaseState.COMPLETED:
        return goal == now
    if not same_plan or goal.state in (PhaseState.FAILED, PhaseState.CANCELLED):
        return False
    if goal.state is PhaseState.PENDING:
        return now.state is PhaseState.PENDING and _untouched(goal) == _untouched(now)
    has_failed = any(step.state is StepState.FAILED and step.on_failure == "fail" for step in goal.steps)
    return goal == now and not has_failed


def _untouched(phase: PhaseMark) -> tuple[tuple[str, StepState, tuple[str, ...]], ...]:
    """A phase that has not begun is the same in any round."""
    return tuple((step.key, step.state, step.needs) for step in phase.steps)


def _new_round(goal: PhaseMark, now: PhaseMark) -> NewRound:
    state = _STATES[goal.state]
    kept = frozenset[str]() if state is PhaseState.PENDING else settled_with_needs(goal.steps)
    following = now.round + 1
    return NewRound(
        key=goal.key,
        state=state,
        source=goal.round,
        round=following,
        base_round=following - (goal.round - goal.base_round),
        comments=goal.comments,
        quality=goal.quality if state is PhaseState.COMPLETED else (),
        approval=goal.approval if state is PhaseState.COMPLETED and goal.approved else None,
        steps=carried_steps(goal.steps, kept) if state is not PhaseState.PENDING else _all_pending(goal.steps),
    )


# What waited for people is asked anew, what had failed is tried anew.
_STATES: Mapping[PhaseState, PhaseState] = {
    PhaseState.PENDING: PhaseState.PENDING,
    PhaseState.CANCELLED: PhaseState.PENDING,
    PhaseState.RUNNING: PhaseState.RUNNING,
    PhaseState.WAITING: PhaseState.RUNNING,
    PhaseState.FAILED: PhaseState.RUNNING,
    PhaseState.COMPLETED: PhaseState.COMPLETED,
}


def _all_pending(steps: Iterable[StepMark]) -> tuple[NewStep, ...]:
    return tuple(NewStep(step.key, StepState.PENDING, needs=step.needs) for step in steps)


def _new_step(step: StepMark, kept: frozenset[str], all_steps: tuple[StepMark, ...]) -> NewStep:
    if step.key in kept:
        items = tuple(NewItem(item.state, True, item.sha256) for item in step.items)
        return NewStep(step.key, step.state, True, step.sha256, step.needs, items)
    if step.items and all(need in kept for need in step.needs):
        items = tuple(_new_item(item, step.on_failure) for item in step.items)
        if any(item.is_kept for item in items):
            return NewStep(step.key, StepState.WAITING, True, None, step.needs, items)
    return NewStep(step.key, StepState.PENDING, needs=step.needs)


def _new_item(item: ItemMark, on_failure: str) -> NewItem:
    is_kept = item.state is StepState.COMPLETED or (item.state is StepState.FAILED and on_failure == "continue")
    return NewItem(item.state, True, item.sha256) if is_kept else NewItem(StepState.READY, False)


def _rows_lost(step: StepMark, carried: NewStep | None) -> tuple[str, ...]:
    if carried is not None:
        pairs = enumerate(zip(step.items, carried.items, strict=False))
        lost = [place for place, (item, again) in pairs if item.attempt > 0 and not again.is_kept]
        return tuple(step.item_key(place) for place in lost)
    items = tuple(step.item_key(place) for place, item in enumerate(step.items) if item.attempt > 0)
    begun = step.state not in (StepState.PENDING, StepState.CANCELLED) or step.attempt > 0 or items
    return (step.key, *items) if begun else ()
