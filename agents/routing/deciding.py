"""Deciding who gets a piece of work: exclusions first, then the strategy, then the reasons."""

from __future__ import annotations

from collections.abc import Sequence

from agents.errors import UnknownStrategy
from agents.routing.candidates import Candidates
from agents.routing.loads import Loads
from agents.routing.memory import Memory
from agents.routing.strategies import STRATEGIES
from agents.routing.strategy import Pick, Situation, Strategy
from agents.routing.values import Decision, LeftOut, Reason, Request

_FAMILY: dict[str, Strategy] = {name: strategy() for name, strategy in STRATEGIES.items()}


def decide(candidates: Candidates, request: Request, loads: Loads, memory: Memory) -> Decision:
    """Who gets the work, in order of preference, and why.

    ``loads`` must be of these candidates. ``memory`` is this worker's. Raises ``UnknownStrategy``.
    """
    strategy = _FAMILY.get(request.strategy)
    if strategy is None:
        raise UnknownStrategy.named(request.strategy, _FAMILY)
    usable, all_usable = loads.usable, loads.all_usable
    tried = [candidates.index[one] for one in request.exclude if one in candidates.index] if request.exclude else ()
    if tried:
        usable = usable.copy()
        usable[list(tried)] = False
        all_usable = False
    situation = Situation(candidates, request, loads, usable, all_usable, memory, _FAMILY)
    pick = strategy.choose(candidates, situation)
    ids = candidates.ids
    chosen = ids if pick.indices is candidates.positions else tuple([ids[index] for index in pick.indices])
    return Decision(
        strategy=request.strategy,
        chosen=chosen,
        considered=len(candidates),
        version=candidates.version,
        explanation=lambda: _why(candidates, pick),
        omissions=lambda most: _left_out(situation, tried, most),
        retry_after=None if chosen else _retry_after(loads),
    )


def check_strategy(name: str) -> None:
    """Refuse a name that no strategy has. Raises ``UnknownStrategy``."""
    if name not in _FAMILY:
        raise UnknownStrategy.named(name, _FAMILY)


def _why(candidates: Candidates, pick: Pick) -> Sequence[Reason]:
    if pick.indices:
        return pick.why()
    if not len(candidates):
        return [Reason("no_candidate", "no agent does this")]
    return [*pick.why(), Reason("nobody_now", f"none of {len(candidates)} can take it now")]


def _left_out(situation: Situation, tried: Sequence[int], most: int | None) -> tuple[int, tuple[LeftOut, ...]]:
    """Those tried before, those that are shut, those that are full: each with the first that holds."""
    indices = (~situation.usable).nonzero()[0]
    by, loads = situation.candidates.performers, situation.loads

    def why(index: int) -> str:
        if index in tried:
            return "it was tried already"
        return loads.shut[index].shut if index in loads.shut else loads.in_words(index)

    return len(indices), tuple(LeftOut(by[at].id, by[at].name, why(at)) for at in indices[:most].tolist())


def _retry_after(loads: Loads) -> float | None:
    waits = [standing.retry_after for standing in loads.shut.values() if standing.retry_after is not None]
    return min(waits, default=None)
