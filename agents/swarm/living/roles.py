"""The roles of a swarm's members, and what each does differently in the model.

| role | in short | in the model | | --- | --- | --- | | queen | the middle of it all | hardly moves, stays at the nest;
counts five times among her neighbours; carries nothing | | worker | does what there is to do | the measure of the
others: every factor is 1 | | scout | finds what is new | half again as fast, sees twice as far, roams most, follows no
trail and marks what it found twice as strongly; knows where a migration goes | | soldier | keeps watch | faster, sees
farther, stands on a ring around the nest; neither carries nor follows trails | | nurse | feeds | stays at the nest,
moves food from its store to hungry members within reach | | forager | brings in | carries three times as much, is drawn
to trails twice as strongly, roams less |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np

from agents.swarm.exact import Array, Floats


class Role(StrEnum):
    """What a member is in its swarm."""

    QUEEN = "queen"
    WORKER = "worker"
    SCOUT = "scout"
    SOLDIER = "soldier"
    NURSE = "nurse"
    FORAGER = "forager"


@dataclass(frozen=True, slots=True)
class Traits:
    """Factors of a worker's: a worker has 1 of what it does, and 0 of what only others do.

    ``speed`` and ``sight``; ``roams``, how much chance is in its way; ``follows`` and ``marks`` trails; ``carries``
    food, in loads; ``counts`` among its neighbours; ``informed`` of a migration's goal; ``home``, how it is drawn to
    its ``station``, a distance from the nest in sights; ``feeds``, loads of food that it hands on in a step; ``share``
    of a mixed swarm.
    """

    speed: float = 1.0
    sight: float = 1.0
    roams: float = 1.0
    follows: float = 1.0
    marks: float = 1.0
    carries: float = 1.0
    counts: float = 1.0
    informed: float = 0.0
    home: float = 0.0
    station: float = 0.0
    feeds: float = 0.0
    share: float = 0.0


ROLES: dict[Role, Traits] = {
    Role.QUEEN: Traits(speed=0.25, roams=0.2, follows=0, marks=0, carries=0, counts=5, home=1, share=0.002),
    Role.WORKER: Traits(share=0.4),
    Role.SCOUT: Traits(speed=1.5, sight=2, roams=2.5, follows=0, marks=2, carries=0.5, informed=1, share=0.1),
    Role.SOLDIER: Traits(
        speed=1.2, sight=1.5, roams=0.5, follows=0, marks=0, carries=0, home=0.6, station=2.5, share=0.1
    ),
    Role.NURSE: Traits(
        speed=0.8, roams=0.5, follows=0, marks=0, carries=0, home=0.8, station=0.5, feeds=0.2, share=0.1
    ),
    Role.FORAGER: Traits(speed=1.2, roams=0.7, follows=2, carries=3, share=0.3),
}
NUMBERED: tuple[Role, ...] = tuple(ROLES)
_TABLE = {
    one.name: np.array([getattr(traits, one.name) for traits in ROLES.values()], dtype=np.float64)
    for one in fields(Traits)
}


def trait(name: str, roles: Array) -> Floats:
    """A trait of each of ``roles`` (numbers of ``NUMBERED``), in their shape."""
    found: Floats = _TABLE[name][roles]
    return found


def apportioned(count: int, shares: Mapping[Role, float] | None = None) -> Array:
    """The roles of ``count`` members by ``shares``, by largest remainders; of a mixed swarm at least one queen. Shape
    ``(count,)``.
    """
    wanted = np.array([(shares or _mixed()).get(role, 0.0) for role in NUMBERED])
    exact = count * wanted / wanted.sum()
    whole = np.floor(exact).astype(np.int64)
    rest = np.argsort(whole - exact, kind="stable")[: count - int(whole.sum())]
    whole[rest] += 1
    if shares is None and count >= len(NUMBERED) and whole[0] == 0:
        whole[[0, int(np.argmax(whole))]] += (1, -1)
    return np.repeat(np.arange(len(NUMBERED), dtype=np.int64), whole)


def _mixed() -> dict[Role, float]:
    return {role: traits.share for role, traits in ROLES.items()}


def counted(roles: Array) -> dict[str, int]:
    """How many there are of each role."""
    numbers: Sequence[int] = np.bincount(roles, minlength=len(NUMBERED)).tolist()
    return {role.value: number for role, number in zip(NUMBERED, numbers, strict=True)}
