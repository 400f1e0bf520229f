"""A name belongs to who registered it first, also when two come at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from agents import transports
from agents.errors import AgentNotYours
from agents.models import Agent
from agents.services import ownership
from agents.services.registration import Outcome
from orchestrator_site.access.actors import Actor, system_actor
from tests.builders import as_actor, person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_addresses_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "TRANSPORTS", {}, raising=False)


def robot(name: str) -> Actor:
    return as_actor(person(name, groups=["agent"]))


def register(by: Actor, url: str) -> Outcome:
    return ownership.register(by=by, name="pricing", transport="http", settings={"url": url}).outcome


def when(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "It did not come to that."
        time.sleep(0.02)


def somebody_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


def test_of_two_that_register_a_name_at_once_one_has_it_and_the_other_changes_nothing() -> None:
    first, second = robot("first"), robot("second")
    refused: list[Exception] = []

    def come_too() -> None:
        try:
            register(second, "https://second.example")
        except AgentNotYours as error:
            refused.append(error)
        finally:
            connection.close()

    other = threading.Thread(target=come_too)
    with transaction.atomic():
        assert register(first, "https://first.example") is Outcome.CREATED
        other.start()
        when(somebody_waits_for_a_lock)
    other.join(20)

    assert len(refused) == 1
    agent = Agent.objects.get()
    assert (ownership.owner_of(agent), agent.settings["url"]) == ("first", "https://first.example")
    assert list(agent.events.values_list("kind", flat=True)) == ["agent.registered"]


def test_a_user_who_is_removed_leaves_agents_that_operators_manage() -> None:
    owner = person("leaver", groups=["agent"])
    register(as_actor(owner), "https://first.example")
    owner.delete()

    agent = Agent.objects.get()
    assert ownership.owner_of(agent) is None
    assert not ownership.may_change(agent, robot("other"))
    assert ownership.may_change(agent, system_actor())
