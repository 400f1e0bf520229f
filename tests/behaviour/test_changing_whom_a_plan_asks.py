"""Interventions that change who is asked: by name, by capability, by another route, and what stands in."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from agents.definition import _registered, agent
from agents.services import candidates, offers
from orchestrator_site import clock
from orchestrator_site.access.actors import system_actor
from projects import orchestrator
from projects.blueprints.errors import StepInvalid
from projects.errors import EditInvalid, NothingChanges
from projects.models import Attempt, Project, Step
from projects.services import interventions
from tests.builders import agent_that, drive, project_of, result, step

pytestmark = pytest.mark.django_db(transaction=True)

TWO = """
phases:
  - key: only
    steps:
      - {key: first, agent: whom-echo}
      - {key: text, needs: [first], retry: {max_attempts: 1}, %s}
"""


@pytest.fixture(autouse=True)
def agents() -> Iterator[None]:
    agent_that(lambda context: "echo", "whom-echo")
    agent_that(fail, "whom-broken")
    able("whom-one", "1.0.0")
    able("whom-two", "2.0.0")
    yield
    for name in ("whom-echo", "whom-broken", "whom-one", "whom-two"):
        _registered.pop(name, None)


def able(name: str, version: str) -> None:
    agent(name, capabilities={"whom.write": version})(lambda context: name)
    offers.offer(clock.new_id(), [_registered[name]])
    candidates.reset()


def fail(context: Any) -> None:
    raise ValueError("it broke")


def planned(said: str) -> Project:
    return project_of(TWO % said)


def change(project: Project, what: str = "modify", key: str = "text", **arguments: Any) -> Any:
    return orchestrator.intervene(project, what, key, reason="because", **arguments)


def test_a_step_that_nobody_can_take_is_given_to_an_agent_by_name() -> None:
    project = drive(planned("capability: whom.burn, version: '>1', route: round_robin"))
    held = step(project, "text")
    assert (held.state, Attempt.objects.get(step=held).outcome) == ("ready", "held")
    change(project, agent="whom-echo")
    changed = step(project, "text")
    assert changed.spec is not None
    assert changed.spec.keys().isdisjoint({"capability", "version", "route"})
    Step.objects.filter(pk=changed.pk).update(available_at=None)  # it has stood aside for long enough

    assert drive(project).state == "completed"
    assert result(project, "text") == "echo"


def test_a_step_is_given_to_whoever_has_a_capability_in_a_range() -> None:
    project = planned("agent: whom-broken")
    change(project, capability="whom.write", version=">=2", route={"strategy": "failover"})

    assert drive(project).state == "completed"
    assert result(project, "text") == "whom-two"
    assert step(project, "text").agent == ""
    assert Attempt.objects.get(step__key="text").decision["strategy"] == "failover"  # type: ignore[index]


def test_a_fallback_and_limits_of_time_are_laid_on_and_taken_away() -> None:
    project = planned("agent: whom-broken, timeouts: {heartbeat: 5s}")
    change(project, fallback=[{"agent": "whom-echo"}], timeouts={"schedule_to_start": "1h"})
    assert step(project, "text").spec["timeouts"] == {"schedule_to_start": 3600, "heartbeat": 5}  # type: ignore[index]
    change(project, timeouts={"schedule_to_start": None, "heartbeat": None})
    assert "timeouts" not in step(project, "text").spec  # type: ignore[operator]

    assert drive(project).state == "completed"
    assert result(project, "text") == "echo"
    assert step(project, "text").degraded["by"] == "whom-echo"  # type: ignore[index]


def test_a_step_that_is_added_may_ask_for_a_capability_and_have_a_fallback() -> None:
    project = planned("agent: whom-echo")
    routed = {"key": "more", "capability": "whom.write", "version": "<2", "route": "weighted", "needs": ["first"]}
    broken = {
        "key": "broken",
        "agent": "whom-broken",
        "needs": ["first"],
        "retry": {"max_attempts": 1},
        "fallback": {"value": {"instead": True}, "causes": ["failed"]},
    }
    many = {"key": "many", "kind": "scatter", "capability": "whom.write", "scatter": {"aggregation": "all"}}
    for definition in (routed, broken, many):
        change(project, "add", "", definition=definition, phase="only")

    assert drive(project).state == "completed"
    assert result(project, "more") == "whom-one"
    assert result(project, "broken") == {"instead": True}
    assert "value" in result(project, "many")


@pytest.mark.parametrize(
    ("said", "arguments", "why"),
    [
        ("agent: whom-echo", {"fallback": {"agent": "whom-echo"}}, "falls back to 'whom-echo'"),
        ("agent: whom-echo", {"route": "weighted"}, "goes with `capability`"),
        ("agent: whom-echo", {"fallback": {"agnt": "x"}}, "Did you mean 'agent'"),
        ("agent: whom-echo", {"timeouts": {"schedule_to_close": "1s"}}, "is shorter than that for one"),
        ("agent: whom-echo", {"agent": "a", "capability": "b"}, "names both"),
        ("capability: whom.write", {"version": "newest"}, "is no version range"),
        ("capability: whom.write", {"capability": None}, "names no agent"),
        ("capability: whom.write, fallback: {agent: whom-echo}", {"agent": "whom-echo"}, "falls back to 'whom-echo'"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_changes_nothing(said: str, arguments: dict[str, Any], why: str) -> None:
    project = planned(said)
    before = step(project, "text").spec

    with pytest.raises(StepInvalid, match=why):
        change(project, **arguments)
    assert step(project, "text").spec == before


def test_saying_what_is_so_already_is_told() -> None:
    project = planned("capability: whom.write, route: weighted")
    with pytest.raises(NothingChanges):
        change(project, route="weighted")
    with pytest.raises(EditInvalid, match=r"params, agent, capability, .* or retry"):
        change(project)


def test_a_preview_names_what_would_change() -> None:
    project = planned("agent: whom-broken")
    seen = interventions.preview(
        project_id=project.pk,
        actor=system_actor(),
        change="modify",
        step="text",
        arguments={"capability": "whom.write", "fallback": {"value": 1}},
    ).to_json()

    assert "whom.write" in str(seen)
    assert "whom-broken" in str(seen)
    assert step(project, "text").agent == "whom-broken"


def test_the_command_says_it_too() -> None:
    project = planned("agent: whom-broken")
    told = ["--capability", "whom.write", "--set", "route=round_robin", "--set", 'fallback={"value": 1}']
    call_command("intervene", str(project.pk), "modify", "text", *told, "--yes", stdout=StringIO())
    spec = step(project, "text").spec or {}

    assert (spec["capability"], spec["route"], spec["fallback"]) == ("whom.write", "round_robin", {"value": 1})
