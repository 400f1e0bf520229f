"""Steps that ask for a capability: who gets them by rules, by key and by place, and what the attempt keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents.definition import _registered, agent
from agents.services import offers
from orchestrator_site import clock
from projects.models import Attempt
from tests.builders import drive, project_of, result, step

pytestmark = pytest.mark.django_db
WRITES = {"choosing.write": "1.0.0"}


@pytest.fixture(autouse=True)
def writers() -> Iterator[None]:
    """Two agents that can write, offered by a worker."""
    for name in ("choosing-quick", "choosing-large"):
        able(name, lambda context, name=name: {"by": name, "length": context.params.get("length")})
    yield
    for name in ("choosing-quick", "choosing-large"):
        _registered.pop(name, None)


def able(name: str, function: Callable[[Any], Any]) -> None:
    _registered.pop(name, None)
    agent(name, capabilities=WRITES)(function)
    offers.offer(clock.new_id(), [_registered[name]])


def asking(route: str) -> str:
    return f"""
    inputs: {{type: object, properties: {{length: {{type: integer, default: 3}}}}}}
    phases:
      - key: only
        steps:
          - key: text
            capability: choosing.write
            params: {{length: "${{inputs.length}}"}}
            route: {route}
            retry: {{max_attempts: 1}}
    """


RULES = """{strategy: content, rules: [
              {name: long texts, when: params.length > 10, agents: [choosing-large]},
              {name: others, agents: [choosing-quick]}]}"""


@pytest.mark.parametrize(
    ("length", "by", "rule"), [(50, "choosing-large", "long texts"), (3, "choosing-quick", "others")]
)
def test_a_rule_over_the_parameters_says_who_gets_the_step(length: int, by: str, rule: str) -> None:
    project = drive(project_of(asking(RULES), {"length": length}))

    assert result(project, "text") == {"by": by, "length": length}
    attempt = Attempt.objects.get(step=step(project, "text"))
    assert attempt.performer == by
    assert any(f"rule {rule!r} holds" in reason["text"] for reason in attempt.decision["reasons"])  # type: ignore[index]


def test_a_key_goes_to_the_same_agent_each_time() -> None:
    route = '{strategy: affinity, key: "of length ${inputs.length}"}'
    by = {result(drive(project_of(asking(route))), "text")["by"] for _ in range(6)}

    assert len(by) == 1


def test_where_the_work_comes_from_is_said_by_templates() -> None:
    project = drive(project_of(asking('{near: {region: "eu-${inputs.length}"}}')))

    assert result(project, "text")["length"] == 3
