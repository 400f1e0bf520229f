"""Steps that ask for a capability: who gets them and why, who gets them next, and what holds where nobody can."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from agents import dispatching
from agents.definition import _registered, agent, registered_agents
from agents.resilience import services as guards
from agents.services import candidates, offers, registration
from orchestrator_site.history import services as history
from projects.models import Attempt, Project, Step
from projects.services import paces
from tests.behaviour.remote import Remote, Reply, accepts, close_circuit, fails, open_circuit
from tests.builders import agent_that, drive, kinds, project_of, ready_steps, result, run, states, step

pytestmark = pytest.mark.django_db(transaction=True)

Make = Callable[..., Remote]

ONE = "phases: [{{key: p, steps: [{{key: a, capability: skill, queue: io, {}}}]}}]"
MANY = """
inputs: {type: object, required: [many], properties: {many: {type: array}}}
phases: [{key: p, steps: [{key: a, capability: skill, queue: io, for_each: inputs.many}]}]
"""
QUICKLY = "retry: {max_attempts: 3, base: 0, cap: 0}"


def one(extra: str = QUICKLY, **options: Any) -> Project:
    return project_of(ONE.format(extra), **options)


def attempts(project: Project, key: str = "a") -> list[Attempt]:
    return list(Attempt.objects.filter(step__project=project, step__key=key).order_by("number"))


def event(project: Project, kind: str) -> dict[str, Any]:
    return dict(history.events_of(project.pk).filter(kind=kind).latest("id").data)


def run_on(project: Project, seconds: float = 10.0) -> Project:
    """Drive until it is over: what is held comes back by itself."""
    until = time.monotonic() + seconds
    while not (project := drive(project)).is_over:
        assert time.monotonic() < until, states(project)
        time.sleep(0.02)
    return project


# --- who gets it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "route",
    ["round_robin", "least_loaded", "weighted", "priority", "affinity", "failover", "consistent_hash", "content"],
)
def test_each_route_gives_the_step_to_one_that_can_and_says_why(remote: Make, route: str) -> None:
    remote("old", capabilities={"skill": "1.4.0"})
    fits = [remote("first", capabilities={"skill": "2.1.0"}), remote("second", capabilities={"skill": "2.9.0"})]
    remote("other", capabilities={"another": "2.1.0"})

    project = run_on(one(f"version: '>=2,<3', route: {route}"))

    (attempt,) = attempts(project)
    assert project.state == "completed"
    assert attempt.performer in {"first", "second"}
    assert result(project, "a") == {"by": attempt.performer}
    assert sum(len(each.envelopes) for each in fits) == 1
    assert attempt.decision["strategy"] == route
    assert attempt.decision["agent"] == attempt.performer
    assert attempt.decision["reasons"]
    assert str(attempt.performer_id) == candidates.by_name(attempt.performer).id


def test_rules_over_the_parameters_choose_among_them(remote: Make) -> None:
    remote("small"), remote("large", tags=["gpu"])
    rules = "route: {strategy: content, rules: [{when: params.size > 10, tags: [gpu]}, {agents: [small]}]}"

    chosen = {size: attempts(run_on(one(f"{rules}, params: {{size: {size}}}")))[0].performer for size in (3, 30)}

    assert chosen == {3: "small", 30: "large"}


def test_a_named_agent_is_called_and_leaves_nothing_to_decide(remote: Make) -> None:
    named = remote("named")

    project = run_on(project_of("phases: [{key: p, steps: [{key: a, agent: named, params: {n: 1}}]}]"))

    (attempt,) = attempts(project)
    assert (project.state, attempt.performer, attempt.decision) == ("completed", "named", None)
    assert named.envelopes[0]["params"] == {"n": 1}


def test_a_function_of_ours_and_an_agent_outside_are_candidates_alike(remote: Make) -> None:
    remote("outside")
    agent_that(lambda context: {"by": "inside"}, "inside")

    project = run_on(project_of("phases: [{key: p, steps: [{key: a, agent: inside}]}]"))

    assert result(project, "a") == {"by": "inside"}


# --- and who gets it next --------------------------------------------------------------------------------------------


def test_after_a_failure_another_agent_gets_it_and_the_one_that_failed_is_left_out(remote: Make) -> None:
    broken, sound = remote("broken", fails, priority=9), remote("sound")

    project = run_on(one(f"route: priority, {QUICKLY}"))

    first, second = attempts(project)
    assert (first.performer, first.outcome) == ("broken", "failed")
    assert (second.performer, second.outcome) == ("sound", "completed")
    assert second.decision["left_out"]
    assert broken.keys == sound.keys
    assert project.state == "completed"


def test_who_failed_is_asked_again_where_nobody_else_is_left(remote: Make) -> None:
    answers = iter([Reply(500, {}), Reply(200, {"result": "at last"})])
    remote("only", lambda envelope: next(answers))

    project = run_on(one())

    assert [attempt.performer for attempt in attempts(project)] == ["only", "only"]
    assert result(project, "a") == "at last"


def test_who_drains_or_is_gone_gets_nothing_new(remote: Make) -> None:
    drains, gone, stays = remote("drains", priority=9), remote("gone", priority=8), remote("stays")
    registration.drain(agent="drains", actor="test")
    registration.deregister(agent="gone", actor="test")
    dispatching.reset()

    run_on(one("route: priority"))

    assert (drains.envelopes, gone.envelopes, len(stays.envelopes)) == ([], [], 1)


# --- nobody can ------------------------------------------------------------------------------------------------------


def test_with_every_circuit_open_the_step_waits_without_a_worker_and_without_an_attempt(remote: Make) -> None:
    agents = [remote("x"), remote("y")]
    for each in agents:
        open_circuit(each.name)

    project = drive(one())

    waiting = step(project, "a")
    assert (waiting.state, waiting.failures, waiting.lease_owner) == ("ready", 0, None)
    assert {attempt.outcome for attempt in attempts(project)} == {"held"}
    assert "circuit" in event(project, "step.held")["error"]["message"]

    close_circuit("x")
    project = run_on(project)
    assert (project.state, step(project, "a").failures) == ("completed", 0)
    assert len(agents[0].envelopes) == 1


def test_failures_open_a_circuit_and_it_closes_by_itself_when_the_agent_is_well_again(
    remote: Make, reachable: pytest.MonkeyPatch
) -> None:
    ill = [True]
    circuit = {"resilience": {"circuit": {"failures": 2, "pause": 2}}}  # the third attempt comes well before that
    agent = remote(
        "patient", lambda envelope: fails(envelope) if ill[0] else Reply(200, {"result": "well"}), settings=circuit
    )

    project = drive(one("retry: {max_attempts: 3, base: 0, cap: 0}"))
    assert len(agent.envelopes) == 2, "the second failure opened it, and the third attempt was held"
    assert (step(project, "a").state, step(project, "a").failures) == ("ready", 2)

    ill[0] = False
    project = run_on(project)
    assert result(project, "a") == "well"
    assert guards.standing([candidates.by_name("patient")])[candidates.by_name("patient").id].state == "closed"


def test_a_full_bulkhead_holds_the_step(remote: Make) -> None:
    agent = remote("narrow", max_concurrency=1)
    place = guards.admit(candidates.by_name("narrow"), "another project", "another worker")
    assert isinstance(place, guards.Admitted)

    project = one()
    end = run(ready_steps(project)[0])
    assert (step(project, "a").state, step(project, "a").failures, agent.envelopes) == ("ready", 0, [])
    assert not end.look, "of hundreds that find it full each would wait for the project's row"

    guards.release(place)
    assert run_on(project).state == "completed"


@pytest.mark.parametrize(("places", "sent"), [([2], 4), ([2, 1], 6), ([50], 40), ([500, 500], 40)])
def test_of_a_list_so_many_are_sent_as_its_agents_and_its_project_have_places_for_twice(
    remote: Make, monkeypatch: pytest.MonkeyPatch, places: list[int], sent: int
) -> None:
    for number, each in enumerate(places):
        remote(f"narrow-{number}", max_concurrency=each, capabilities={"skill": "1.0.0"})
    monkeypatch.setattr(paces, "pace_of", lambda _: 0.2)

    project = project_of(MANY, {"many": list(range(90))})

    assert project.steps.filter(parent__isnull=False, published_at__isnull=False).count() == sent


def test_an_agent_that_asks_to_be_left_alone_is_left_alone_for_as_long(remote: Make) -> None:
    replies = iter([Reply(429, {"title": "Later."}, {"Retry-After": "1"}), Reply(200, {"result": "now"})])
    moments: list[float] = []

    def speak(envelope: dict[str, Any]) -> Reply:
        moments.append(time.monotonic())
        return next(replies)

    remote("busy", speak)

    project = run_on(one())

    assert result(project, "a") == "now"
    assert 0.9 < moments[1] - moments[0] < 5


# --- what stands in --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fallback", "value", "by"),
    [("{agent: spare}", {"by": "spare"}, "spare"), ("{value: {n: 0}}", {"n": 0}, "constant")],
)
def test_what_stands_in_says_so_wherever_it_is_seen(remote: Make, fallback: str, value: Any, by: str) -> None:
    remote("broken", fails)
    remote("spare", capabilities={})

    project = run_on(one(f"retry: {{max_attempts: 1}}, fallback: {fallback}"))

    assert (project.state, result(project, "a")) == ("completed", value)
    mark = step(project, "a").degraded
    assert (mark["degraded"], mark["by"], mark["cause"]) == (True, by, "failed")
    assert event(project, "step.completed")["degraded"] == mark


def test_fallbacks_are_tried_in_their_order(remote: Make) -> None:
    remote("broken", fails)
    remote("also-broken", fails, capabilities={})

    project = run_on(one("retry: {max_attempts: 1}, fallback: [{agent: also-broken}, {value: 7}]"))

    assert (result(project, "a"), step(project, "a").degraded["by"]) == (7, "constant")


def test_a_fallback_that_would_answer_later_is_none_and_keeps_no_place(remote: Make) -> None:
    remote("broken", fails)
    remote("later", accepts, capabilities={})

    project = run_on(one("retry: {max_attempts: 1}, fallback: [{agent: later}, {value: 7}]"))

    assert result(project, "a") == 7
    later = candidates.by_name("later")
    assert guards.standing([later])[later.id].running == 0


def test_where_no_agent_takes_it_in_time_its_fallback_for_that_stands_in(remote: Make) -> None:
    remote("closed")
    open_circuit("closed")
    spec = "timeouts: {schedule_to_start: 0.4}, fallback: [{value: failed, causes: [failed]}, {value: nobody}]"

    project = run_on(one(spec))

    assert result(project, "a") == "nobody"
    mark = step(project, "a").degraded
    assert (mark["cause"], "within 0.4 s" in mark["why"]) == ("no_agent", True)


def test_without_one_it_fails_and_says_how_long_it_waited(remote: Make) -> None:
    remote("closed")
    open_circuit("closed")

    project = run_on(one("timeouts: {schedule_to_start: 0.3}"))

    assert project.state == "failed"
    assert step(project, "a").error["code"] == "start_timed_out"
    assert "circuit" in step(project, "a").error["message"]


# --- many at once ----------------------------------------------------------------------------------------------------

SCATTER = """
phases:
  - key: p
    steps: [{{key: a, kind: scatter, capability: skill, scatter: {}, retry: {{max_attempts: 1}}}}]
