"""Who would get a piece of work and why, and many agents asked at once: over the API, by those who may."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from jsonschema import Draft202012Validator

from agents.definition import _registered, agent
from agents.models import Agent
from agents.resilience import services as guards
from agents.services import candidates, offers
from orchestrator_site import clock
from orchestrator_site.access.actors import system_actor
from orchestrator_site.access.roles import Role
from tests.api.conftest import Client, client_of
from tests.api.test_the_openapi_document import operations, validator
from tests.builders import drive, person, project_of, result

REVIEWS = {"text.review": "1.2.0"}
RULES = {
    "strategy": "content",
    "rules": [{"name": "long texts", "when": "params.length > 10", "agents": ["reviewer-b"]}],
}


@pytest.fixture(autouse=True)
def reviewers() -> Iterator[None]:
    for name in "abc":
        able(f"reviewer-{name}", lambda context, name=name: {"by": name, "score": ord(name), "said": "yes"})
    yield
    for name in [name for name in _registered if name.startswith("reviewer-")]:
        _registered.pop(name)


def able(name: str, function: Callable[[Any], Any]) -> None:
    _registered.pop(name, None)
    agent(name, capabilities=REVIEWS)(function)
    offers.offer(clock.new_id(), [_registered[name]])
    candidates.reset()


@pytest.fixture
def client(operator: User) -> Client:
    return client_of(operator)


def answer_of(client: Client, path: str, **body: Any) -> dict[str, Any]:
    answer = client.send(path, body)
    assert answer.status_code == 200, answer.content
    told: dict[str, Any] = answer.json()
    schema = next(told for _, found, told in operations() if found == path)["responses"]["200"]["content"]
    whole: Draft202012Validator = validator(schema["application/json"]["schema"])
    assert not [error.message for error in whole.iter_errors(told)]
    return told


pytestmark = pytest.mark.django_db


class TestWhoWouldGetIt:
    def test_it_names_who_and_why_and_calls_nobody(self, client: Client) -> None:
        able("reviewer-a", lambda context: pytest.fail("nobody is to be called"))
        told = answer_of(client, "agents/route", capability="text.review", version=">=1,<2", route="round_robin")

        assert told["agent"] in {"reviewer-a", "reviewer-b", "reviewer-c"}
        assert told["considered"] == 3
        assert told["chosen"][0]["name"] == told["agent"]
        assert told["strategy"] == "round_robin"
        assert told["why"]
        assert told["reasons"][0]["text"]

    def test_rules_read_the_parameters(self, client: Client) -> None:
        ask = {"capability": "text.review", "route": RULES}
        told = answer_of(client, "agents/route", **ask, params={"length": 50})

        assert told["agent"] == "reviewer-b"
        assert "rule 'long texts' holds: 1 of 3 may have it" in told["why"]
        assert "no rule holds" in answer_of(client, "agents/route", **ask, params={"length": 5})["why"]

    def test_a_key_names_the_same_agent_each_time(self, client: Client) -> None:
        ask = {"capability": "text.review", "route": "consistent_hash", "key": "customer 7"}

        assert len({answer_of(client, "agents/route", **ask)["agent"] for _ in range(5)}) == 1

    def test_where_an_agent_cannot_be_asked_it_says_so(self, client: Client) -> None:
        stopped = Agent.objects.get(name="reviewer-b")
        guards.desk()
        guards.force(str(stopped.pk), "open", actor=system_actor(), reason="It is wrong.")
        _commit_now(stopped)
        told = answer_of(client, "agents/route", capability="text.review", route=RULES, params={"length": 50})

        assert told["agent"] is None
        assert {"name": "reviewer-b", "why": "its circuit is open"}.items() <= told["left_out"][0].items()
        assert "reviewer-b left out: its circuit is open" in told["why"]

    def test_nobody_who_could_is_an_answer_too_and_an_unknown_name_is_none(self, client: Client) -> None:
        told = answer_of(client, "agents/route", capability="text.burn")
        assert (told["agent"], told["considered"], told["why"]) == (None, 0, "no agent does this")
        assert answer_of(client, "agents/route", agent="reviewer-a")["agent"] == "reviewer-a"
        assert client.send("agents/route", {"agent": "nobody-at-all"}).status_code == 404

    @pytest.mark.parametrize(
        ("body", "field", "said"),
        [
            ({}, "", "Name a capability, or an agent."),
            ({"capability": "x", "agent": "y"}, "", "Name a capability, or an agent."),
            ({"agent": "y", "version": ">1"}, "version", "It goes with a capability."),
            ({"capability": "x", "route": "quickest"}, "route", "least_loaded"),
            ({"capability": "x", "route": 3}, "route", "the name of a strategy"),
            ({"capability": "x", "route": {"rules": [{}]}}, "route", "Add `strategy: content`."),
            ({"capability": "x", "route": {"near": {}}}, "route", "near what is not said"),
            (
                {"capability": "x", "route": {"strategy": "content", "rules": [{"when": "params.x >"}]}},
                "route",
                "rules[0].when: the expression `params.x >` cannot be used",
            ),
            ({"capability": "x", "route": {"strategy": "content", "rules": [{"wenn": "1"}]}}, "route", "rules[0].wenn"),
            ({"capability": "x", "payload": {}}, "payload", "There is no such field."),
        ],
    )
    def test_a_wrong_question_is_told_by_its_place(self, client: Client, body: Any, field: str, said: str) -> None:
        answer = client.send("agents/route", body)

        assert answer.status_code == 422, answer.content
        (error, *_) = answer.json()["errors"]
        assert error["field"] == field
        assert said in error["message"]

    def test_a_range_that_is_none_is_refused(self, client: Client) -> None:
        answer = client.send("agents/route", {"capability": "text.review", "version": "newest"})

        assert (answer.status_code, answer.json()["code"]) == (422, "version_invalid")


class TestManyAtOnce:
    def test_all_are_asked_and_their_answers_made_one(self, client: Client) -> None:
        told = answer_of(client, "agents/scatter", capability="text.review", aggregation="best", params={"x": 1})

        assert told["value"]["by"] == "c"
        assert told["answered"] == ["reviewer-a", "reviewer-b", "reviewer-c"]
        assert (told["complete"], told["degraded"]) == (True, False)

    def test_a_quorum_is_enough_and_who_fails_is_named(self, client: Client) -> None:
        def break_down(context: Any) -> None:
            raise RuntimeError("no paper")

        able("reviewer-b", break_down)
        told = answer_of(client, "agents/scatter", capability="text.review", aggregation="all", quorum=2)

        assert len(told["value"]) == 2
        failed = [each for each in told["missing"] if each["kind"] == "failed"]
        assert not failed or "no paper" in failed[0]["why"]

    def test_the_deadline_holds_and_says_who_was_late(self, client: Client) -> None:
        hung = threading.Event()
        able("reviewer-b", lambda context: hung.wait(20))
        began = time.monotonic()
        answer = client.send("agents/scatter", {"capability": "text.review", "deadline": 0.6})
        partly = client.send("agents/scatter", {"capability": "text.review", "deadline": 0.6, "partial": True})
        took = time.monotonic() - began
        hung.set()

        assert (answer.status_code, answer.json()["code"]) == (504, "quorum_missed")
        assert "reviewer-b" in answer.json()["detail"]
        assert answer.json()["retryable"] is True
        assert [each["kind"] for each in partly.json()["missing"]] == ["late"]
        assert partly.json()["degraded"] is True
        assert took < 6

    def test_where_nobody_can_do_it_it_says_so(self, client: Client) -> None:
        answer = client.send("agents/scatter", {"capability": "text.burn"})

        assert (answer.status_code, answer.json()["code"]) == (503, "no_agent_now")
        assert answer.json()["detail"] == "No agent offers 'text.burn'."

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"aggregation": "majorty"}, "Did you mean 'majority'?"),
            ({"options": {"by": "x"}}, "takes no option 'by'"),
            ({"quorum": 9}, "A quorum of 9 among 3 asked cannot be"),
            ({"deadline": 3600}, "deadline"),
            ({"at_most": 0}, "at_most"),
            ({"capability": ""}, "capability"),
            ({"params": [1]}, "params"),
        ],
    )
    def test_a_wrong_question_is_refused_before_anybody_is_asked(self, client: Client, body: Any, said: str) -> None:
        for name in "abc":
            able(f"reviewer-{name}", lambda context: pytest.fail("nobody is to be called"))
        answer = client.send("agents/scatter", {"capability": "text.review"} | body)

        assert answer.status_code == 422, answer.content
        assert said in answer.json()["detail"]


@pytest.mark.parametrize(
    ("role", "route", "scatter"),
    [
        (Role.ADMIN, 200, 200),
        (Role.OPERATOR, 200, 200),
        (Role.AGENT, 200, 200),
        (Role.VIEWER, 200, 403),
        (Role.APPROVER, 403, 403),
        (None, 403, 403),
    ],
)
def test_who_may(role: Role | None, route: int, scatter: int) -> None:
    asker = client_of(person("asker", groups=[role] if role else []))

    assert asker.send("agents/route", {"capability": "text.review"}).status_code == route
    assert asker.send("agents/scatter", {"capability": "text.review"}).status_code == scatter


def test_nobody_unknown_may() -> None:
    for path in ("agents/route", "agents/scatter"):
        assert client_of(None).send(path, {"capability": "text.review"}).status_code == 401


def test_more_agents_than_a_project_has_places_are_asked_at_once() -> None:
    """A scatter is one step of its project: what it asks for at once counts for itself."""
    together = threading.Barrier(25)
    for number in range(25):
        able(f"reviewer-{number}", lambda context, number=number: together.wait(20) and number)
    for name in "abc":
        Agent.objects.filter(name=f"reviewer-{name}").delete()
    candidates.reset()
    project = drive(
        project_of("""
        phases:
          - key: only
            steps:
              - {key: all, kind: scatter, capability: text.review, timeout: 25s, retry: {max_attempts: 1}}
        """)
    )

    assert project.state == "completed", result(project, "all")
    assert result(project, "all")["complete"] is True


def _commit_now(agent: Agent) -> None:
    """What follows a commit, which a test never makes."""
    from agents.models import CircuitOrder
    from agents.resilience import orders

    assert CircuitOrder.objects.filter(agent=agent).exists()
    guards.desk().obey(next(order for order in orders.standing_orders() if order.agent_id == str(agent.pk)))
