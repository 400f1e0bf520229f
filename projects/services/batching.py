"""Execute several steps at a time: those of a packed leg, or the legs of a bundle, which are of many projects.

Short steps by the hundred would cost a commit each. Here one commit holds the results of some and the claims of the
next. Of a packed leg they are items of one list. Of a bundle they are a column: the first step of each leg, then the
second of each, and so on; each leg is a small project's, or a part of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import DataError

from orchestrator_site import faults
from orchestrator_site.conf import conf
from projects import sql
from projects.planning.packing import LONG, batch_size
from projects.services import claims, execution, failing, paces
from projects.services.attempts import Claim, Outcome
from projects.services.claims import Committed
from projects.services.execution import LegEnd
from projects.services.workers import Held, WorkerProcess, this_process

_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Leg:
    """Steps of a project that follow one another, and beside which nothing stands."""

    project: UUID
    steps: tuple[UUID, ...]


def run_packed(project: UUID, steps: Sequence[UUID], *, may_spread: bool = True) -> LegEnd:
    """Do steps that stand side by side, short ones in batches; see ``planning.packing``.

    The first one goes alone, unless this process has just done many of them. Where a step turns out to be long, those
    that are left are given back to be sent by themselves; where the list says how many may run at once, only those that
    were claimed with it are given back, and the others follow one by one.
    """
    worker = this_process()
    end = LegEnd([])
    waiting, size = list(steps), _first_size(project) if may_spread else 1
    all_done = may_spread  # how many may run at once is counted by whoever looks
    claimed = _commit_items(project, (), worker, end, waiting, size).claimed
    while claimed:
        end.began, end.item = True, claimed[0]
        taken = {step.id for step in claimed}
        waiting = [step for step in waiting if step not in taken]
        with _held(claimed, worker) as held:
            began = time.perf_counter()
            outcomes, done = _do_batch(claimed, held, worker, {project: end})
            all_done = all_done and len(outcomes) == len(claimed)
            seconds = (time.perf_counter() - began) / max(1, done)
            usual = paces.usual(_agent_now(project, claimed[0]))
            size = batch_size(seconds, before=size, budget=conf().batch_seconds, usual=usual)
            if seconds >= LONG and may_spread:
                end.spread, waiting = tuple(waiting), []
            claimed = _commit_items(project, outcomes, worker, end, waiting, size).claimed
    if waiting:
        # The project is held, or the message came twice, or again: whoever has the rest does it.
        end.pass_over()
    if not all_done or end.look or end.spread or (end.item and end.item.spec.get("timeouts")):
        end.item = None
    return end


_agents: dict[UUID, str] = {}
"""Whose items this process did last of a project."""


def _agent_now(project: UUID, step: Claim) -> str:
    if len(_agents) > _REMEMBERED:
        _agents.clear()
    agent = _agents[project] = step.paced_by
    return agent


def _first_size(project: UUID) -> int:
    """How many to begin with, by whose turn it was last. A guess: where it is wrong the first long step ends it."""
    usual = paces.usual(_agents.get(project, ""))
    return 1 if usual is None else batch_size(usual, before=1, budget=conf().batch_seconds, usual=usual)


def run_bundle(legs: Sequence[Leg]) -> Mapping[UUID, LegEnd]:
    """Do legs of as many projects, step by step side by side; how each ended, by its project.

    What cannot be claimed with the others is done by itself, and of a leg that breaks off somebody has to look at the
    project. Where a step turns out to be long the others do not wait for it: their legs break off.
    """
    worker = this_process()
    ends = {leg.project: LegEnd([]) for leg in legs}
    following = {step: after for leg in legs for step, after in zip(leg.steps, (*leg.steps[1:], None), strict=True)}
    column = claims.complete_batch([], worker, {leg.steps[0]: leg.project for leg in legs}, len(legs)).claimed
    had = {step.project_id for step in column}
    while column:
        for step in column:
            ends[step.project_id].began = True
        with _held(column, worker) as held:
            began = time.perf_counter()
            outcomes, _ = _do_batch(column, held, worker, ends)
            are_short = time.perf_counter() - began < LONG
            column = _commit_column(outcomes, following, worker, ends, go_on=are_short)
    for leg in legs:
        if leg.project not in had:
            ends[leg.project] = execution.run_leg(leg.project, leg.steps, may_finish=True)
    return ends


def _commit_column(
    outcomes: Sequence[Outcome],
    following: Mapping[UUID, UUID | None],
    worker: WorkerProcess,
    ends: Mapping[UUID, LegEnd],
    *,
    go_on: bool,
) -> tuple[Claim, ...]:
    """Commit the results of a column, with the ends of the projects of which they were the last; the next column."""
    last = [outcome for outcome in outcomes if following[outcome.step.id] is None]
    others = [(outcome, after if go_on else None) for outcome in outcomes if (after := following[outcome.step.id])]
    try:
        committed = claims.finish(last, worker) if last else Committed(frozenset())
    except DataError:  # one of them cannot be stored: each by itself
        for outcome in last:
            execution.finish(outcome, worker, ends[outcome.step.project_id])
    else:
        for outcome in last:
            ends[outcome.step.project_id].finished = outcome.step.project_id in committed.finished
            execution.refuse_those_late([outcome], committed, worker, ends[outcome.step.project_id])
    claimed = _commit_and_claim(others, worker, ends) if others else ()
    going = {step.project_id for step in claimed}
    for outcome, _ in others:
        ends[outcome.step.project_id].look |= outcome.step.project_id not in going
    return claimed


def _commit_and_claim(
    outcomes: Sequence[tuple[Outcome, UUID | None]], worker: WorkerProcess, ends: Mapping[UUID, LegEnd]
) -> tuple[Claim, ...]:
    """Commit results and claim what follows them; where the database cannot hold one of them, each by itself."""
    try:
        committed = claims.complete_batch(outcomes, worker)
    except DataError:
        alone = [execution.commit(outcome, worker, ends[outcome.step.project_id], after) for outcome, after in outcomes]
        return tuple(step for committed in alone if committed is not None for step in committed.claimed)
    for outcome, _ in outcomes:
        execution.refuse_those_late([outcome], committed, worker, ends[outcome.step.project_id])
    return committed.claimed


def _commit_items(
    project: UUID,
    outcomes: Sequence[Outcome],
    worker: WorkerProcess,
    end: LegEnd,
    waiting: Sequence[UUID],
    most: int,
) -> Committed:
    """Commit a batch of items and claim the next; where the database cannot hold a result, each by itself."""
    if not outcomes and not waiting:
        return Committed(frozenset())
    beside = dict.fromkeys(waiting, project)
    try:
        committed = claims.complete_batch([(outcome, None) for outcome in outcomes], worker, beside, most)
    except DataError:
        for outcome in outcomes:
            execution.commit(outcome, worker, end)
        return claims.complete_batch([], worker, beside, most)
    execution.refuse_those_late(outcomes, committed, worker, end)
    return committed


@contextmanager
def _held(steps: Sequence[Claim], worker: WorkerProcess) -> Iterator[Sequence[Held]]:
    """Hold what was claimed together until it is committed: a result on its way is not taken for left lying."""
    held = [worker.hold(step.id, step.attempt, begun=False) for step in steps]
    try:
        yield held
    finally:
        for each in held:
            worker.release(each)


def _do_batch(
    steps: Sequence[Claim], held: Sequence[Held], worker: WorkerProcess, ends: Mapping[UUID, LegEnd]
) -> tuple[list[Outcome], int]:
    """Do the steps of a batch; what is to be committed, and how many were begun.

    What was not begun is given back: where this process is told to stop in between, after a long step, for which none
    is to wait, and where the project is held by then (see ``_Watch``).
    """
    outcomes: list[Outcome] = []
    watch, begun = _Watch(), 0
    for place, step in enumerate(steps):
        if place:
            faults.point("in_batch")
        if watch.is_held(step, steps[place:]) or not worker.begin(held[place]):
            _hand_back([step], worker, ends)
            continue
        begun, began = begun + 1, time.perf_counter()
        try:
            outcome = execution.perform_step(step, held[place], worker, ends[step.project_id])
        except BaseException:
            if outcomes:
                _commit_and_claim([(outcome, None) for outcome in outcomes], worker, ends)
            _hand_back(steps[place + 1 :], worker, ends)
            raise
        if outcome is not None:
            outcomes.append(outcome)
        if time.perf_counter() - began >= LONG:
            _hand_back(steps[place + 1 :], worker, ends)
            break
    return outcomes, begun


class _Watch:
    """Which projects of a batch are held since it was claimed: asked for once it has lasted as long as it is meant to.

    So no agent is called any more from that time after a pause or a cancel on, and nothing is asked for a short batch.
    """

    def __init__(self) -> None:
        self._every = conf().batch_seconds
        self._looked = time.perf_counter()
        self._running: frozenset[UUID] | None = None

    def is_held(self, step: Claim, left: Sequence[Claim]) -> bool:
        """Whether the step's project is held; ``left`` is what has not begun."""
        if time.perf_counter() - self._looked >= self._every:
            projects = list({each.project_id for each in left})
            self._running = frozenset(row["id"] for row in sql.rows("still_run", projects=projects))
            self._looked = time.perf_counter()
        return self._running is not None and step.project_id not in self._running


def _hand_back(steps: Sequence[Claim], worker: WorkerProcess, ends: Mapping[UUID, LegEnd]) -> None:
    for step in steps:
        failing.hand_back(step, worker)
        ends[step.project_id].look = True
