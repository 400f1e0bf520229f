"""When a search is over, and why."""

from __future__ import annotations

import math

from agents.swarm.optimising.spec import SwarmSpec, WhenStuck
from agents.swarm.optimising.state import Reason, State


def improves(spec: SwarmSpec, value: float, mark: float) -> bool:
    """Whether ``value`` is better than the last one that counted, by more than the tolerance."""
    return value < mark - spec.tolerance if math.isfinite(mark) else math.isfinite(value)


def reason_to_end(state: State) -> tuple[Reason | None, bool]:
    """Why the search ends after this generation, or None; and whether it is stuck and to be scattered instead.

    In this order: the target is reached; the budget of generations is spent; the population has come together into one
    place (its diversity is below ``least_diversity``); nothing has improved for ``patience`` generations.
    """
    spec = state.spec
    if spec.target is not None and state.value <= spec.sign * spec.target:
        return Reason.TARGET_REACHED, False
    if state.generation >= spec.generations:
        return Reason.BUDGET_SPENT, False
    stuck = _stuck(state)
    if stuck is not None and spec.when_stuck is WhenStuck.SCATTER:
        return None, True
    return stuck, False


def _stuck(state: State) -> Reason | None:
    spec = state.spec
    if state.last is not None and state.last.diversity < spec.least_diversity:
        return Reason.DIVERSITY_COLLAPSED
    if spec.patience is not None and state.stalled >= spec.patience:
        return Reason.STAGNATED
    return None
