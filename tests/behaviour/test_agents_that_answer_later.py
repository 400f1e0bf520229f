"""Agents that take work with 202: the attempt is theirs until they bring it, fall silent, or it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from agents import dispatching
from agents.resilience import services as guards
from agents.services import candidates, registration
from agents.services.expiry import tell
from agents.usage import CallUsage
from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.errors import AttemptOver
from projects.models import Attempt, Project, Step
from projects.services import answers, control, performing, recovery
from tests.behaviour.remote import Remote, Reply, accepts
from tests.builders import agent_that, drive, kinds, project_of, result, states, step

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., Remote]

LATER = """
phases:
  - key: p
    steps:
      - {{key: a, agent: later, queue: io, retry: {{max_attempts: 2, base: 0, cap: 0}}{}}}
      - {{key: b, agent: after, needs: [a]}}
"""


@pytest.fixture(autouse=True)
def after() -> None:
    agent_that(lambda context: context.results["a"], "after")


@pytest.fixture
def later(remote: Make) -> Remote:
    return remote("later", accepts, max_concurrency=1)


def begun(extra: str = "") -> Project:
    """A project whose first step is with the agent."""
    return drive(project_of(LATER.format(extra)))


def taken_again(project: Project, seconds: float = 15.0) -> Project:
    """Drive until the agent has the step, or all is over: after a failure it is asked less often for a while."""
    until = time.monotonic() + seconds
    while not (project := drive(project)).is_over and step(project, "a").state != "running":
        assert time.monotonic() < until, states(project)
        time.sleep(0.02)
    return project


def attempt(project: Project, number: int = 1) -> Attempt:
    return Attempt.objects.get(step__project=project, step__key="a", number=number)


def lease_of(project: Project) -> datetime:
    until = step(project, "a").lease_until
    assert until is not None
    return until


def error_of(project: Project) -> dict[str, Any]:
    return dict(step(project, "a").error or {})


def running(name: str = "later") -> int:
    """How many places of the agent are taken, asked anew."""
    guards.close_desk()
    agent = candidates.by_name(name)
    return guards.standing([agent])[agent.id].running


def falls_silent(project: Project) -> None:
    Step.objects.filter(project=project, key="a").update(lease_until=F("lease_until") - timedelta(seconds=31))
    recovery.recover()


# --- the way it should go --------------------------------------------------------------------------------------------


def test_the_attempt_is_left_to_the_agent_and_the_worker_is_free(later: Remote) -> None:
    project = begun()

    waiting = step(project, "a")
    assert waiting.state == "running"
    assert str(waiting.lease_owner) == candidates.by_name("later").id
    assert (attempt(project).performer, attempt(project).outcome) == ("later", "running")
    assert "step.accepted" in kinds(project)


def test_what_it_brings_is_committed_once_with_what_it_used(later: Remote) -> None:
    project = begun()

    answers.complete(later.token, {"n": 1}, CallUsage(10, 5, 0.25))

    project = drive(project)
    assert (project.state, result(project, "b")) == ("completed", {"n": 1})
    made = attempt(project)
    assert (made.outcome, made.tokens_in, made.tokens_out, float(made.cost)) == ("completed", 10, 5, 0.25)
    event = history.events_of(project.pk).get(kind="step.completed", subject="a")
    assert event.actor == "agent:later"

    with pytest.raises(AttemptOver):
        answers.complete(later.token, {"n": 2}, CallUsage())
    assert result(project, "a") == {"n": 1}
    assert kinds(project).count("step.completed") == 2


def test_two_answers_at_once_are_one(later: Remote) -> None:
    project = begun()
    refused: list[AttemptOver] = []
    together = threading.Barrier(4)

    def bring(n: int) -> None:
        together.wait(10)
        try:
            answers.complete(later.token, n, CallUsage())
        except AttemptOver as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=bring, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(refused) == 3
    assert step(project, "a").state == "completed"


def test_heartbeats_keep_the_lease_and_what_the_agent_says(later: Remote) -> None:
    project = begun()
    before = lease_of(project)

    heard = answers.heartbeat(later.token, details={"half": True}, within=120)

    assert heard.until == lease_of(project) > before + timedelta(seconds=60)
    assert (heard.cancelled, attempt(project).details) == (False, {"half": True})


def test_the_step_bounds_how_long_the_agent_may_be_silent(later: Remote) -> None:
    project = begun(", timeouts: {heartbeat: 5}")
    left = (lease_of(project) - attempt(project).started_at).total_seconds()
    assert left < 7

    heard = answers.heartbeat(later.token, within=600)
    assert (heard.until - attempt(project).started_at).total_seconds() < 10


def test_an_answer_may_come_before_the_worker_has_heard_that_it_would(remote: Make) -> None:
    def speak(envelope: dict[str, Any]) -> Reply:
        answers.heartbeat(envelope["lease_token"])
        answers.complete(envelope["lease_token"], "quick", CallUsage())
        connection.close()  # this thread's own
        return accepts(envelope)

    remote("later", speak, max_concurrency=1)

    project = begun()

    assert (project.state, result(project, "a")) == ("completed", "quick")
    assert running() == 0


def test_what_it_could_not_do_is_tried_again(later: Remote) -> None:
    project = begun()

    answers.fail(later.token, "The model was not loaded.")

    assert (attempt(project).outcome, (attempt(project).error or {})["message"]) == (
        "failed",
        "The model was not loaded.",
    )
    drive(project)
    assert (len(later.envelopes), later.envelopes[1]["attempt"]) == (2, 2)
    assert len(set(later.keys)) == 1
    answers.complete(later.token, "done", CallUsage())
    assert drive(project).state == "completed"


def test_what_it_will_never_do_fails_the_step(later: Remote) -> None:
    project = begun()

    answers.fail(later.token, "No such customer.", retryable=False)

    assert drive(project).state == "failed"
    assert error_of(project)["message"] == "No such customer."


# --- silence ---------------------------------------------------------------------------------------------------------


def test_who_is_silent_is_timed_out_and_another_attempt_is_made(later: Remote) -> None:
    project = begun()
    late = later.token

    falls_silent(project)

    assert attempt(project).outcome == "timed_out"
    taken_again(project)
    assert (len(later.envelopes), step(project, "a").failures) == (2, 1)

    with pytest.raises(AttemptOver):
        answers.complete(late, "too late", CallUsage())
    with pytest.raises(AttemptOver):
        answers.complete(late, "too late", CallUsage())
    with pytest.raises(AttemptOver):
        answers.heartbeat(late)
    assert kinds(project).count("step.late_result") == 1, "it is noted, and not as often as the agent repeats it"
    assert step(project, "a").state == "running"


def test_the_last_silence_fails_the_step(later: Remote) -> None:
    project = begun()
    for _ in range(2):
        falls_silent(project)
        project = taken_again(project)

    assert project.state == "failed"
    assert error_of(project)["code"] == "agent_timed_out"


@pytest.mark.parametrize("fallback", ["{value: instead}", "{agent: spare}"])
@pytest.mark.parametrize("by", ["failing", "silence"])
def test_after_the_last_failure_its_fallback_stands_in(remote: Make, later: Remote, fallback: str, by: str) -> None:
    remote("spare", lambda envelope: Reply(200, {"result": "instead"}), capabilities={})
    project = begun(f", fallback: {fallback}")
    for _ in range(2):
        if by == "failing":
            answers.fail(later.token, "It broke.")
        else:
            falls_silent(project)
        project = taken_again(project)

    assert (project.state, result(project, "a")) == ("completed", "instead")
    assert (step(project, "a").degraded or {})["cause"] == ("failed" if by == "failing" else "timed_out")
    assert len(later.envelopes) == 2, "the agent was not asked once more"


# --- the project is held, or ends ------------------------------------------------------------------------------------


def test_a_pause_lets_the_agent_finish_and_keeps_what_it_brings(later: Remote) -> None:
    project = begun()
    control.pause(project_id=project.pk, actor=system_actor())

    answers.heartbeat(later.token)
    answers.complete(later.token, "done", CallUsage())

    assert states(project) == {"a": "completed", "b": "pending"}
    control.resume(project_id=project.pk, actor=system_actor())
    assert drive(project).state == "completed"


def test_a_cancelled_project_tells_the_agent_with_its_next_heartbeat(later: Remote) -> None:
    project = begun()
    control.cancel(project_id=project.pk, actor=system_actor())

    assert answers.heartbeat(later.token).cancelled
    answers.fail(later.token, "I stop.")

    assert drive(project).state == "cancelled"
    assert running() == 0


def test_a_cancelled_project_waits_no_longer_than_the_agent_may_be_silent(later: Remote) -> None:
    project = begun()
    control.cancel(project_id=project.pk, actor=system_actor())

    falls_silent(project)

    assert drive(project).state == "cancelled"
    assert running() == 0


def test_the_steps_of_an_agent_that_is_gone_are_taken_back_at_once(later: Remote, remote: Make) -> None:
    project = drive(project_of(LATER.format("").replace("agent: later", "capability: skill")))
    assert attempt(project).performer == "later"
    other = remote("other")

    registration.deregister(agent="later", actor="test")
    tell()
    dispatching.reset()

    waiting = step(project, "a")
    assert (waiting.state, waiting.failures) in {("ready", 0), ("completed", 0)}
    project = drive(project)
    assert (project.state, result(project, "a"), len(other.envelopes)) == ("completed", {"by": "other"}, 1)
    assert attempt(project).outcome == "lost"


# --- its place -------------------------------------------------------------------------------------------------------


def test_the_agent_keeps_its_place_until_the_attempt_is_over(later: Remote) -> None:
    first, second = begun(), begun()

    assert running() == 1
    assert (len(later.envelopes), step(second, "a").failures) == (1, 0)
    assert attempt(second).outcome == "held"

    answers.complete(later.token, 1, CallUsage())
    assert running() == 0
    until = time.monotonic() + 10
    while len(later.envelopes) < 2:
        assert time.monotonic() < until
        drive(second)
        time.sleep(0.02)
    assert drive(first).state == "completed"


@pytest.mark.parametrize("end", ["complete", "fail", "silence", "forced cancel"])
def test_however_it_ends_the_place_is_given_back_by_whichever_process(later: Remote, end: str) -> None:
    project = begun()
    assert running() == 1  # the desk that admitted it is closed: what follows is another process

    if end == "complete":
        answers.complete(later.token, 1, CallUsage())
    elif end == "fail":
        answers.fail(later.token, "No.", retryable=False)
    elif end == "silence":
        falls_silent(project)
    else:
        control.cancel(project_id=project.pk, actor=system_actor(), force=True)

    assert running() == 0


def test_the_place_lasts_until_the_agent_is_to_be_heard_of(remote: Make) -> None:
    short = remote("later", lambda envelope: Reply(202, {"within": 0.4}), max_concurrency=1)
    begun()
    agent = candidates.by_name("later")

    (place,) = guards.describe(agent.id)["places"]
    assert 0 < place["lease_ends_in"] <= 0.4
    guards.renew()  # this worker has nothing to do with it any more
    (place,) = guards.describe(agent.id)["places"]
    assert place["lease_ends_in"] <= 0.4

    answers.heartbeat(short.token, within=50)
    (place,) = guards.describe(agent.id)["places"]
    assert 40 < place["lease_ends_in"] <= 50


def test_failures_that_are_said_later_open_the_circuit_too(remote: Make) -> None:
    circuit = {"resilience": {"circuit": {"failures": 2, "pause": 60}}}
    later = remote("later", accepts, settings=circuit)
    project = begun()
    answers.fail(later.token, "It broke.")
    drive(project)
    falls_silent(project)

    agent = candidates.by_name("later")
    guards.close_desk()
    assert guards.standing([agent])[agent.id].open


def test_a_probe_that_is_taken_with_202_closes_the_circuit(remote: Make) -> None:
    circuit = {"resilience": {"circuit": {"failures": 1, "pause": 0.2, "longest_pause": 1}}}
    replies = iter([Reply(500, {}), Reply(202, {"within": 30})])
    remote("later", lambda envelope: next(replies), settings=circuit)

    project = begun()
    until = time.monotonic() + 10
    while step(project, "a").state != "running":
        assert time.monotonic() < until
        drive(project)
        time.sleep(0.02)

    guards.close_desk()
    agent = candidates.by_name("later")
    assert guards.standing([agent])[agent.id].state == "closed"


def test_a_worker_that_handles_a_202_too_late_leaves_nothing(later: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    leave = performing.leave

    def meanwhile(left: Any, claimed: Any, worker: Any) -> None:
        Step.objects.filter(pk=claimed.id).update(attempt=F("attempt") + 1)
        leave(left, claimed, worker)

    monkeypatch.setattr(performing, "leave", meanwhile)

    begun()

    assert running() == 0
