"""Budgets, for tests: steps that cost something under a limit, their agents, and what is booked."""

from __future__ import annotations

from typing import Any

from agents.errors import PermanentFailure
from projects.models import Budget
from projects.services.attempts import Claim
from tests.builders import claim, step

THREE = """
budgets: {cost: {soft: 2, hard: 10}}
phases:
  - key: one
    steps:
      - {key: a, agent: spender, estimate: {cost: 1}}
      - {key: b, agent: spender, needs: [a], estimate: {cost: 1}}
      - {key: c, agent: spender, needs: [b], estimate: {cost: 1}}
"""


def spend(context: Any) -> str:
    """An agent that says what it used."""
    context.record_usage(tokens_in=60, tokens_out=40, cost=context.params.get("cost", 1.0))
    return "done"


def spend_and_fail(context: Any) -> None:
    """An agent that uses something, and fails."""
    context.record_usage(tokens_in=10, cost=1.0)
    raise PermanentFailure("spent, and nothing to show")


def budget(project: Any, measure: str = "cost", **of: Any) -> Budget:
    """The budget of a measure."""
    return Budget.objects.get(project=project, measure=measure, **of)


def spent(project: Any, measure: str = "cost", **of: Any) -> float:
    """What is booked on it."""
    return float(budget(project, measure, **of).spent)


def claims(project: Any, key: str) -> Claim | None:
    """A worker takes the step, or is told to wait."""
    return claim(step(project, key))
