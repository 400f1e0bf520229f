"""Agents in the admin: found, read, registered, changed and asked to leave, by who may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agents import transports
from agents.models import Agent
from agents.resilience.services import close_desk, describe
from agents.services import registration
from agents.shared_state import client as redis
from agents.values import Location
from tests.builders import person

pytestmark = pytest.mark.django_db
LIST = "/admin/agents/agent/"
ADD = f"{LIST}add/"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    """Nothing in Redis, and no transport that looks for the addresses of these agents."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(transports, "TRANSPORTS", {}, raising=False)
    _empty()
    yield
    _empty()


def _empty() -> None:
    close_desk()
    if keys := list(redis().scan_iter("phasegate:*agent*", count=1000)):
        redis().delete(*keys)


def browser(*groups: str, name: str = "someone") -> Client:
    client = Client()
    client.force_login(person(name, groups=groups, is_staff=True))
    return client


def made(name: str = "pricing", **given: Any) -> Agent:
    given = {
        "transport": "http",
        "settings": {"url": "https://pricing.example/run", "secret": "env:PRICING_SECRET"},
        "capabilities": {"pricing.quote": "2.1"},
        "tags": ["steel"],
        "location": Location("eu", "a"),
    } | given
    return registration.register(name=name, actor="system", **given).agent


def page(agent: Agent) -> str:
    return reverse("admin:agents_agent_change", args=[agent.pk])


def do(client: Client, action: str, *agents: Agent, **more: str) -> Any:
    sent = {"action": action, "_selected_action": [str(agent.pk) for agent in agents], **more}
    return client.post(LIST, sent, follow=True)


NO_INLINES = {"offers-TOTAL_FORMS": "0", "offers-INITIAL_FORMS": "0"}
FORM = {
    "name": "pricing",
    "version": "2.1",
    "description": "Quotes.",
    "service_type": "prices",
    "tags": "steel, eu, steel",
    "transport": "http",
    "settings": json.dumps({"url": "https://pricing.example/run", "secret": "env:PRICING_SECRET"}),
    "capabilities": "pricing.quote:2.1\npricing.history\n",
    "region": "eu",
    "zone": "",
    "latitude": "50.1",
    "longitude": "8.7",
    "weight": "2",
    "priority": "0",
    "max_concurrency": "",
    "cost_per_call": "0.5",
    "metadata": "{}",
}


# --- reading


def test_who_reads_agents_finds_them_by_name_by_what_they_can_do_and_by_id() -> None:
    agent = made(description="Knows the price of everything")
    made("writer", capabilities={"text.write": "1.0"})
    client = browser("viewer")

    def found(words: str) -> str:
        return str(client.get(LIST, {"q": words}).content.decode())

    for words in ("pric", "everything", "PRICING.Q", str(agent.pk)):
        body = found(words)
        assert "pricing" in body, words
        assert "writer" not in body, words
    assert "0 agents" in found("nothing-like-it")


def test_the_list_tells_how_each_is_and_costs_the_same_for_many() -> None:
    client = browser("viewer")

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(LIST).status_code == 200
        return len(captured)

    made()
    queries()
    one = queries()
    for number in range(15):
        made(f"agent-{number}")
    assert queries() == one

    body = client.get(LIST).content.decode()
    assert "#sign-pending" in body
    assert "pricing.quote 2.1" in body
    assert "100 %" in body


def test_a_page_shows_everything_but_secrets(django_capture_on_commit_callbacks: Any) -> None:
    agent = made(description="<b>bold</b>\u202e", capabilities={f"c{number}": "1.0" for number in range(6)})
    registration.drain(agent=agent.pk, actor="user:olga", reason="<late>")
    body = browser("viewer").get(page(agent)).content.decode()

    assert "PRICING_SECRET" not in body
    assert "&quot;secret&quot;: &quot;***&quot;" in body
    assert "&lt;b&gt;bold" in body
    assert "Agent draining" in body
    assert "user:olga" in body
    assert "reason: &lt;late&gt;" in body
    assert "It was not called lately." in body
    assert "#sign-completed" in body  # its circuit is closed
    assert "c5" in body
    assert 'name="_save"' not in body


@pytest.mark.parametrize("group", ["approver", ""])
def test_who_may_not_read_agents_sees_none(group: str) -> None:
    client = browser(*filter(None, [group]))

    assert client.get(LIST).status_code == 403
    assert client.get(page(made())).status_code in (302, 403)


# --- registering


