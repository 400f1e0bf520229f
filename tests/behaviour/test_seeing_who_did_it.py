"""What a person sees of agents: who has a step and why, whom it waits for, and that a result is a fallback's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from agents.definition import _registered, agent
from agents.models import Agent
from agents.resilience import orders
from agents.resilience import services as guards
from agents.services import candidates, offers
from orchestrator_site import clock
from orchestrator_site.access.actors import system_actor
from projects.models import Attempt, Project, Step, Worker
from projects.services import advancing, execution, progressing
from tests.behaviour.remote import Remote, accepts
from tests.builders import agent_that, drive, look, person, project_of, ready_steps, step

pytestmark = pytest.mark.django_db
ABLE = {"seen.write": "1.0.0"}
ROUTED = """
phases:
  - key: only
    steps:
      - {key: text, capability: seen.write, route: round_robin, retry: {max_attempts: 1}}
"""


@pytest.fixture(autouse=True)
def writers(settings: Any) -> Iterator[None]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for name in ("seen-one", "seen-two"):
        able(name, lambda context: "written")
    yield
    for name in ("seen-one", "seen-two"):
        _registered.pop(name, None)


def able(name: str, function: Callable[[Any], Any]) -> None:
    _registered.pop(name, None)
    agent(name, capabilities=ABLE)(function)
    offers.offer(clock.new_id(), [_registered[name]])
    candidates.reset()


def stop(*names: str) -> None:
    """Force the circuits of agents open, as after a commit."""
    for name in names:
        stopped = str(Agent.objects.get(name=name).pk)
        guards.desk()
        guards.force(stopped, "open", actor=system_actor(), reason="It is wrong.")
        guards.desk().obey(next(order for order in orders.standing_orders() if order.agent_id == stopped))


@pytest.fixture
def browser(db: None) -> Client:
    client = Client()
    client.force_login(person("olga", groups=["operator"], is_staff=True))
    return client


def page(browser: Client, project: Project, key: str = "") -> str:
    where = reverse("dashboard:step", args=[project.pk, step(project, key).pk]) if key else ""
    answer = browser.get(where or reverse("dashboard:project", args=[project.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def over_rest(browser: Client, project: Project, key: str) -> dict[str, Any]:
    told: dict[str, Any] = browser.get(f"/api/v2/orchestrator/projects/{project.pk}/steps/{key}").json()
    return told


def in_the_admin(browser: Client, project: Project, key: str) -> str:
    return browser.get(reverse("admin:projects_step_change", args=[step(project, key).pk])).content.decode()


def test_who_was_chosen_and_why(browser: Client) -> None:
    project = drive(project_of(ROUTED))
    told = over_rest(browser, project, "text")
    (attempt,) = told["attempts"]

    assert told["agent"] == ""
    assert told["performer"] == attempt["performer"] in ("seen-one", "seen-two")
    assert attempt["decision"]["strategy"] == "round_robin"
    why = attempt["decision"]["reasons"][0]["text"]
    shown = page(browser, project, "text")
    assert attempt["performer"] in shown
    assert "seen.write" in shown
    assert why in shown
    assert attempt["performer"] in page(browser, project)
    assert why in in_the_admin(browser, project, "text")
    assert progressing.usage(project)[0]["agent"] == attempt["performer"]


def test_a_step_that_waits_for_an_agent_says_for_whom_and_why(browser: Client) -> None:
    stop("seen-one", "seen-two")
    now = clock.now()
    Worker.objects.create(
        id=clock.new_id(), name="w", host="h", pid=1, pools=["cpu", "io"], started_at=now, seen_at=now
    )
    project = project_of(ROUTED)
    advancing.advance(project.pk)
    execution.run_leg(project.pk, [ready_steps(project)[0].pk])
    Step.objects.filter(project=project).update(available_at=Now() + timedelta(minutes=1))
    held = over_rest(browser, project, "text")

    assert held["error"]["code"] == "no_agent_now"
    assert held["performer"] == ""
    assert held["why"].startswith("text waits for an agent since ")
    assert "the circuits of seen-one, seen-two are open, and no other agent could take it" in held["why"]
    assert "again" in held["why"]
    assert "to try" not in held["why"]
    assert progressing.next_action(look(project)) == held["why"]
    shown = page(browser, project)
    assert "the circuits of seen-one, seen-two are open" in shown
    assert 'class="sub error"' not in shown
    at_the_step = page(browser, project, "text")
    assert "waited for an agent" in at_the_step
    assert "notice failed" not in at_the_step
    assert progressing.usage(project) == []
    status = StringIO()
    call_command("project_status", str(project.pk), stdout=status)
    assert "the circuits of seen-one, seen-two are open" in " ".join(status.getvalue().split())


@pytest.mark.django_db(transaction=True)
def test_an_agent_that_answers_later_has_the_step_until_it_is_to_be_heard_of(
    browser: Client, remote: Callable[..., Remote]
) -> None:
    later = remote("seen-later", accepts, capabilities={"seen.later": "1.0.0"})
    project = drive(project_of(ROUTED.replace("seen.write", "seen.later")))
    told = over_rest(browser, project, "text")
    until = step(project, "text").lease_until

    assert until is not None
    assert told["performer"] == "seen-later"
    assert told["agent_until"][:19] == until.isoformat()[:19]
    assert f"agent seen-later has text until {until:%H:%M:%S} UTC" in progressing.next_action(look(project))
    assert "Agent seen-later has it; its next word is due" in page(browser, project)
    assert "Agent seen-later has it and will answer later" in page(browser, project, "text")

    callback = later.envelopes[-1]["callback"].partition("/api/")[2]
    answer = Client().post(f"/api/{callback}/complete", {"result": "done"}, content_type="application/json")
    assert answer.status_code == 204, answer.content
    told = over_rest(browser, drive(project), "text")
    assert (told["state"], told["result"], told["performer"], told["agent_until"]) == (
        "completed",
        "done",
        "seen-later",
        None,
    )


def test_a_result_that_is_a_fallbacks_says_whose_and_why(browser: Client) -> None:
    def break_down(context: Any) -> None:
        raise RuntimeError("no <ink>")

    agent_that(break_down, "seen-broken")
    agent_that(lambda context: "instead", "seen-instead")
    project = drive(
        project_of("""
        phases:
          - key: only
            steps:
              - {key: a, agent: seen-broken, retry: {max_attempts: 1}, fallback: {agent: seen-instead}}
              - {key: b, agent: seen-broken, retry: {max_attempts: 1}, fallback: {value: none}}
        """)
    )
    told = over_rest(browser, project, "a")

    assert project.state == "completed"
    assert {"by": "seen-instead", "cause": "failed"}.items() <= told["degraded"].items()
    assert told["performer"] == "seen-instead"
    assert over_rest(browser, project, "b")["degraded"]["by"] == "constant"
    told_at_a = "Degraded: agent seen-instead stands in, because the step failed: no &lt;ink&gt;."
    assert told_at_a in page(browser, project, "a")
    assert told_at_a in page(browser, project)
    assert "Degraded: a constant stands in" in page(browser, project, "b")
    assert told_at_a in in_the_admin(browser, project, "a")
    listed = browser.get(reverse("dashboard:steps", args=[project.pk])).content.decode()
    assert told_at_a in listed
    status = StringIO()
    call_command("project_status", str(project.pk), "--report", "json", stdout=status)
    assert '"degraded_steps"' in status.getvalue()
    assert json.loads(status.getvalue())["degraded_steps"][0]["by"] == "seen-instead"


def test_an_agent_that_is_named_has_it_without_a_decision(browser: Client) -> None:
    agent_that(lambda context: 1, "seen-named")
    project = drive(project_of("phases: [{key: only, steps: [{key: a, agent: seen-named}]}]"))
    told = over_rest(browser, project, "a")

    assert (told["performer"], told["agent_until"], told["degraded"]) == ("seen-named", None, None)
    assert (told["attempts"][0]["performer"], told["attempts"][0]["decision"]) == ("", None)
    assert Attempt.objects.get(step__project=project).performer == ""
    assert "seen-named" in page(browser, project, "a")
