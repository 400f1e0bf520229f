"""Agents over the API: registered, found, kept, changed, asked to leave; and whose they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import transports
from agents.errors import AgentSettingsRefused
from agents.models import Agent
from agents.resilience.services import close_desk
from agents.services import heartbeats
from agents.shared_state import client as redis
from agents.states import AgentState
from orchestrator_site.access.roles import Role
from tests.api.conftest import Client, client_of
from tests.builders import person

pytestmark = pytest.mark.django_db
PRICING: dict[str, Any] = {
    "name": "pricing",
    "version": "2.1",
    "transport": "http",
    "settings": {"url": "https://pricing.example/run", "secret": "env:PRICING_SECRET"},
    "capabilities": {"pricing.quote": "2.1.0"},
    "tags": ["steel", "eu"],
    "location": {"region": "eu", "zone": "a", "latitude": 50.1, "longitude": 8.7},
}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing in Redis, and no transport that looks for the addresses of these agents."""
    monkeypatch.setattr(transports, "TRANSPORTS", {}, raising=False)
    _empty()
    yield
    _empty()


def _empty() -> None:
    close_desk()
    if keys := list(redis().scan_iter("phasegate:*agent*", count=1000)):
        redis().delete(*keys)


@pytest.fixture
def robot() -> User:
    return person("robot", groups=["agent"])


@pytest.fixture
def other() -> Client:
    return client_of(person("other-robot", groups=["agent"]))


@pytest.fixture
def its(robot: User) -> Client:
    return client_of(robot)


def registered(client: Client, **given: Any) -> Any:
    answer = client.send("agents", PRICING | given)
    assert answer.status_code in (200, 201), answer.content
    return answer.json()


def say(client: Client, agent: str, **heard: Any) -> Any:
    return client.send(f"agents/{agent}/heartbeat", heard)


# --- registering


def test_an_agent_registers_and_is_read_by_its_id_and_by_its_name(its: Client, operator: User) -> None:
    answer = its.send("agents", PRICING)

    assert answer.status_code == 201
    told = answer.json()
    assert (told["outcome"], told["state"], told["owner"], told["version"]) == ("created", "starting", "robot", "2.1")
    assert answer["Location"].endswith(f"/agents/{told['id']}")
    for name in (told["id"], "pricing"):
        assert client_of(operator).read(f"agents/{name}").json()["id"] == told["id"]


def test_secrets_of_its_transport_are_never_shown(its: Client, admin: User) -> None:
    told = registered(its)

    for answer in (client_of(admin).read(f"agents/{told['id']}"), client_of(admin).read("agents"), its.read("agents")):
        assert b"PRICING_SECRET" not in answer.content
    assert told["settings"] == {"url": "https://pricing.example/run", "secret": "***"}
    refused = its.send("agents", PRICING | {"settings": told["settings"]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"] == "settings"


def test_the_same_again_changes_nothing_and_another_description_does(its: Client) -> None:
    first = registered(its)

    assert registered(its)["outcome"] == "unchanged"
    changed = registered(its, version="2.2")
    assert (changed["outcome"], changed["id"], changed["version"]) == ("changed", first["id"], "2.2")
    assert its.send("agents", PRICING | {"version": "2.2"}).status_code == 200


def test_a_name_belongs_to_who_registered_it(its: Client, other: Client, operator: User) -> None:
    agent = registered(its)["id"]
    taken = other.send("agents", PRICING | {"settings": {"url": "https://evil.example"}})

    assert taken.status_code == 403
    assert taken.json()["code"] == "agent_not_yours"
    assert Agent.objects.get().settings["url"] == "https://pricing.example/run"
    for refused in (
        say(other, agent),
        other.call("PATCH", f"agents/{agent}", {"weight": 9}),
        other.call("DELETE", f"agents/{agent}"),
        other.send(f"agents/{agent}/drain"),
        other.send(f"agents/{agent}/resume"),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "agent_not_yours")
    assert client_of(operator).call("PATCH", f"agents/{agent}", {"weight": 9}).json()["weight"] == 9


def test_what_the_command_line_registered_belongs_to_no_key(its: Client) -> None:
    from agents.services.registration import register

    register(
        actor="system", **(PRICING | {"location": {}}) | {"location": __import__("agents.values").values.Location()}
    )

    assert its.send("agents", PRICING).json()["code"] == "agent_not_yours"


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"name": "no name"}, "agent_invalid", None),
        ({"version": "one"}, "version_invalid", None),
        ({"capabilities": {"x": "?"}}, "version_invalid", None),
        ({"capabilities": {"x": 1}}, "fields_invalid", "capabilities"),
        ({"capabilities": "x"}, "fields_invalid", "capabilities"),
        ({"transport": "python"}, "fields_invalid", "transport"),
        ({"location": {"latitude": 5}}, "fields_invalid", "location.non_field_errors"),
        ({"location": {"latitude": 95, "longitude": 0}}, "fields_invalid", "location.latitude"),
        ({"weight": -1}, "fields_invalid", "weight"),
        ({"surprise": 1}, "fields_invalid", "surprise"),
        ({"name": "api-echo"}, "agent_name_taken", None),
    ],
)
def test_a_description_that_cannot_work_is_refused_with_its_place(
    its: Client, given: dict[str, Any], code: str, field: str | None
) -> None:
    answer = its.send("agents", PRICING | given)

    assert answer.status_code in (409, 422), answer.content
    assert answer.json()["code"] == code
    if field is not None:
        assert field.split(".")[0] in answer.json()["errors"][0]["field"]
    assert not Agent.objects.exists()