"""


def votes(remote: Make, *said: Any) -> None:
    for number, each in enumerate(said):
        remote(f"voter-{number}", lambda envelope, each=each: Reply(200, {"result": each}) if each else fails(envelope))


@pytest.mark.parametrize(
    ("scatter", "value"),
    [
        ("{aggregation: majority}", "yes"),
        ("{aggregation: first, quorum: 1}", None),
        ("{aggregation: all}", None),
    ],
)
def test_a_scatter_asks_all_and_makes_one_answer(remote: Make, scatter: str, value: Any) -> None:
    votes(remote, "yes", "yes", "no")

    project = run_on(project_of(SCATTER.format(scatter)))

    gathered = result(project, "a")
    assert project.state == "completed"
    assert gathered["complete"] or len(gathered["answered"]) >= 1
    if value is not None:
        assert gathered["value"] == value


def test_a_scatter_without_its_quorum_fails_and_a_partial_one_does_not(remote: Make) -> None:
    votes(remote, "yes", None, None)

    failed = run_on(project_of(SCATTER.format("{quorum: 2, deadline: 10}")))
    partial = run_on(project_of(SCATTER.format("{quorum: 2, deadline: 10, partial: true}")))

    assert (failed.state, step(failed, "a").error["code"]) == ("failed", "quorum_missed")
    assert partial.state == "completed", step(partial, "a").error
    assert result(partial, "a")["degraded"]


def test_each_agent_of_a_scatter_has_a_key_of_its_own(remote: Make) -> None:
    asked = [remote("one"), remote("two")]

    run_on(project_of(SCATTER.format("{}")))

    assert len({key for each in asked for key in each.keys}) == 2


def test_nobody_waits_at_a_worker(remote: Make) -> None:
    """Held steps are in nobody's hands: no message of theirs is due before their moment."""
    remote("closed")
    open_circuit("closed")
    project = drive(one())

    assert ready_steps(project) == []
    assert Step.objects.get(project=project, key="a").available_at is not None
    assert "step.held" in kinds(project)


