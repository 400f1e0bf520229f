"""Registering is idempotent by name, and everything that changes an agent leaves an event."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from agents import transports
from agents.definition import agent as make_agent
from agents.errors import (
    AgentGone,
    AgentInvalid,
    AgentNameTaken,
    AgentNotRegistered,
    AgentSettingsRefused,
    AgentStateRefused,
    VersionInvalid,
)
from agents.models import Agent, AgentCapability
from agents.services.changes import version
from agents.services.registration import Outcome, change, deregister, drain, find, register, resume
from agents.states import AGENT, AgentState
from agents.values import Location, Performer
from tests.registry.agents import registered

pytestmark = pytest.mark.django_db


def kinds(agent: Agent) -> list[str]:
    return list(agent.events.order_by("id").values_list("kind", flat=True))


def test_the_same_description_again_changes_nothing() -> None:
    agent = registered(capabilities={"call": "1.0"}, tags=["b", "a"])
    before = version()

    again = register(
        name="caller",
        transport="http",
        settings={"url": "https://example.org/agent"},
        capabilities={"call": "v1.0"},
        tags=["a", "b", "a"],
        actor="user:olga",
    )

    assert (again.agent.pk, again.outcome) == (agent.pk, Outcome.UNCHANGED)
    assert kinds(agent) == ["agent.registered"]
    assert version() == before


def test_another_description_replaces_the_one_before() -> None:
    agent = registered(capabilities={"call": "1.0", "write": "1.0"}, tags=["old"], version="1.0")
    before = version()

    registered(capabilities={"call": "2.0", "read": "1.0"}, tags=["new"], version="2.0")

    found = find("caller")
    assert (found.pk, found.version, found.tags) == (agent.pk, "2.0", ["new"])
    assert dict(found.offers.values_list("name", "version")) == {"call": "2.0", "read": "1.0"}
    assert {"tag:new", "can:call@2.0", "can:read@1.0"} <= set(found.terms)
    assert not {"tag:old", "can:write@1.0", "can:call@1.0"} & set(found.terms)
    assert kinds(found) == ["agent.registered", "agent.changed"]
    assert version() > before


def test_one_that_is_gone_comes_back_as_starting() -> None:
    agent = registered()
    deregister(agent="caller", actor="user:olga", reason="moved house")

    done = register(name="caller", transport="http", settings={"url": "https://example.org/agent"}, actor="user:olga")

    assert (done.agent.pk, done.outcome, done.agent.state) == (agent.pk, Outcome.RETURNED, AgentState.STARTING)
    assert kinds(agent) == ["agent.registered", "agent.left", "agent.returned"]
    assert agent.events.get(kind="agent.left").data == {"reason": "moved house"}


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"name": ""}, AgentInvalid, "name of an agent"),
        ({"name": "a b"}, AgentInvalid, "name of an agent"),
        ({"name": "x" * 101}, AgentInvalid, "100"),
        ({"version": "new"}, VersionInvalid, "new"),
        ({"transport": "pigeon"}, AgentInvalid, "http"),
        ({"capabilities": {"call": "x"}}, VersionInvalid, "capability call"),
        ({"capabilities": {"call@home": "1"}}, AgentInvalid, "a capability"),
        ({"capabilities": {f"c{number}": "1" for number in range(201)}}, AgentInvalid, "201 capabilities"),
        ({"tags": ["a\nb"]}, AgentInvalid, "tag"),
        ({"location": Location(latitude=91.0, longitude=0.0)}, AgentInvalid, "no place on earth"),
        ({"location": Location(latitude=float("nan"), longitude=0.0)}, AgentInvalid, "no place on earth"),
        ({"location": Location(latitude=1.0)}, AgentInvalid, "or neither"),
        ({"weight": -1.0}, AgentInvalid, "weight"),
        ({"weight": float("nan")}, AgentInvalid, "weight"),
        ({"max_concurrency": 0}, AgentInvalid, "max_concurrency"),
        ({"cost_per_call": -0.1}, AgentInvalid, "cost_per_call"),
        ({"settings": "https://example.org"}, AgentInvalid, "settings"),
        ({"metadata": {"a": "\x00"}}, AgentInvalid, "metadata"),
    ],
)
def test_what_could_never_work_is_refused(given: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        registered(**given)
    assert not Agent.objects.exists()


def test_its_transport_may_refuse_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Performer] = []

    class Strict:
        def check(self, performer: Performer) -> None:
            seen.append(performer)
            raise AgentSettingsRefused("no such address")

    monkeypatch.setattr(transports, "TRANSPORTS", {"http": Strict()}, raising=False)

    with pytest.raises(AgentSettingsRefused, match="no such address"):
        registered()
    assert seen[0].settings == {"url": "https://example.org/agent"}


def test_a_name_of_the_products_own_code_is_not_given_away() -> None:
    @make_agent("registry-test-owned")
    def owned(context: Any) -> None: ...

    with pytest.raises(AgentNameTaken):
        registered("registry-test-owned")


def test_an_operators_change_stays_until_the_agent_describes_itself_otherwise() -> None:
    registered(tags=["a"], weight=1.0)

    change(agent="caller", actor="user:olga", weight=3.0, tags=["b"])
    registered(tags=["a"], weight=1.0)

    found = find("caller")
    assert (found.weight, found.tags, "tag:b" in found.terms, "tag:a" in found.terms) == (3.0, ["b"], True, False)
    registered(tags=["a"], weight=2.0)
    assert (find("caller").weight, find("caller").tags) == (2.0, ["a"])


@pytest.mark.parametrize("values", [{"weight": -1.0}, {"max_concurrency": 0}, {"cost_per_call": float("inf")}])
def test_a_change_that_could_not_be_reckoned_with_is_refused(values: dict[str, Any]) -> None:
    registered()

    with pytest.raises(AgentInvalid):
        change(agent="caller", actor="user:olga", **values)


def test_draining_and_resuming_tell_what_they_did() -> None:
    agent = registered()

    assert drain(agent=agent.pk, actor="user:olga", reason="upgrade").state == AgentState.DRAINING
    assert drain(agent=str(agent.pk), actor="user:olga").state == AgentState.DRAINING
    assert registered().state == AgentState.DRAINING, "an agent that registers again does not undo it"
    assert resume(agent="caller", actor="user:olga").state == AgentState.STARTING
    with pytest.raises(AgentStateRefused, match="starting"):
        resume(agent="caller", actor="user:olga")
    deregister(agent="caller", actor="user:olga")
    assert deregister(agent="caller", actor="user:olga").state == AgentState.GONE
    with pytest.raises(AgentGone):
        drain(agent="caller", actor="user:olga")
    assert kinds(agent) == ["agent.registered", "agent.draining", "agent.resumed", "agent.left"]


def test_who_is_not_registered_is_not_found() -> None:
    for act in (drain, resume, deregister):
        with pytest.raises(AgentNotRegistered):
            act(agent="nobody", actor="user:olga")


@pytest.mark.parametrize("before", sorted(AgentState))
@pytest.mark.parametrize("after", sorted(AgentState))
def test_a_state_is_entered_only_from_where_the_table_says(before: AgentState, after: AgentState) -> None:
    agent = registered()
    Agent.objects.filter(pk=agent.pk).update(state=before)

    assert Agent.objects.move(agent.pk, after) is AGENT.allows(before, after)


def test_the_schema_holds_what_must_be() -> None:
    agent = registered()
    for broken in ({"health": 1.1}, {"load": -1.0}, {"latitude": 95.0, "longitude": 1.0}, {"told": False}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Agent.objects.filter(pk=agent.pk).update(**broken)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_register_one_name_at_once_one_creates_it() -> None:
    outcomes: list[Outcome] = []
    gate = threading.Barrier(6)

    def enter() -> None:
        gate.wait()
        try:
            outcomes.append(
                register(name="caller", transport="http", capabilities={"call": "1"}, actor="user:olga").outcome
            )
        finally:
            connection.close()

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [Outcome.CREATED] + [Outcome.UNCHANGED] * 5
    assert AgentCapability.objects.count() == 1
    assert kinds(find("caller")) == ["agent.registered"]