def test_mistakes_of_settings_are_told_with_their_places(its: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    class Strict:
        def check(self, agent: Any) -> None:
            raise AgentSettingsRefused("The settings are wrong.", problems=["secret: Field required", "broken"])

    monkeypatch.setattr(transports, "TRANSPORTS", {"http": Strict})
    answer = its.send("agents", PRICING)

    assert (answer.status_code, answer.json()["code"]) == (422, "agent_settings_refused")
    assert answer.json()["errors"] == [
        {"field": "secret", "message": "Field required"},
        {"field": "", "message": "broken"},
    ]


def test_a_registration_that_is_sent_twice_is_answered_alike(its: Client) -> None:
    first = its.send("agents", PRICING, Idempotency_Key="once")
    again = its.send("agents", PRICING, Idempotency_Key="once")

    assert first.json() == again.json()
    assert (again.status_code, again["Idempotency-Replayed"]) == (201, "true")


# --- finding


def named(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [agent["name"] for agent in answer.json()["results"]]


def test_agents_are_found_by_any_mix_of_what_they_are(its: Client) -> None:
    registered(its, name="old", capabilities={"quote": "1.0"}, tags=["eu"], service_type="prices")
    registered(its, name="new", capabilities={"quote": "2.0"}, tags=["eu", "fast"])
    registered(its, name="us", capabilities={"quote": "2.0"}, location={"region": "us"}, tags=["us"])

    assert set(named(its.read("agents?capability=quote"))) == {"old", "new", "us"}
    assert set(named(its.read("agents?capability=quote&version=>=2"))) == {"new", "us"}
    assert named(its.read("agents?capability=quote&version=<2")) == ["old"]
    assert named(its.read("agents?tag=eu,fast")) == ["new"]
    assert set(named(its.read("agents?any_tag=us,fast"))) == {"new", "us"}
    assert named(its.read("agents?service_type=prices")) == ["old"]
    assert named(its.read("agents?region=us"))[0] == "us"
    assert named(its.read("agents?region=us&reach=region")) == ["us"]
    assert set(named(its.read("agents?near=50,8"))[:2]) == {"old", "new"}
    assert named(its.read("agents?state=draining")) == []
    assert named(its.read("agents?health=1&transport=llm")) == []


def test_pages_go_on_from_where_the_last_one_ended(its: Client) -> None:
    for number in range(7):
        registered(its, name=f"a{number}")

    seen: list[str] = []
    path = "agents?limit=3"
    while path:
        answer = its.read(path).json()
        assert answer["previous"] is None
        seen += [agent["name"] for agent in answer["results"]]
        path = (answer["next"] or "").partition("/orchestrator/")[2]

    assert sorted(seen) == [f"a{number}" for number in range(7)]


@pytest.mark.parametrize(
    "query",
    [
        "state=gone", "state=nonsense", "near=here", "near=95,0", "version=>=1", "capability=x&version=nonsense",
        "cursor=nonsense", "health=2", "reach=zone", "limit=0", "limit=1000", "surprise=1",
    ],
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_refused(its: Client, query: str) -> None:
    answer = its.read(f"agents?{query}")

    assert answer.status_code == 422, answer.content


def test_a_longer_page_costs_no_more_queries(its: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert its.read("agents").status_code == 200
        return len(captured)

    registered(its)
    queries()
    one = queries()
    for number in range(9):
        registered(its, name=f"a{number}")

    assert queries() == one


# --- heartbeats


def test_an_agent_that_is_heard_of_becomes_healthy(its: Client) -> None:
    agent = registered(its)["id"]
    answer = say(its, "pricing", load=0.5, details={"queue": 3})

    assert answer.json() == {"id": agent, "state": "starting", "interval": 30.0, "silence": 300.0}
    heartbeats.write_down()
    told = its.read(f"agents/{agent}").json()
    assert (told["state"], told["load"]) == ("healthy", 0.5)


def test_one_that_drains_learns_it_from_its_heartbeats_and_one_that_is_gone_registers_again(its: Client) -> None:
    agent = registered(its)["id"]
    its.send(f"agents/{agent}/drain")
    assert say(its, agent).json()["state"] == "draining"

    its.call("DELETE", f"agents/{agent}")
    gone = say(its, agent)
    assert (gone.status_code, gone.json()["code"]) == (410, "agent_gone")
    assert registered(its)["outcome"] == "returned"
    assert say(its, agent).status_code == 200
    assert say(its, "nobody").status_code == 404


def test_a_gateway_speaks_for_many_and_each_counts_by_itself(its: Client, other: Client) -> None:
    mine = [registered(its, name=f"a{number}")["id"] for number in range(3)]
    theirs = registered(other, name="theirs")["id"]
    stranger = str(uuid4())
    beats = [{"agent": agent, "load": 0.1} for agent in [*mine, theirs, stranger]]

    told = its.send("agents/heartbeats", {"heartbeats": beats}).json()

    assert told["kept"] == 3
    assert told["refused"] == [
        {"agent": theirs, "code": "agent_not_yours"},
        {"agent": stranger, "code": "agent_not_yours"},
    ]
    heartbeats.write_down()
    states = dict(Agent.objects.values_list("name", "state"))
    assert states == {"a0": "healthy", "a1": "healthy", "a2": "healthy", "theirs": "starting"}


def test_ten_thousand_heartbeats_cost_a_few_queries(its: Client) -> None:
    agent = registered(its)["id"]
    beats = [{"agent": str(uuid4())} for _ in range(9_999)] + [{"agent": agent}]
    with CaptureQueriesContext(connection) as captured:
        answer = its.send("agents/heartbeats", {"heartbeats": beats})

    assert answer.json()["kept"] == 1
    assert len(captured) <= 8


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "heartbeats"),
        ([], "heartbeats"),
        ({"heartbeats": []}, "heartbeats"),
        ({"heartbeats": {}}, "heartbeats"),
        ({"heartbeats": [1]}, "heartbeats[0]"),
        ({"heartbeats": [{"agent": "x"}]}, "heartbeats[0].agent"),
        ({"heartbeats": [{"agent": str(uuid4())}, {}]}, "heartbeats[1].agent"),
        ({"heartbeats": [{"agent": str(uuid4()), "load": -1}]}, "heartbeats[0].load"),
        ({"heartbeats": [{"agent": str(uuid4()), "load": True}]}, "heartbeats[0].load"),
        ({"heartbeats": [{"agent": str(uuid4()), "details": 5}]}, "heartbeats[0].details"),
        ({"heartbeats": [{"agent": str(uuid4()), "more": 5}]}, "heartbeats[0]"),
        ({"heartbeats": [{"agent": str(uuid4())}], "x": 1}, "x"),
    ],
)
def test_heartbeats_that_are_none_are_refused_with_their_place(its: Client, body: Any, field: str) -> None:
    answer = its.send("agents/heartbeats", body)

    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"][0]["field"] == field


# --- changing, leaving


def test_what_is_changed_is_changed_once_and_only_as_it_was_seen(its: Client) -> None:
    agent = registered(its)["id"]
    tag = its.read(f"agents/{agent}")["ETag"]
    assert its.read(f"agents/{agent}", If_None_Match=tag).status_code == 304

    changed = its.call("PATCH", f"agents/{agent}", {"weight": 2.5, "tags": ["eu"], "cost_per_call": 0.1}, If_Match=tag)
    assert (changed.json()["weight"], changed.json()["tags"], changed.json()["cost_per_call"]) == (2.5, ["eu"], 0.1)
    late = its.call("PATCH", f"agents/{agent}", {"weight": 3}, If_Match=tag)
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert named(its.read("agents?tag=steel")) == []


def test_a_heartbeat_between_looking_and_changing_is_no_reason_to_refuse(its: Client) -> None:
    agent = registered(its)["id"]
    say(its, agent)
    heartbeats.write_down()
    tag = its.read(f"agents/{agent}")["ETag"]
    say(its, agent, load=0.7)
    heartbeats.write_down()

    assert its.call("PATCH", f"agents/{agent}", {"weight": 2}, If_Match=tag).status_code == 200


@pytest.mark.parametrize("field", ["name", "settings", "capabilities", "state", "health", "owner"])
def test_what_an_agent_is_cannot_be_changed_beside_its_registration(its: Client, field: str) -> None:
    agent = registered(its)["id"]

    assert its.call("PATCH", f"agents/{agent}", {field: "x"}).json()["errors"][0]["field"] == field


def test_an_agent_drains_stays_and_leaves(its: Client) -> None:
    agent = registered(its)["id"]

    assert its.send(f"agents/{agent}/drain", {"reason": "Maintenance."}).json()["state"] == "draining"
    assert named(its.read("agents")) == []
    assert named(its.read("agents?state=draining")) == ["pricing"]
    assert its.send(f"agents/{agent}/resume").json()["state"] == "starting"
    refused = its.send(f"agents/{agent}/resume")
    assert (refused.status_code, refused.json()["code"]) == (409, "agent_state_refused")

    gone = its.call("DELETE", f"agents/{agent}?reason=Sold")
    assert (gone.status_code, gone.content) == (204, b"")
    assert its.call("DELETE", f"agents/{agent}").status_code == 204
    assert its.read(f"agents/{agent}").json()["state"] == "gone"
    kinds = list(Agent.objects.get().events.order_by("id").values_list("kind", "actor"))
    assert kinds[-1] == ("agent.left", "user:robot")
    assert its.send(f"agents/{agent}/drain").status_code == 410


# --- circuits and health


def test_an_operator_forces_a_circuit_and_leaves_it_to_itself_again(
    its: Client, operator: User, django_capture_on_commit_callbacks: Any
) -> None:
    agent = registered(its)["id"]
    assert its.read(f"agents/{agent}/circuit").json()["state"] == "closed"

    boss = client_of(operator)
    with django_capture_on_commit_callbacks(execute=True):
        forced = boss.send(f"agents/{agent}/circuit", {"state": "open", "reason": "Wrong prices."})
    assert (forced.status_code, forced.json()["state"]) == (200, "forced_open"), forced.content
    told = its.read(f"agents/{agent}/circuit").json()
    assert told["state"] == "forced_open"
    assert "Wrong prices." in told["why"]
    with django_capture_on_commit_callbacks(execute=True):
        boss.send(f"agents/{agent}/circuit", {"state": "auto"})
    assert its.read(f"agents/{agent}/circuit").json()["state"] == "closed"
    assert boss.send(f"agents/{agent}/circuit", {"state": "ajar"}).status_code == 422
    assert its.send(f"agents/{agent}/circuit", {"state": "closed"}).json()["code"] == "forbidden"


def test_the_health_of_all_is_told_with_those_that_do_worst(its: Client) -> None:
    registered(its, name="well")
    registered(its, name="ill")
    Agent.objects.filter(name="ill").update(health=0.2, state=AgentState.UNHEALTHY)

    told = its.read("agents/health").json()

    assert (told["states"]["starting"], told["states"]["unhealthy"]) == (1, 1)
    assert told["health"] == pytest.approx(0.6)
    assert told["worst"][0]["name"] == "ill"


# --- roles

MATRIX = {
    Role.ADMIN: (200, 201, 200, 200),
    Role.OPERATOR: (200, 201, 200, 200),
    Role.AGENT: (200, 201, 403, 403),
    Role.VIEWER: (200, 403, 403, 403),
    Role.APPROVER: (403, 403, 403, 403),
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_what_it_is_for(its: Client, role: Role) -> None:
    agent = registered(its)["id"]
    somebody = client_of(person("somebody", groups=[role.value]))

    looked, register, changed, forced = MATRIX[role]
    for path in ("agents", f"agents/{agent}", f"agents/{agent}/circuit", "agents/health"):
        assert somebody.read(path).status_code == looked, path
    assert somebody.send("agents", PRICING | {"name": "mine"}).status_code == register
    for method, path in (
        ("POST", f"agents/{agent}/heartbeat"),
        ("PATCH", f"agents/{agent}"),
        ("POST", f"agents/{agent}/drain"),
        ("POST", f"agents/{agent}/resume"),
    ):
        assert somebody.call(method, path).status_code == changed, path
    assert somebody.send(f"agents/{agent}/circuit", {"state": "auto"}).status_code == forced


def test_strangers_see_nothing() -> None:
    for path in ("agents", "agents/health", "agents/x"):
        assert client_of(None).read(path).status_code == 401
    assert client_of(None).send("agents", json.dumps(PRICING)).status_code == 401