def test_an_agent_is_registered_by_the_form_and_is_theirs() -> None:
    client = browser("operator", name="oskar")
    assert client.get(ADD).status_code == 200
    answer = client.post(ADD, FORM, follow=True)

    agent = Agent.objects.get()
    assert answer.redirect_chain, answer.content
    assert (agent.name, agent.version, agent.tags, agent.weight) == ("pricing", "2.1", ["eu", "steel"], 2.0)
    assert dict(agent.offers.values_list("name", "version")) == {"pricing.quote": "2.1", "pricing.history": "1.0.0"}
    assert (agent.region, agent.latitude, float(agent.cost_per_call)) == ("eu", 50.1, 0.5)
    assert agent.ownership.user.username == "oskar"
    assert list(agent.events.values_list("kind", "actor")) == [("agent.registered", "user:oskar")]
    assert LogEntry.objects.get().object_id == str(agent.pk)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "a b"}, "cannot be the name"),
        ({"version": "new"}, "is not a version"),
        ({"capabilities": "x:1\nx:2"}, "name each once"),
        ({"settings": "[1]"}, "Give a JSON object."),
        ({"settings": '{"secret": "***"}'}, "stands for what is not shown"),
        ({"longitude": ""}, "latitude and longitude, or neither"),
        ({"weight": "-1"}, "weight is -1"),
        ({"transport": "python"}, "Select a valid choice"),
        ({"name": "taken"}, "There is an agent of this name"),
    ],
)
def test_what_cannot_work_is_refused_on_the_form(given: dict[str, str], told: str) -> None:
    made("taken")
    answer = browser("operator").post(ADD, FORM | given)

    assert answer.status_code == 200
    assert told in answer.content.decode()
    assert Agent.objects.count() == 1


def test_one_that_is_gone_is_brought_back_under_its_name() -> None:
    agent = made()
    registration.deregister(agent=agent.pk, actor="system")

    browser("operator").post(ADD, FORM)

    back = Agent.objects.get()
    assert (back.pk, back.state, back.version) == (agent.pk, "starting", "2.1")


def test_a_viewer_registers_and_changes_nothing() -> None:
    agent, client = made(), browser("viewer")

    assert client.get(ADD).status_code == 403
    assert client.post(ADD, FORM | {"name": "other"}).status_code == 403
    assert client.post(page(agent), {"weight": "5"} | NO_INLINES).status_code == 403
    assert Agent.objects.get().weight == 1.0


# --- changing


def test_an_operator_changes_what_may_be_changed_and_nothing_else() -> None:
    agent = made()
    sent = {
        "description": "", "tags": "eu", "weight": "5", "priority": "1", "max_concurrency": "3",
        "cost_per_call": "0", "metadata": "{}", "state": "gone", "name": "other", "health": "0",
    }  # fmt: skip
    answer = browser("operator", name="oskar").post(page(agent), sent | NO_INLINES)

    assert answer.status_code == 302, answer.content
    changed = Agent.objects.get()
    assert (changed.weight, changed.tags, changed.max_concurrency) == (5.0, ["eu"], 3)
    assert (changed.name, changed.state, changed.health) == ("pricing", "starting", 1.0)
    event = changed.events.first()
    assert (event.kind, event.actor) == ("agent.changed", "user:oskar")
    assert "description" not in event.data


def test_a_page_that_is_saved_as_it_was_changes_nothing() -> None:
    agent = made()
    sent = {
        "description": "", "tags": "steel", "weight": "1.0", "priority": "0", "max_concurrency": "",
        "cost_per_call": "0", "metadata": "{}",
    }  # fmt: skip
    browser("operator").post(page(agent), sent | NO_INLINES)

    assert [event.kind for event in agent.events.all()] == ["agent.registered"]


def test_one_that_is_gone_is_only_read_and_none_is_deleted() -> None:
    agent, client = made(), browser("admin")
    assert b'name="_save"' in client.get(page(agent)).content
    registration.deregister(agent=agent.pk, actor="system")

    assert b'name="_save"' not in client.get(page(agent)).content
    assert client.post(reverse("admin:agents_agent_delete", args=[agent.pk]), {"post": "yes"}).status_code == 403


# --- acting


def test_leaving_is_asked_first_and_done_with_a_reason() -> None:
    first, second, client = made("a"), made("b"), browser("operator", name="oskar")
    asked = do(client, "drain_selected", first, second)
    assert "get nothing new" in asked.content.decode()
    assert set(Agent.objects.values_list("state", flat=True)) == {"starting"}

    done = do(client, "drain_selected", first, second, confirmed="yes", reason="Maintenance.")
    assert "Done for 2 agents." in done.content.decode()
    assert set(Agent.objects.values_list("state", flat=True)) == {"draining"}
    assert first.events.first().data == {"reason": "Maintenance."}

    do(client, "resume_selected", first)
    assert Agent.objects.get(pk=first.pk).state == "starting"
    refused = do(client, "resume_selected", first)
    assert "only one that drains can be resumed" in refused.content.decode()
    do(client, "deregister_selected", first, second, confirmed="yes")
    assert set(Agent.objects.values_list("state", flat=True)) == {"gone"}


def test_circuits_are_forced_and_left_to_themselves(django_capture_on_commit_callbacks: Any) -> None:
    agent, client = made(), browser("operator")
    assert "No call goes through" in do(client, "force_open_selected", agent).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        do(client, "force_open_selected", agent, confirmed="yes", reason="Wrong.")
    assert describe(str(agent.pk))["circuit"]["state"] == "forced_open"
    assert "forced open" in client.get(page(agent)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        do(client, "leave_selected", agent)
    assert describe(str(agent.pk))["circuit"]["state"] == "closed"


def test_a_viewer_is_offered_no_action_and_can_do_none() -> None:
    agent, client = made(), browser("viewer")

    assert "drain_selected" not in client.get(LIST).content.decode()
    do(client, "deregister_selected", agent, confirmed="yes")
    assert Agent.objects.get().state == "starting"
