"""NUL and half a surrogate pair, which no database keeps: replaced in what is said, refused in what counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agents.errors import PermanentFailure
from agents.usage import CallUsage
from orchestrator_site.access.actors import system_actor
from orchestrator_site.conf import conf
from orchestrator_site.errors import InvalidInput
from projects import orchestrator
from projects.errors import AttemptOver
from projects.models import Attempt, Project
from projects.services import (
    advancing,
    answers,
    approvals,
    batching,
    control,
    execution,
    failing,
    paces,
    schedules,
    signals,
)
from tests.behaviour.remote import Remote, Reply, accepts
from tests.builders import (
    agent_that,
    approver,
    drive,
    kinds,
    open_approval,
    project_of,
    ready_steps,
    result,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

UNKEPT = pytest.mark.parametrize("unkept", ["bad \0 byte", "half \ud83d of it"])
ONE = "phases: [{{key: p, steps: [{{key: a, agent: {}, retry: {{max_attempts: 1}}{}}}]}}]"
LIST = """
phases:
  - key: p
    steps:
      - {key: list, agent: numbers}
      - {key: each, agent: picky, for_each: results.list, params: {x: "${item}"}, retry: {max_attempts: 1},
         on_failure: continue}
"""


class Speechless(Exception):
    """An error that fails to say what it is."""

    def __str__(self) -> str:
        raise ValueError("nothing to say")


def agent_raising(error: Exception) -> str:
    def raises(context: Any) -> None:
        raise error

    return agent_that(raises, "raises")


@UNKEPT
@pytest.mark.parametrize("sort", [ValueError, PermanentFailure])
def test_what_an_agent_raises_is_kept_without_it(unkept: str, sort: type[Exception]) -> None:
    project = drive(project_of(ONE.format(agent_raising(sort(unkept)), "")))

    error = step(project, "a").error
    assert project.state == "failed"
    assert error["message"] == unkept.replace("\0", "\ufffd").replace("\ud83d", "\ufffd")


def test_an_error_that_says_nothing_is_known_by_its_type() -> None:
    project = drive(project_of(ONE.format(agent_raising(Speechless()), "")))

    assert (project.state, step(project, "a").error["message"]) == ("failed", "Speechless")


@UNKEPT
def test_its_fallback_stands_in_and_says_why(unkept: str) -> None:
    project = drive(project_of(ONE.format(agent_raising(ValueError(unkept)), ", fallback: {value: 1}")))

    assert (project.state, result(project, "a")) == ("completed", 1)
    assert "\ufffd" in step(project, "a").degraded["why"]


def test_of_a_list_it_takes_no_others_with_it(sent: list[Any]) -> None:
    asked = []

    def picky(context: Any) -> int:
        asked.append(context.params["x"])
        if context.params["x"] == 3:
            raise ValueError("bad \0 byte")
        return 1

    agent_that(lambda context: list(range(8)), "numbers")
    agent_that(picky, "picky")
    paces.forget()
    project = project_of(LIST)
    execution.run_leg(project.pk, [step(project, "list").pk])
    advancing.advance(project.pk)

    batching.run_packed(project.pk, [each.pk for each in ready_steps(project)])

    assert sorted(asked) == list(range(8))
    assert [key for key, state in states(project).items() if state == "failed"] == ["each[3]"]


def test_what_cannot_be_written_down_in_spite_of_all_ends_the_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing, "describe", lambda error: {"code": "odd", "message": "\0", "type": "Odd"})
    project = drive(project_of(ONE.format(agent_raising(ValueError("odd")), "").replace("attempts: 1", "attempts: 5")))

    assert (project.state, step(project, "a").error["code"]) == ("failed", "error_unwritable")
    assert Attempt.objects.get(step=step(project, "a")).outcome == "failed"


def test_use_that_no_column_holds_ends_the_attempt() -> None:
    def boasts(context: Any) -> None:
        context.record_usage(tokens_in=10**30)
        raise ValueError("and then fails")

    project = project_of(
        ONE.format(agent_that(boasts, "boasts"), "").replace("phases:", "budgets: {tokens: {hard: 9}}\nphases:")
    )

    assert drive(project).state == "failed"
    assert Attempt.objects.get(step=step(project, "a")).outcome == "failed"


def test_a_fallback_for_which_nothing_can_be_evaluated_is_not_asked() -> None:
    agent_that(lambda context: {}, "empty")
    agent_that(lambda context: 1, "spare")
    project = project_of(
        """
        phases:
          - key: p
            steps:
              - {key: none, agent: empty}
              - {key: a, agent: empty, needs: [none], params: {x: "${results.none.x}"}, fallback: {agent: spare}}
        """
    )

    assert drive(project, steps=5).state == "failed"
    assert step(project, "a").error["code"] == "expression_failed"


@UNKEPT
def test_progress_is_kept_without_it_and_events_are_refused(unkept: str) -> None:
    def talks(context: Any) -> None:
        context.heartbeat({"at": unkept, unkept: [unkept]})
        context.emit("said", {"text": unkept})

    project = drive(project_of(ONE.format(agent_that(talks, "talks"), "")))

    assert "\ufffd" in Attempt.objects.get(step=step(project, "a")).details["at"]
    assert step(project, "a").error["code"] == "event_not_storable"


@UNKEPT
@pytest.mark.parametrize("size", [1, 100_000])
def test_a_result_with_it_is_refused_whatever_its_size(unkept: str, size: int) -> None:
    project = drive(project_of(ONE.format(agent_that(lambda context: unkept * size, "speaks"), "")))

    assert size == 1 or len(unkept * size) > conf().result_inline_bytes
    assert (project.state, step(project, "a").error["code"]) == ("failed", "result_unusable")


@pytest.mark.parametrize("text", ["\\u0000", "C:\\ud83d", "\U0001f600\u00e9" * 50_000, "\\\U0001f600" * 50_000])
def test_what_only_looks_like_it_is_kept(text: str) -> None:
    project = drive(project_of(ONE.format(agent_that(lambda context: text, "speaks"), "")))

    assert (project.state, result(project, "a")) == ("completed", text)


@UNKEPT
def test_an_answer_that_comes_later_with_it_fails_the_attempt_at_once(
    remote: Callable[..., Remote], unkept: str
) -> None:
    agent = remote("later", accepts)
    project = drive(project_of(ONE.format("later, queue: io", "")))
    answers.heartbeat(agent.token, details={"at": unkept})
    assert "\ufffd" in Attempt.objects.get(step=step(project, "a")).details["at"]

    with pytest.raises(InvalidInput, match="cannot be kept"):
        answers.complete(agent.token, {"text": unkept}, CallUsage(1, 1, 0))

    assert (states(project), step(project, "a").error["code"]) == ({"a": "failed"}, "result_unusable")
    with pytest.raises(AttemptOver):
        answers.complete(agent.token, 1, CallUsage())


@UNKEPT
def test_a_failure_told_later_or_by_a_problem_is_kept_without_it(remote: Callable[..., Remote], unkept: str) -> None:
    agent = remote("later", accepts)
    remote("refuses", lambda envelope: Reply(422, {"title": unkept}, {"Content-Type": "application/problem+json"}))
    told = drive(project_of(ONE.format("later, queue: io", "")))
    answers.fail(agent.token, unkept, retryable=False)
    refused = drive(project_of(ONE.format("refuses, queue: io", "")), steps=2)

    assert "\ufffd" in step(told, "a").error["message"]
    assert states(refused) == {"a": "failed"}


BY_PYTHON: dict[str, Callable[[Project, str], Any]] = {
    "a title": lambda project, text: project_of(ONE.format("echo", ""), title=text),
    "an intent": lambda project, text: project_of(ONE.format("echo", ""), intent=text),
    "a key": lambda project, text: project_of(ONE.format("echo", ""), key=text),
    "inputs": lambda project, text: project_of(
        "inputs: {type: object}\n" + ONE.format("echo", ""), inputs={"x": [text]}
    ),
    "a schedule": lambda project, text: schedules.create(
        name=text, blueprint=project.blueprint.name, crontab="0 0 * * *", actor=system_actor()
    ),
    "a pause": lambda project, text: control.pause(project_id=project.pk, actor=system_actor(), reason=text),
    "a cancel": lambda project, text: control.cancel(project_id=project.pk, actor=system_actor(), reason=text),
    "a change": lambda project, text: orchestrator.intervene(project, "skip", "a", reason=text),
    "a result": lambda project, text: orchestrator.intervene(project, "skip", "a", result=text),
    "a checkpoint": lambda project, text: orchestrator.checkpoint(project, text),
    "going back": lambda project, text: orchestrator.restore(project, 1, reason=text),
}


@UNKEPT
@pytest.mark.parametrize("what", BY_PYTHON)
def test_who_gives_it_by_python_is_told_so_and_nothing_is_changed(unkept: str, what: str, sent: list[Any]) -> None:
    agent_that(lambda context: 1, "echo")
    project = project_of(ONE.format("echo", ""))
    before = (Project.objects.count(), kinds(project), states(project))

    with pytest.raises(InvalidInput):
        BY_PYTHON[what](project, unkept)

    assert (Project.objects.count(), kinds(project), states(project)) == before


@UNKEPT
def test_signals_and_decisions_with_it_are_refused(unkept: str) -> None:
    project: Project = drive(
        project_of("phases: [{key: p, steps: [{key: q, kind: approval, approval: {title: May we?}}]}]")
    )
    asked, anna = open_approval(project), approver()
    events = len(kinds(project))

    for given in ({"payload": {"x": [unkept]}}, {"payload": {unkept: 1}}, {"key": unkept}):
        with pytest.raises(InvalidInput):
            signals.send(project_id=project.pk, name="go", actor=system_actor(), **given)
    for verdict in ("approve", "reject"):
        with pytest.raises(InvalidInput):
            approvals.decide(approval_id=asked.pk, user=anna, verdict=verdict, comment=unkept, via="test")

    assert open_approval(project) == asked
    assert len(kinds(project)) == events
    assert signals.send(project_id=project.pk, name="go", actor=system_actor(), payload="\\u0000 is none").is_new
