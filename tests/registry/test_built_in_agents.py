"""Python agents are there while a worker offers them, and restarting workers shows no gap."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from agents.definition import AgentDefinition
from agents.errors import AgentNameTaken
from agents.models import Agent, AgentEvent, AgentWorker
from agents.services.changes import version
from agents.services.discovery import Query, discover
from agents.services.expiry import sweep
from agents.services.heartbeats import write_down
from agents.services.offers import offer, renew, withdraw
from agents.services.registration import drain, find, register
from agents.states import AgentState
from agents.values import TransportName
from orchestrator_site.clock import new_id
from tests.registry.agents import registered, silent_for
from tests.registry.conftest import empty_redis

pytestmark = pytest.mark.django_db


def work(context: Any) -> None: ...


def defined(name: str, version: str = "1.0.0", **can: str) -> AgentDefinition:
    return AgentDefinition(name, work, version, can, "io", "Works.")


TWO = [defined("one", call="1.0"), defined("two", call="2.0", write="1.0")]


def test_a_worker_that_starts_registers_what_it_offers() -> None:
    worker = new_id()

    assert offer(worker, TWO) == 2

    found = discover(Query(capability="call", versions=">=2")).performers[0]
    assert (found.name, found.transport, found.settings) == ("two", TransportName.PYTHON, {"queue": "io"})
    assert find("one").built_in
    assert set(AgentEvent.objects.values_list("kind", "actor")) == {("agent.registered", "worker")}


def test_where_nothing_has_changed_nothing_is_written_but_the_worker() -> None:
    offer(new_id(), TWO)
    before, rows = version(), list(Agent.objects.order_by("pk").values())

    with CaptureQueriesContext(connection) as asked:
        assert offer(new_id(), TWO) == 0

    written = [query["sql"] for query in asked.captured_queries if not query["sql"].startswith("SELECT")]
    assert not [statement for statement in written if '"agents_agent"' in statement]
    assert (version(), list(Agent.objects.order_by("pk").values())) == (before, rows)


def test_a_new_version_replaces_the_old_one() -> None:
    offer(new_id(), TWO)

    assert offer(new_id(), [defined("one", "2.0", read="1.0"), TWO[1]]) == 1

    assert dict(find("one").offers.values_list("name", "version")) == {"read": "1.0"}
    assert find("one").version == "2.0"
    assert [event.kind for event in find("one").events.order_by("id")] == ["agent.registered", "agent.changed"]


def linger(*names: str) -> None:
    """Let the time pass for which agents linger."""
    Agent.objects.filter(name__in=names).update(heard_at=Now() - timedelta(seconds=31))


def test_an_agent_goes_with_the_last_worker_that_offers_it() -> None:
    first, second = new_id(), new_id()
    offer(first, TWO)
    offer(second, TWO[:1])

    withdraw(first)
    sweep()
    assert not Agent.objects.filter(state=AgentState.GONE).exists(), "they linger"
    linger("one", "two")
    sweep()
    assert (find("one").state != AgentState.GONE, find("two").state) == (True, AgentState.GONE)
    withdraw(second)
    linger("one")
    sweep()
    assert find("one").state == AgentState.GONE


def test_a_rolling_restart_shows_no_gap() -> None:
    old = new_id()
    offer(old, TWO)
    for _ in range(3):
        withdraw(old)
        sweep()
        assert len(discover(Query(capability="call")).performers) == 2
        old = new_id()
        offer(old, TWO)
        sweep()
    assert not AgentEvent.objects.filter(kind__in=["agent.left", "agent.returned"]).exists()


def test_one_that_went_comes_back_with_the_next_worker() -> None:
    worker = new_id()
    offer(worker, TWO)
    withdraw(worker)
    linger("one", "two")
    sweep()

    assert offer(new_id(), TWO) == 2

    assert {agent.state for agent in Agent.objects.all()} == {AgentState.STARTING}
    assert [event.kind for event in find("one").events.order_by("id")][-1] == "agent.returned"


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lives_keeps_its_agents_healthy() -> None:
    worker = new_id()
    offer(worker, TWO)

    assert renew(worker)
    write_down()

    assert {agent.state for agent in Agent.objects.all()} == {AgentState.HEALTHY}


def test_a_killed_workers_offers_end_with_the_limit_of_silence() -> None:
    offer(new_id(), TWO)
    linger("one", "two")
    sweep()
    assert Agent.objects.live().count() == 2
    AgentWorker.objects.update(seen_at=Now() - timedelta(seconds=301))

    sweep()

    assert Agent.objects.live().count() == 0
    assert not AgentWorker.objects.exists()


def test_a_worker_that_lives_is_enough_where_redis_has_lost_everything() -> None:
    worker = new_id()
    offer(worker, TWO)
    sweep()
    for name in ("one", "two"):
        silent_for(find(name), 1000)
    empty_redis()

    sweep()

    assert Agent.objects.live().count() == 2


def test_a_worker_that_was_forgotten_is_to_offer_again() -> None:
    assert not renew(new_id())


def test_one_that_an_operator_drains_is_not_brought_back_by_a_restart() -> None:
    worker = new_id()
    offer(worker, TWO)
    drain(agent="one", actor="user:olga")

    withdraw(worker)
    offer(new_id(), TWO)

    assert find("one").state == AgentState.DRAINING


def test_code_owns_the_names_that_it_defines() -> None:
    registered("one")

    offer(new_id(), TWO)

    assert (find("one").transport, find("one").built_in) == (TransportName.PYTHON, True)
    with pytest.raises(AgentNameTaken):
        register(name="one", transport="http", actor="user:olga")


@pytest.mark.django_db(transaction=True)
def test_workers_that_start_at_once_register_each_agent_once() -> None:
    many = [defined(f"agent-{number}", call=f"1.{number}") for number in range(30)]
    gate, changed = threading.Barrier(5), []

    def start(order: int) -> None:
        gate.wait()
        try:
            changed.append(offer(new_id(), many[::order]))
        finally:
            connection.close()

    threads = [threading.Thread(target=start, args=(order,)) for order in (1, -1, 1, -1, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(changed) == [0, 0, 0, 0, 30]
    assert AgentEvent.objects.count() == 30
    assert AgentWorker.objects.count() == 5
