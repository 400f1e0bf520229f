"""What one call used, and reading it from what an agent writes. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_TOKENS = 10**12
MOST_COST = 10.0**9


@dataclass(frozen=True, slots=True)
class CallUsage:
    """What one call used: tokens, and ``cost`` in the currency of budgets."""

    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.tokens_in or self.tokens_out or self.cost)


def usage_in(told: Any) -> CallUsage:
    """Usage as an agent writes it: ``{"tokens_in": 12, "tokens_out": 3, "cost": 0.01}``, each of them optional.

    Raises ``ValueError`` saying what is wrong with it.
    """
    if told is None:
        return CallUsage()
    if not isinstance(told, Mapping):
        raise ValueError("usage is no object")
    unknown = sorted(set(told) - {"tokens_in", "tokens_out", "cost"})
    if unknown:
        raise ValueError(f"usage has {', '.join(map(repr, unknown[:5]))}: it may hold tokens_in, tokens_out and cost")
    return CallUsage(_tokens(told, "tokens_in"), _tokens(told, "tokens_out"), _cost(told))


def _tokens(told: Mapping[str, Any], name: str) -> int:
    value = told.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_TOKENS:
        raise ValueError(f"usage.{name} is no whole number from 0 to {MOST_TOKENS}")
    return value


def _cost(told: Mapping[str, Any]) -> float:
    value = told.get("cost", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("usage.cost is no number")
    if not 0 <= value <= MOST_COST:
        raise ValueError(f"usage.cost is not from 0 to {MOST_COST:g}")
    return float(value)
