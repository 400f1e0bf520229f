"""Work that is called off while an agent is at it: it says nothing of the agent, and nobody stands in."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from agents.resilience import services as guards
from agents.resilience.states import CircuitState
from agents.services import candidates, noting
from agents.services.statistics import statistics_of
from orchestrator_site.access.actors import system_actor
from projects.models import Attempt, Project
from projects.services import control
from tests.behaviour.remote import Remote, Reply
from tests.builders import agent_that, drive, look, project_of, states

pytestmark = pytest.mark.django_db(transaction=True)

ASKS = """
phases:
  - key: p
    steps:
      - {key: a, capability: skill, queue: io, retry: {max_attempts: 1}, fallback: {agent: second}}
"""


@pytest.mark.parametrize("force", [False, True])
def test_a_cancelled_call_is_no_failure_of_the_agent_and_its_fallback_is_not_asked(
    force: bool, remote: Callable[..., Remote]
) -> None:
    asked: list[str] = []
    hung_up = threading.Event()

    def cancels(_envelope: dict[str, Any]) -> Reply:
        control.cancel(project_id=Project.objects.get().pk, actor=system_actor(), force=force)
        connection.close()
        hung_up.wait(10)
        return Reply(200, {"result": 1})

    agent_that(lambda context: asked.append(context.step_key), "second")
    remote("only", cancels, settings={"resilience": {"circuit": {"failures": 1}}})
    project = drive(project_of(ASKS))
    hung_up.set()

    assert (look(project).state, states(project)) == ("cancelled", {"a": "cancelled"})
    assert [attempt.outcome for attempt in Attempt.objects.filter(step__project=project)] == ["cancelled"]
    assert asked == []
    agent = candidates.by_name("only")
    assert guards.standing([agent])[agent.id].state is CircuitState.CLOSED
    noting.give()
    [how_it_works] = statistics_of([uuid.UUID(agent.id)]).values()
    assert how_it_works.calls == 0, "nothing is known of it"
