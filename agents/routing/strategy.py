"""What a strategy is: one way to put those who can take the work in order of preference."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from agents.routing.candidates import UNWELL, Candidates, Pool, Tiers
from agents.routing.loads import Loads
from agents.routing.memory import Memory
from agents.routing.nearness import ring_in_words
from agents.routing.values import Explanation, Reason, Request

_BEYOND = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a strategy decides by. ``usable`` says who is neither full nor shut nor tried before."""

    candidates: Candidates
    request: Request
    loads: Loads
    usable: NDArray[np.bool_]
    all_usable: bool
    memory: Memory
    family: Mapping[str, Strategy]

    def name(self, index: int) -> str:
        """The agent's name."""
        return self.candidates.performers[index].name

    def names(self, indices: Sequence[int]) -> str:
        """Their names, by comma."""
        return ", ".join(self.name(index) for index in indices)


@dataclass(frozen=True, slots=True)
class Pick:
    """Who was picked, as indices in order of preference, and how to say why."""

    indices: Sequence[int]
    why: Explanation


class Strategy(ABC):
    """One way to choose. It keeps nothing: one instance serves a process and all of its threads."""

    name: ClassVar[str]

    def choose(self, pool: Pool, situation: Situation) -> Pick:
        """Up to ``request.wanted`` of the pool: of the nearest who can, then of the next nearest."""
        tiers = pool.tiers(situation.request.location)
        if tiers.single:
            return self.pick(pool, situation, situation.request.wanted)
        return self._outward(pool, tiers, situation)

    @abstractmethod
    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """Up to so many of those in the pool who can take the work; fewer, or none, where there are no more."""

    def _outward(self, pool: Pool, tiers: Tiers, situation: Situation) -> Pick:
        chosen: list[int] = []
        picks: list[tuple[int, Pick]] = []
        left = np.where(pool.free(situation.usable), tiers.numbers, _BEYOND)
        while len(chosen) < situation.request.wanted:
            number = int(left.min()) if len(left) else _BEYOND
            if number == _BEYOND:
                break
            pick = self.pick(tiers.pool(number), situation, situation.request.wanted - len(chosen))
            chosen.extend(pick.indices)
            picks.append((number, pick))
            left[left == number] = _BEYOND
        return Pick(chosen, lambda: _why_near(tiers, picks))


def _why_near(tiers: Tiers, picks: Sequence[tuple[int, Pick]]) -> list[Reason]:
    if not picks:
        return []
    number, pick = picks[0]
    unwell, ring = divmod(number, UNWELL)
    reasons = []
    if unwell:
        reasons.append(Reason("unwell", "no agent in good health can take it"))
    if tiers.near:
        reasons.append(Reason("nearest", f"nearest that can take it: {ring_in_words(ring)}", {"ring": ring}))
    return [*reasons, *pick.why()]


def first_usable(order: Sequence[int], usable: NDArray[np.bool_], wanted: int) -> list[int]:
    """The first so many of an order that are usable."""
    found: list[int] = []
    for index in order:
        if usable[index]:
            found.append(index)
            if len(found) >= wanted:
                break
    return found
