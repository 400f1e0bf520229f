"""Registering is idempotent by name, and everything that changes an agent leaves an event."""

from __future__ import annotations

import pytest

from agents.models import Agent
from agents.services.discovery import Query, discover
from agents.services.heartbeats import beat, write_down
from agents.states import AgentState
from tests.registry.agents import registered

pytestmark = pytest.mark.django_db


def kinds(agent: Agent) -> list[str]:
    return list(agent.events.order_by("id").values_list("kind", flat=True))


def test_an_agent_is_found_by_what_it_can_do() -> None:
    registered("caller", capabilities={"phone.call": "v1.2"}, tags=["eu", "gpu"])
    registered("writer", capabilities={"text.write": "2.0"})

    found = discover(Query(capability="phone.call", versions=">=1.2,<2", all_tags=frozenset({"eu"}))).performers

    assert [performer.name for performer in found] == ["caller"]
    assert found[0].capabilities == {"phone.call": "1.2"}
    assert found[0].state is AgentState.STARTING


def test_the_first_heartbeat_makes_it_healthy() -> None:
    agent = registered()

    beat(agent.pk, load=0.3, details={"queue": 4})
    write_down()

    agent.refresh_from_db()
    assert (agent.state, agent.load, agent.details) == (AgentState.HEALTHY, 0.3, {"queue": 4})
    assert kinds(agent) == ["agent.registered", "agent.health"]
