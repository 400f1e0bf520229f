"""What an attempt may still use: the least that any of its step's budgets has left."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from agents.llm.abilities import Allowance
from projects import sql
from projects.models.budget import Measure
from projects.services.attempts import Claim

UNBOUNDED = Allowance()


def of(step: Claim, *, tokens: float, cost: float) -> Allowance:
    """What is left for an attempt that has used so much.

    Of each budget: its hard limit, less what is spent, and less what others that run have reserved; the attempt's own
    reservation is for it to use.
    """
    if not step.guarded:
        return UNBOUNDED
    rows = sql.rows("left_for_attempt", step=step.id, attempt=step.attempt)
    return Allowance(
        tokens=_least((row["amount"] for row in rows if row["measure"] == Measure.TOKENS), tokens),
        cost=_least((row["amount"] for row in rows if row["measure"] == Measure.COST), cost),
    )


def _least(amounts: Iterable[Decimal], used: float) -> float | None:
    least = min(amounts, default=None)
    return None if least is None else float(least) - used
