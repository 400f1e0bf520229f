"""A search between two generations: a value that JSON holds to the last bit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from agents.swarm.errors import SwarmStateUnreadable
from agents.swarm.exact import Array, Floats, packed, unpacked
from agents.swarm.optimising.spec import SwarmSpec, spec_of

FORM = "phasegate-swarm/1"


class Reason(StrEnum):
    """Why a search has ended."""

    TARGET_REACHED = "target_reached"
    STAGNATED = "stagnated"
    DIVERSITY_COLLAPSED = "diversity_collapsed"
    BUDGET_SPENT = "budget_spent"


@dataclass(frozen=True, slots=True)
class Metrics:
    """One generation.

    ``best`` so far, ``mean`` of those evaluated in this generation, ``diversity`` from 0 to 1 as ``measuring`` says,
    ``answered`` and ``missing`` of its candidates. Values are the objective's own, whether less or more is better.
    """

    generation: int
    best: float
    mean: float
    diversity: float
    answered: int
    missing: int

    def to_json(self) -> dict[str, Any]:
        """For people and programs; nothing is computed from it again."""
        return {name: value if math.isfinite(value) else None for name, value in zip(COLUMNS, self.row, strict=True)}

    @property
    def row(self) -> tuple[int, float, float, float, int, int]:
        """As a row of ``History``."""
        return self.generation, self.best, self.mean, self.diversity, self.answered, self.missing


COLUMNS = ("generation", "best", "mean", "diversity", "answered", "missing")
MOST_ROWS = 512


def metrics_of(row: Floats) -> Metrics:
    """The metrics of a row of ``History``."""
    generation, best, mean, diversity, answered, missing = row.tolist()
    return Metrics(int(generation), best, mean, diversity, int(answered), int(missing))


@dataclass(frozen=True, slots=True)
class History:
    """The metrics of past generations, a row each, shape ``(at most 512, 6)``: when they are more, every second one
    goes.

    So a state of a million generations is not larger than one of a thousand, and a curve has points enough.
    """

    every: int = 1
    rows: Floats = field(default_factory=lambda: np.empty((0, len(COLUMNS))))

    def with_one(self, one: Metrics) -> History:
        """With another generation, if it is its turn."""
        if one.generation % self.every:
            return self
        rows = np.vstack([self.rows, np.array([one.row], dtype=np.float64)])
        if len(rows) <= MOST_ROWS:
            return History(self.every, rows)
        return History(self.every * 2, rows[rows[:, 0] % (self.every * 2) == 0])

    def all(self) -> list[Metrics]:
        """Those that are kept, the oldest first."""
        return [metrics_of(row) for row in self.rows]


@dataclass(frozen=True, slots=True)
class State:
    """A search after ``generation`` generations.

    ``arrays`` are the algorithm's own, empty before a scattering (the first, or one after the search was stuck).
    ``best`` is the best place so far (shape ``(dimensions,)``), ``value`` what the objective said there, in the sense
    that less is better: infinite while nothing was evaluated. ``stalled`` counts generations without an improvement.
    """

    spec: SwarmSpec
    generation: int
    arrays: Mapping[str, Array]
    best: Floats
    value: float
    mark: float
    stalled: int
    scatterings: int
    evaluations: int
    missing: int
    last: Metrics | None
    history: History
    reason: Reason | None

    @property
    def done(self) -> bool:
        """Whether the search has ended."""
        return self.reason is not None

    def to_json(self) -> dict[str, Any]:
        """The whole of it: ``from_json`` gives a state that goes on bit by bit as this one would."""
        last = self.last
        return {
            "form": FORM,
            "spec": self.spec.model_dump(mode="json"),
            "generation": self.generation,
            "arrays": {name: packed(array) for name, array in sorted(self.arrays.items())},
            "best": packed(self.best),
            "values": packed(np.array([self.value, self.mark])),
            "stalled": self.stalled,
            "scatterings": self.scatterings,
            "evaluations": self.evaluations,
            "missing": self.missing,
            "last": None if last is None else packed(np.array(last.row, dtype=np.float64)),
            "history": {"every": self.history.every, "rows": packed(self.history.rows)},
            "reason": self.reason,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> State:
        """The state again. Raises ``SwarmStateUnreadable``; ``SwarmSettingsRefused`` for its settings."""
        if not isinstance(given, Mapping) or given.get("form") != FORM:
            raise SwarmStateUnreadable(f"This is not a swarm of the form {FORM!r}.")
        try:
            value, mark = unpacked(given["values"]).tolist()
            return cls(
                spec=spec_of(given["spec"]),
                generation=int(given["generation"]),
                arrays={name: unpacked(array) for name, array in given["arrays"].items()},
                best=unpacked(given["best"]),
                value=value,
                mark=mark,
                stalled=int(given["stalled"]),
                scatterings=int(given["scatterings"]),
                evaluations=int(given["evaluations"]),
                missing=int(given["missing"]),
                last=None if given["last"] is None else metrics_of(unpacked(given["last"])),
                history=History(int(given["history"]["every"]), unpacked(given["history"]["rows"])),
                reason=None if given["reason"] is None else Reason(given["reason"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SwarmStateUnreadable(f"What is kept of the swarm cannot be read: {error}.") from None
