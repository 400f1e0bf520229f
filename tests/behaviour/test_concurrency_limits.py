"""At most so many steps of a key run at once, in all projects; whose turn it is goes by priority, then by age."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestrator_site.access.actors import system_actor
from projects.errors import ConcurrencyKeyEmpty
from projects.models import Project, Step, Timer
from projects.services import control, guards, turns
from projects.services.attempts import Claim
from projects.services.progressing import progress
from projects.services.recovery import recover
from tests.builders import agent_that, claim, do, drive, project_of, result, states, step

pytestmark = pytest.mark.django_db(transaction=True)

CALL = """
inputs: {type: object, properties: {tenant: {type: string, default: acme}}}
phases:
  - key: one
    steps: [{key: call, agent: caller, concurrency: {key: "${inputs.tenant}", limit: 1}}]
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("n"), "caller")


def begun(**options: Any) -> Project:
    return drive(project_of(CALL, **options), steps=0)


def claims(project: Project, key: str = "call") -> Claim | None:
    return claim(step(project, key))


def ends(claim: Claim) -> None:
    do(claim)


def was_sent_for(project: Project) -> bool:
    here = step(project, "call")
    return here.available_at is None and Timer.objects.filter(step=here).exists()


def test_the_second_waits_until_the_first_has_ended_and_is_then_sent_for() -> None:
    first, second, third = begun(), begun(), begun()
    running = claims(first)
    assert running is not None
    assert claims(second) is None
    assert claims(third) is None

    ends(running)

    assert was_sent_for(second)
    assert not was_sent_for(third), "one place was free, and one was sent for"
    assert claims(third) is None, "the place is kept for the second"
    assert claims(second) is not None


def test_keys_do_not_hinder_one_another() -> None:
    acme, zenith = begun(), begun(inputs={"tenant": "zenith"})

    assert claims(acme) is not None
    assert claims(zenith) is not None


def test_a_newcomer_does_not_take_the_place_that_is_kept_for_who_waited() -> None:
    first, second = begun(), begun()
    running = claims(first)
    assert running is not None
    claims(second)
    ends(running)
    newcomer = begun()

    assert claims(newcomer) is None
    assert claims(second) is not None


def test_the_priority_of_the_project_decides_who_is_next_and_then_who_has_waited_longest() -> None:
    first = begun()
    running = claims(first)
    waiting = [begun(priority=priority) for priority in ("low", "normal", "critical", "high", "critical")]
    for project in waiting:
        assert claims(project) is None
    order = []
    for _ in waiting:
        assert running is not None
        ends(running)
        [sent] = [project for project in waiting if was_sent_for(project)]
        order.append(waiting.index(sent))
        running = claims(sent)

    assert order == [2, 4, 3, 1, 0]


def test_a_failed_attempt_and_a_lost_one_hand_the_place_over_too() -> None:
    first, second = begun(), begun()
    claims(first)
    claims(second)
    Step.objects.filter(state="running").update(lease_until=Now() - timedelta(seconds=1))

    recover()

    assert was_sent_for(second)
    assert claims(second) is not None


def test_a_paused_project_is_not_given_the_place() -> None:
    first, held, free = begun(), begun(), begun()
    running = claims(first)
    assert running is not None
    claims(held)
    claims(free)
    control.pause(project_id=held.pk, actor=system_actor())

    ends(running)

    assert not was_sent_for(held)
    assert was_sent_for(free)


def test_who_was_sent_for_and_does_not_come_loses_the_place_but_may_still_come() -> None:
    first, absent, other = begun(), begun(), begun()
    running = claims(first)
    assert running is not None
    claims(absent)
    claims(other)
    ends(running)
    assert was_sent_for(absent)

    past = Now() - timedelta(seconds=1)
    Timer.objects.filter(project=absent).update(due_at=past)
    recover()
    Timer.objects.update(due_at=past)
    Step.objects.filter(project=other, state="ready").update(available_at=past)
    recover()

    assert was_sent_for(other)
    running = claims(other)
    assert running is not None
    assert claims(absent) is None
    ends(running)
    assert claims(absent) is not None


def test_a_list_keeps_to_the_limit_and_comes_to_its_end() -> None:
    most = 0
    running: set[str] = set()

    def watch(context: Any) -> int:
        nonlocal most
        most = max(most, Step.objects.filter(state="running", concurrency_key="acme").count())
        running.add(context.step_key)
        return context.params["n"]

    agent_that(watch, "watcher")
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - key: calls
                    agent: watcher
                    for_each: "[1, 2, 3, 4, 5]"
                    params: {n: "${item}"}
                    concurrency: {key: acme, limit: 2}
                  - {key: sum, agent: caller, needs: [calls], params: {n: "${results.calls}"}}
            """
        )
    )

    assert project.state == "completed"
    assert result(project, "sum") == [1, 2, 3, 4, 5]
    assert most <= 2
    assert len(running) == 5


def test_of_a_list_no_more_stand_aside_than_the_window_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - key: calls
                    agent: caller
                    for_each: "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]"
                    max_parallel: 4
                    concurrency: {key: acme, limit: 1}
            """
        ),
        steps=0,
    )
    from projects.services import advancing

    held = []
    for _ in range(5):
        for item in Step.objects.filter(project=project, state="ready", published_at__isnull=False):
            held.append(claim(item))
        advancing.advance(project.pk)

    assert len([each for each in held if each is not None]) == 1
    assert Timer.objects.count() == 3


def test_why_it_waits_is_said() -> None:
    first, second = begun(), begun()
    claims(first)
    claims(second)

    said = guards.why(step(second, "call")) or ""
    assert said.startswith(
        "call waits for a place: at most 1 step of the key 'acme' run at once; it is held by call of "
    )
    assert progress(project_id=second.pk).next_action.startswith(said)


def test_a_rework_keeps_the_limit() -> None:
    from projects.services.planting import plant_round

    project = begun()
    phase = step(project, "call").phase
    phase.round = 2
    phase.save()
    plant_round(project, phase)

    again = step(project, "call")
    assert (again.round, again.guarded, again.concurrency_key, again.concurrency_limit) == (2, True, "acme", 1)


def test_an_empty_key_is_refused_and_a_long_one_stays_unique() -> None:
    with pytest.raises(ConcurrencyKeyEmpty, match="call"):
        project_of(CALL, inputs={"tenant": " "})
    keys = {step(begun(inputs={"tenant": "x" * 300 + end}), "call").concurrency_key for end in "ab"}
    assert len(keys) == 2
    assert all(len(key) <= 200 for key in keys)


def test_a_step_that_waits_for_its_budget_does_not_block_its_key() -> None:
    asking = drive(
        project_of(
            """
            budgets: {cost: {soft: 0, hard: 5}}
            phases: [{key: one, steps: [{key: call, agent: caller, concurrency: {key: acme, limit: 1}}]}]
            """
        ),
        steps=0,
    )
    first, second = begun(), begun()
    running = claims(first)
    assert running is not None
    assert claims(asking) is None
    assert claims(second) is None

    ends(running)

    assert was_sent_for(second)
    assert not was_sent_for(asking)


def test_nobody_polls_the_end_sends_for_who_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    from projects.services import publishing

    monkeypatch.setattr(publishing, "_publish", lambda signatures, steps: sent.append(list(steps)))
    first, second = begun(), begun()
    running = claims(first)
    assert running is not None
    claims(second)
    sent.clear()

    ends(running)

    assert sent == [[step(second, "call").pk]]
    assert states(second) == {"call": "ready"}
    assert turns.look_again() == 0
