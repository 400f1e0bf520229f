"""Searches: steps of kind ``swarm``, whose generations are evaluated by agents, a step for each chunk of candidates.

A search stands for items as a list does: they are sent in the same windows and packed in the same way, claimed, tried
again, taken back from the dead and counted against budgets. What differs is that it has others when these are over.
All here runs in ``advance``, under the lock of the phase: what a generation has taught and the items of the next are
one transaction. Whoever dies before its commit has done nothing, and whoever dies after it leaves items that are ready,
which recovery sends; there is no moment in between.

**Taken up.** The kept state needs no memory of random numbers and the candidates follow from it, so whatever was put
and not answered can be put again: that is all that a retry, a stop that was mended and a lost answer need.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.swarm.errors import SwarmSettingsRefused, SwarmStateUnreadable, TooFewEvaluations
from agents.swarm.optimising import State, SwarmSpec, chunks, fold, report, unanswered
from agents.swarm.optimising import begin as begin_search
from orchestrator_site import faults
from orchestrator_site.history import services as history
from projects import sql
from projects.blueprints.swarm_settings import evaluated
from projects.models import Step, SwarmState
from projects.services import fanout, results
from projects.states import StepState

if TYPE_CHECKING:
    from projects.services.kinds import Work

SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class _Put:
    """An item of the present generation: its first candidate, how it stands, and its answer where it has one."""

    first: int
    state: str
    answer: Mapping[str, Any] | None
    error: str | None
    degraded: bool


def begin(work: Work, step: Step) -> None:
    """The step's needs are met: begin the search, or take up what is kept of it if it is still the same search.

    Raises ``ExpressionFailed``.
    """
    try:
        spec = evaluated((step.spec or {})["swarm"], work.context())
    except SwarmSettingsRefused as error:
        work.fail(step, error.code, str(error))
        return
    kept = SwarmState.objects.filter(step=step).first()
    state = _readable(kept)
    if kept is None or state is None or state.spec != spec:
        kept, state = _begin_anew(work, step, spec, kept)
        _put(kept, chunks(state))
    else:
        _put(kept, unanswered(state, [each.answer for each in _items_of(kept)]))
    work.wait(step)


def go_on(work: Work, step: Step) -> None:
    """All items are over: learn from the generation, and put the next one, or complete the step.

    What was stopped half way by a failure beside it, which was mended, is put again first.
    """
    kept = SwarmState.objects.get(step=step)
    try:
        state = State.from_json(kept.state)
        items = _items_of(kept)
        if stopped := _stopped(state, items):
            _put(kept, stopped)
            return
        after = fold(state, [each.answer for each in items])
    except (SwarmStateUnreadable, TooFewEvaluations) as error:
        work.fail(step, error.code, f"{error}{_why(items)}" if isinstance(error, TooFewEvaluations) else str(error))
        return
    faults.point("after_fold")
    _keep(kept, after, degraded=sum(each.degraded for each in items))
    _note(work, step, "swarm.generation", _metrics(after))
    if after.done:
        work.complete(step, report(after) | ({"degraded": kept.degraded} if kept.degraded else {}))
    else:
        _put(kept, chunks(after))
    faults.point("after_put")


def _begin_anew(work: Work, step: Step, spec: SwarmSpec, before: SwarmState | None) -> tuple[SwarmState, State]:
    """The search before its first generation; its items follow those of an earlier one at the same step."""
    state = begin_search(spec)
    place = 0 if before is None else before.following
    kept = SwarmState(step=step, generations=spec.generations, first=place, following=place, state=state.to_json())
    kept.save(force_insert=before is None)
    told = {"algorithm": spec.algorithm.value, "seed": spec.seed, "population": spec.population}
    _note(work, step, "swarm.begun", told | {"generations": spec.generations, "generation": 0})
    return kept, state


def _readable(kept: SwarmState | None) -> State | None:
    """The kept search; None where there is none, or one of a version that is not known here, which begins anew."""
    try:
        return None if kept is None else State.from_json(kept.state)
    except (SwarmStateUnreadable, SwarmSettingsRefused):
        return None


def _put(kept: SwarmState, work: Sequence[Mapping[str, Any]]) -> None:
    """Make an item of each chunk, and write down up to where there are items. ``publish`` sends them."""
    if work:
        fanout.put(kept.step, work, kept.following)
        kept.following += len(work)
        SwarmState.objects.filter(pk=kept.pk).update(following=kept.following)


def _keep(kept: SwarmState, after: State, *, degraded: int) -> None:
    """Write the search down after a generation, and let go of what its items held."""
    told = report(after)
    kept.generation, kept.state, kept.best, kept.value = after.generation, after.to_json(), told["best"], told["value"]
    kept.degraded += degraded
    if not after.done:  # what was answered last is kept with the result
        sql.execute("swarm_forget", step=kept.pk, first=kept.first, following=kept.following)
        kept.first = kept.following
    kept.save(force_update=True)


def _items_of(kept: SwarmState) -> list[_Put]:
    """The items of the present generation, in the order in which they were put."""
    rows = sql.rows("swarm_answers", step=kept.pk, first=kept.first)
    given = results.of_rows([row | {"result": _read(row["result"])} for row in rows])
    return [
        _Put(
            int(row["first"]),
            row["state"],
            _answer(row, answer) if row["state"] == StepState.COMPLETED else None,
            row["error"],
            row["degraded"],
        )
        for row, answer in zip(rows, given, strict=True)
    ]


def _read(text: Any) -> Any:
    return json.loads(text) if isinstance(text, str) else text


def _answer(row: Mapping[str, Any], answer: Any) -> Mapping[str, Any] | None:
    """What an agent answered; what it leaves out of which candidates it was asked for is known by its item."""
    if not isinstance(answer, Mapping):
        return None
    return {"generation": int(row["generation"]), "first": int(row["first"]), **answer}


def _stopped(state: State, items: Sequence[_Put]) -> list[dict[str, Any]]:
    """The chunks that were taken from the workers without having been tried."""
    last = {each.first: each.state for each in items}
    if StepState.CANCELLED not in last.values():
        return []
    return [chunk for chunk in chunks(state) if last.get(chunk["first"]) == StepState.CANCELLED]


def _why(items: Sequence[_Put]) -> str:
    error = next((each.error for each in items if each.error), None)
    return "" if error is None else f" The first that failed: {error}"


def _metrics(state: State) -> dict[str, Any]:
    last = {} if state.last is None else state.last.to_json()
    return last | {"generation": state.generation}


def _note(work: Work, step: Step, kind: str, data: Mapping[str, Any]) -> None:
    history.append(work.project.pk, kind, actor=SYSTEM, subject=step.key, data={"round": step.round, **data})
