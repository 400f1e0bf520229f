"""Each change of a circuit is one event in its agent's life, whichever process brings it about."""

from __future__ import annotations

import pytest
from django.db import transaction

from agents.models import Agent, AgentEvent
from agents.resilience import services
from agents.resilience.outcomes import outcome_of
from agents.values import Performer
from orchestrator_site.clock import new_id
from orchestrator_site.conf import conf
from tests.resilience.test_forcing_circuits import acting, agent, own_desk

__all__ = ["agent", "own_desk"]
pytestmark = pytest.mark.django_db(transaction=True)


def fail(agent: Performer, times: int) -> None:
    for _ in range(times):
        admitted = services.admit(agent, "p", "w")
        assert isinstance(admitted, services.Admitted)
        services.settle(admitted, outcome_of(TimeoutError("too slow")))


def kinds(agent: Performer) -> list[str]:
    return list(AgentEvent.objects.filter(agent=agent.id).order_by("id").values_list("kind", flat=True))


def test_a_circuit_that_opens_is_in_the_life_of_its_agent_once_with_the_reason(agent: Performer) -> None:
    fail(agent, conf().circuit_failures)
    services.admit(agent, "p", "w")

    [event] = AgentEvent.objects.filter(agent=agent.id)

    assert event.kind == "agent.circuit_open"
    assert event.data["before"] == "closed"
    assert event.data["why"] == services.describe(agent.id)["circuit"]["why"] != ""


def test_what_operators_force_is_there_too(agent: Performer) -> None:
    anna = acting("anna", "operator")
    services.force(agent.id, "open", actor=anna, reason="maintenance")
    services.force(agent.id, "auto", actor=anna)

    assert kinds(agent) == ["agent.circuit_forced_open", "agent.circuit_closed"]


def test_within_a_transaction_that_is_rolled_back_the_circuit_opens_all_the_same(agent: Performer) -> None:
    with transaction.atomic():
        fail(agent, conf().circuit_failures)
        transaction.set_rollback(True)

    assert isinstance(services.admit(agent, "p", "w"), services.Refused)
    assert kinds(agent) == []


def test_an_agent_that_no_registry_has_disturbs_nobody() -> None:
    for name in ("of this process", str(new_id())):
        fail(Performer(name, "stray"), conf().circuit_failures)

    assert not AgentEvent.objects.exists()
    assert not Agent.objects.exists()
