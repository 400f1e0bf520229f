"""Weighted average: each number the mean of what agents say, by their weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from agents.gather.aggregation import Aggregation, Options
from agents.gather.agreeing import Conflicts, below, by_key, inside, made
from agents.gather.values import Answered, Combined, is_number


class WeightedAverage(Aggregation):
    """Every numeric leaf is averaged over the agents that give it; lists of one length place by place.

    What is no number and differs is a conflict: the heaviest agent's is kept, and it is listed. Where all weights
    are zero, all count alike. Sums are exact (``math.fsum``), so that no order of answers changes a digit.
    """

    name = "weighted_average"

    def combine(self, answers: Sequence[Answered], options: Options) -> Combined:
        """The average, with conflicts."""
        conflicts = Conflicts()
        return made("weighted average", lambda: conflicts.combined(_average(answers, "", conflicts)))


def _average(parts: Sequence[Answered], path: str, conflicts: Conflicts) -> Any:
    values = [part.value for part in parts]
    if all(is_number(value) for value in values):
        return _mean(parts)
    if all(isinstance(value, dict) for value in values):
        return {key: _average(those, below(path, key), conflicts) for key, those in by_key(parts).items()}
    if all(isinstance(value, list) for value in values) and len({len(value) for value in values}) == 1:
        return [
            _average([inside(part, part.value[place]) for part in parts], below(path, place), conflicts)
            for place in range(len(values[0]))
        ]
    return conflicts.settle(path, parts)


def _mean(parts: Sequence[Answered]) -> float:
    """The mean of finite numbers; never outside of them, as rounding could have it."""
    numbers = [float(part.value) for part in parts]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a number is not finite")
    heaviest = max(part.weight for part in parts)
    weights = [part.weight / heaviest if heaviest > 0 else 1.0 for part in parts]
    total = math.fsum(weights)
    mean = math.fsum(number * (weight / total) for number, weight in zip(numbers, weights, strict=True))
    return min(max(mean, min(numbers)), max(numbers))
