"""Operators force circuits: kept in PostgreSQL, in the history, and set for all workers after the commit."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.db import transaction
from redis import Redis

from agents.errors import AgentNotFound
from agents.models import Agent, CircuitOrder
from agents.resilience import services
from agents.resilience.guarding import Barrier
from agents.resilience.shared import PREFIX
from agents.values import Performer
from orchestrator_site.access.actors import Actor
from orchestrator_site.access.errors import CapabilityMissing
from orchestrator_site.clock import new_id, now
from orchestrator_site.errors import InvalidInput
from orchestrator_site.history import services as history
from tests.builders import as_actor, person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_desk(client: Redis) -> Iterator[None]:
    def empty() -> None:
        keys = list(client.scan_iter(f"{PREFIX}*", count=10_000))
        if keys:
            client.delete(*keys)
        services.close_desk()

    empty()
    yield
    empty()


@pytest.fixture
def agent() -> Performer:
    row = Agent.objects.create(name="caller", transport="http", registered_at=now(), heard_at=now(), state_at=now())
    return Performer(str(row.pk), row.name)


def acting(name: str, role: str) -> Actor:
    return as_actor(person(name, groups=[role]))


def test_forced_open_nobody_is_admitted_and_the_history_says_who_did_it(agent: Performer) -> None:
    services.force(agent.id, "open", actor=acting("anna", "operator"), reason="maintenance")

    answer = services.admit(agent, "p", "w")
    event = history.events_of(agent.id).get(kind="agent.circuit_forced")

    assert isinstance(answer, services.Refused)
    assert answer.kind is Barrier.CIRCUIT
    assert (event.actor, event.data["state"], event.data["reason"]) == ("user:anna", "forced_open", "maintenance")
    assert services.describe(agent.id)["circuit"]["why"] == "user:anna: maintenance"


def test_left_to_itself_again_it_admits(agent: Performer) -> None:
    anna = acting("anna", "operator")
    services.force(agent.id, "open", actor=anna)
    services.force(agent.id, "auto", actor=anna, reason="done")

    assert isinstance(services.admit(agent, "p", "w"), services.Admitted)
    assert CircuitOrder.objects.get(agent=agent.id).version == 2


def test_what_was_forced_outlives_an_emptied_redis(agent: Performer, client: Redis) -> None:
    services.force(agent.id, "open", actor=acting("anna", "operator"), reason="maintenance")

    client.flushdb()
    services.close_desk()

    assert isinstance(services.admit(agent, "p", "w"), services.Refused)


def test_what_is_rolled_back_forces_nothing(agent: Performer) -> None:
    with transaction.atomic():
        services.force(agent.id, "open", actor=acting("anna", "operator"))
        transaction.set_rollback(True)

    assert isinstance(services.admit(agent, "p", "w"), services.Admitted)


def test_only_those_who_may_intervene_may_force(agent: Performer) -> None:
    anna = acting("anna", "operator")
    for name, role in (("vera", "viewer"), ("robot", "agent")):
        with pytest.raises(CapabilityMissing):
            services.force(agent.id, "open", actor=acting(name, role))
    with pytest.raises(InvalidInput):
        services.force(agent.id, "ajar", actor=anna)
    with pytest.raises(AgentNotFound):
        services.force(str(new_id()), "open", actor=anna)


def test_a_forked_worker_has_a_desk_and_places_of_its_own(agent: Performer) -> None:
    place = services.admit(agent, "p", "parent")
    assert isinstance(place, services.Admitted)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        services.release(place)  # its parent's: not the child's to give back
        mine = services.admit(agent, "p", "child")
        os.write(writing, str(type(mine).__name__).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 100) == b"Admitted"
    assert sorted(held["worker"] for held in services.describe(agent.id)["places"]) == ["child", "parent"]
    os.close(reading)
    os.close(writing)
