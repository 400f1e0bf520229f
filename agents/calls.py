"""Booking what a call used: to the attempt, which carries it to step, project and budgets, and to the list of calls.

The attempt's sum counts for budgets and is committed with its end. The call is written at once, so that what was paid
for is known even of an attempt that nobody ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, Q, Sum

from agents.definition import AgentContext
from agents.models import AgentCall
from agents.usage import CallUsage
from agents.values import Performer, Work

_PLACES = Decimal("0.00000001")


def book(
    agent: Performer, work: Work, context: AgentContext, usage: CallUsage, *, seconds: float, model: str = ""
) -> None:
    """Book one call: to the attempt and, where it used anything, to the list of calls."""
    if not usage:
        return
    context.record_usage(tokens_in=usage.tokens_in, tokens_out=usage.tokens_out, cost=usage.cost)
    AgentCall.objects.create(
        agent=agent.name,
        model=model,
        project_id=UUID(work.project_id),
        step_id=UUID(work.step_id),
        attempt=work.attempt,
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        cost=Decimal(repr(usage.cost)).quantize(_PLACES),
        seconds=seconds,
    )


@dataclass(frozen=True, slots=True)
class Used:
    """What calls used together; ``cost`` exact, in the currency of budgets."""

    agent: str
    calls: int
    tokens_in: int
    tokens_out: int
    cost: Decimal


def used_by_agent(*, project_id: UUID | None = None, since: datetime | None = None) -> list[Used]:
    """What each agent used, the dearest first: of a project or of all, of all time or since a moment."""
    wanted = Q()
    if project_id is not None:
        wanted &= Q(project_id=project_id)
    if since is not None:
        wanted &= Q(finished_at__gte=since)
    rows = (
        AgentCall.objects.filter(wanted)
        .order_by()
        .values("agent")
        .annotate(
            calls=Count("id"),
            sum_in=Sum("tokens_in"),
            sum_out=Sum("tokens_out"),
            sum_cost=Sum("cost"),
        )
        .order_by("-sum_cost", "agent")
    )
    return [Used(row["agent"], row["calls"], row["sum_in"], row["sum_out"], row["sum_cost"]) for row in rows]
