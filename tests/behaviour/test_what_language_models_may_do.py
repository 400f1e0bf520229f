"""Language models as agents of steps: what they use is booked, what they may use is bounded, and whom they may call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agents import dispatching
from agents.services import registration
from agents.transports.fake_llm import FakeLlm
from projects.models import Attempt, Budget, Project
from projects.services import calling
from tests.behaviour.remote import Remote, accepts
from tests.builders import agent_that, drive, project_of, result, step

pytestmark = pytest.mark.django_db(transaction=True)

SCHEMA = {"type": "object", "required": ["said"], "properties": {"said": {"type": "string"}}}
ASK = "phases: [{key: p, steps: [{key: a, agent: writer, params: {said: hello}, retry: {max_attempts: 1}}]}]"


@pytest.fixture
def model(reachable: pytest.MonkeyPatch) -> Iterator[Callable[..., FakeLlm]]:
    made: list[FakeLlm] = []

    def make(model: str = "fake", *, name: str = "writer", **settings: Any) -> FakeLlm:
        made.append(llm := FakeLlm().__enter__())
        given = {
            "base_url": llm.base_url,
            "model": model,
            "instructions": "Say what the data says.",
            "output_schema": SCHEMA,
            "price": {"in": 1000.0, "out": 1000.0},
            "max_tokens": 100,
            **settings,
        }
        registration.register(name=name, transport="llm", actor="test", settings=given)
        dispatching.reset()
        return llm

    yield make
    for llm in made:
        llm.close()


def spent(project: Project, measure: str) -> float:
    return float(Budget.objects.get(project=project, measure=measure).spent)


def test_what_it_used_is_on_the_attempt_and_in_the_budgets(model: Callable[..., FakeLlm]) -> None:
    model()

    project = drive(project_of(f"budgets: {{tokens: {{hard: 100000}}, cost: {{hard: 100}}}}\n{ASK}"))

    assert (project.state, result(project, "a")) == ("completed", {"said": "hello"})
    attempt = Attempt.objects.get(step__project=project)
    assert attempt.tokens_in > 0 < attempt.tokens_out
    assert spent(project, "tokens") == attempt.tokens_in + attempt.tokens_out
    assert spent(project, "cost") == pytest.approx(float(attempt.cost)) != 0


@pytest.mark.parametrize("budget", ["{tokens: {hard: 110}}", "{cost: {hard: 0.11}}"])
def test_it_is_not_asked_where_it_could_use_more_than_is_left(model: Callable[..., FakeLlm], budget: str) -> None:
    llm = model()

    project = drive(project_of(f"budgets: {budget}\n{ASK}"))

    assert (project.state, step(project, "a").error["code"]) == ("failed", "allowance_too_small")
    assert llm.requests == []


TOOL = {"agent": "aide-of-the-writer", "description": "Helps.", "parameters": SCHEMA}


def test_its_tools_are_agents_and_what_they_use_is_booked_to_the_attempt(model: Callable[..., FakeLlm]) -> None:
    seen: list[Any] = []

    def helps(context: Any) -> dict[str, Any]:
        seen.append((dict(context.params), context.step_key, context.idempotency_key))
        context.record_usage(tokens_in=1000)
        return {"said": "helped"}

    agent_that(helps, "aide-of-the-writer")
    llm = model("fake-tool", tools=[TOOL])

    project = drive(project_of(ASK))

    assert project.state == "completed"
    ((params, key, idempotency),) = seen
    assert (params, key) == ({"said": "hello"}, "a")
    assert idempotency != llm.headers[0]["idempotency-key"].rpartition("-")[0]
    assert Attempt.objects.get(step__project=project).tokens_in > 1000


def test_models_that_call_one_another_come_to_an_end(model: Callable[..., FakeLlm]) -> None:
    itself = {"agent": "writer", "parameters": SCHEMA}
    llm = model("fake-tool", tools=[itself])

    project = drive(project_of(ASK))

    assert project.state == "completed"
    assert len(llm.requests) == 2 * calling.DEEPEST


def test_a_tool_that_would_answer_later_is_an_error_that_the_model_sees(
    model: Callable[..., FakeLlm], remote: Callable[..., Remote]
) -> None:
    remote("far-aide", accepts)
    llm = model("fake-tool", tools=[{**TOOL, "agent": "far-aide"}])

    project = drive(project_of(ASK))

    assert project.state == "completed"
    assert "would answer later" in str(llm.requests[1]["messages"])