def test_a_function_that_only_workers_have_runs_in_the_pool_that_it_names() -> None:
    for name, queue in (("elsewhere-cpu", "cpu"), ("elsewhere-io", "io")):
        agent(name, capabilities={f"{name}.do": "1.0"}, queue=queue)(lambda context: None)
        offers.offer(uuid4(), [registered_agents()[name]])
        del _registered[name]  # from here on only the worker has it
    candidates.reset()
    project = project_of(
        """
        phases:
          - key: one
            steps:
              - {key: a, agent: elsewhere-cpu}
              - {key: b, agent: elsewhere-io}
              - {key: c, capability: elsewhere-cpu.do}
              - {key: d, capability: elsewhere-io.do}
        """,
        started=False,
    )

    assert dict(project.steps.values_list("key", "pool")) == {"a": "cpu", "b": "io", "c": "cpu", "d": "io"}


def test_a_function_that_an_operator_drains_gets_nothing_new_though_a_step_names_it() -> None:
    agent_that(lambda context: "done", "leaves")
    offers.offer(uuid4(), [registered_agents()["leaves"]])
    registration.drain(agent="leaves", actor="user:olga")
    dispatching.reset()
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: leaves}]}]"))

    assert step(project, "a").state == "ready"
    assert Attempt.objects.get(step__project=project).outcome == "held"

    registration.resume(agent="leaves", actor="user:olga")
    dispatching.reset()
    Step.objects.filter(project=project).update(available_at=None)
    assert drive(project).state == "completed"
