"""The list of calls: what was paid for is known, by agent and project, even of attempts that nobody ends."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from agents.calls import Used, book, used_by_agent
from agents.models import AgentCall
from agents.usage import CallUsage
from agents.values import Performer
from orchestrator_site.clock import now
from tests.conformance.agents import Context, work_of

pytestmark = pytest.mark.django_db

ONE = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def booked(agent: str, project: uuid.UUID, **used: float) -> Context:
    work = replace(work_of("x"), project_id=str(project))
    context = Context(work)
    book(Performer("p", agent), work, context, CallUsage(**used), seconds=0.5, model="small")  # type: ignore[arg-type]
    return context


def test_what_agents_used_is_added_up_exactly_the_dearest_first() -> None:
    for _ in range(10):
        booked("writer", ONE, tokens_in=10, tokens_out=1, cost=0.1)
    booked("reader", ONE, tokens_in=1)
    booked("reader", uuid.uuid4(), cost=5)

    assert used_by_agent(project_id=ONE) == [
        Used("writer", 10, 100, 10, Decimal("1.0")),
        Used("reader", 1, 1, 0, Decimal(0)),
    ]
    assert [each.agent for each in used_by_agent()] == ["reader", "writer"]
    assert used_by_agent(since=now() + timedelta(hours=1)) == []


def test_a_call_that_used_nothing_is_not_listed() -> None:
    context = booked("free", ONE)

    assert not AgentCall.objects.exists()
    assert context.used == {"tokens_in": 0, "tokens_out": 0, "cost": 0.0}


def test_the_smallest_price_of_a_token_is_not_lost() -> None:
    booked("cheap", ONE, tokens_in=1, cost=0.0000001)

    assert AgentCall.objects.get().cost == Decimal("0.00000010")


@pytest.mark.parametrize("wrong", [{"cost": Decimal(-1)}, {"seconds": -1.0}])
def test_nothing_negative_is_listed(wrong: dict[str, float]) -> None:
    row = {"agent": "x", "project_id": ONE, "step_id": ONE, "attempt": 1, "seconds": 1.0}
    with pytest.raises(IntegrityError), transaction.atomic():
        AgentCall.objects.create(**{**row, **wrong})
