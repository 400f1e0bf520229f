"""The last result of a project and the project's end are one commit, where nothing at all is left to be decided."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from orchestrator_site.access.actors import system_actor
from orchestrator_site.history.verifying import verify_stream
from projects import orchestrator
from projects.models import Project, Step
from projects.services import claims, control, execution, recovery
from projects.services.notifying import Bell
from projects.services.workers import this_process
from tests.behaviour.test_races_of_interventions import Aside
from tests.builders import agent_that, claim, drive, kinds, look, project_of, run, states, step
from tests.sealing import seal_everything

pytestmark = pytest.mark.django_db(transaction=True)

ONE_LEG = "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]"
SIDE_BY_SIDE = "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo}]}]"


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: 1, "echo")


def leg(project: Project, *keys: str) -> execution.LegEnd:
    """What a worker does with a leg beside which nothing stands."""
    return execution.run_leg(project.pk, [step(project, key).pk for key in keys], may_finish=True)


def test_the_last_step_ends_its_project_in_the_same_commit_and_in_the_order_of_events() -> None:
    project = project_of(ONE_LEG)

    assert leg(project, "a", "b").finished

    done = look(project)
    assert (done.state, [phase.state for phase in done.phases.all()]) == ("completed", ["completed"])
    assert done.finished_at is not None
    assert kinds(project)[-3:] == ["step.completed", "phase.completed", "project.completed"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin::text FROM history_event WHERE stream = %s ORDER BY id DESC LIMIT 3", [project.pk])
        assert len(set(cursor.fetchall())) == 1
    seal_everything()
    assert verify_stream(project.pk).ok


def test_it_says_so_to_those_who_wait() -> None:
    project = project_of(ONE_LEG)
    with Bell(project.pk) as bell:
        leg(project, "a", "b")
        assert bell.wait(5)


@pytest.mark.parametrize(
    "yaml",
    [
        "phases: [{key: one, steps: [{key: a, agent: echo}], gate: {approval: {title: Look}}}]",
        "phases: [{key: one, steps: [{key: a, agent: echo}]}, {key: two, steps: [{key: b, agent: echo}]}]",
        "phases: [{key: one, steps: [{key: a, agent: echo}, {key: w, kind: wait, wait: {for: 1h}}]}]",
        SIDE_BY_SIDE,
        "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, kind: approval, approval: {title: Look}}]}]",
        "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a], when: 'false'}]}]",
    ],
    ids=["a gate", "another phase", "a wait", "another step", "an approval", "a condition"],
)
def test_where_something_is_left_to_do_or_to_decide_the_result_lands_and_somebody_has_to_look(yaml: str) -> None:
    project = project_of(yaml)

    assert not leg(project, "a").finished

    assert states(project)["a"] == "completed"
    assert look(project).state == "running"
    assert "phase.completed" not in kinds(project)


def test_a_project_that_another_waits_for_is_ended_by_who_wakes_that_one() -> None:
    first = project_of(ONE_LEG)
    second = project_of(ONE_LEG, started=False, after=[first.pk])
    control.start(project_id=second.pk, actor=system_actor())

    assert not leg(first, "a", "b").finished
    drive(first)
    recovery.recover()

    assert look(second).state == "running"


def at_work(project: Project) -> tuple[Aside, threading.Event]:
    """A worker in the middle of the step ``a``, and what lets it go on."""
    held, going = threading.Event(), threading.Event()

    def hold(context: Any) -> int:
        held.set()
        assert going.wait(10)
        return 1

    agent_that(hold, "echo")
    worker = Aside(lambda: leg(project, "a"))
    assert held.wait(10)
    return worker, going


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_in_a_pause_or_a_cancel_the_result_counts_and_the_project_stays_as_it_was_told(verb: str) -> None:
    project = project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]")
    worker, going = at_work(project)
    getattr(control, verb)(project_id=project.pk, actor=system_actor())
    going.set()
    worker.join()

    assert not worker.outcome.finished
    assert states(project)["a"] == "completed"
    assert look(project).state == "running"


def test_what_was_added_under_the_lock_of_the_project_is_seen_by_the_end_that_waited_for_it() -> None:
    project = project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]")
    worker, going = at_work(project)
    with transaction.atomic():
        orchestrator.intervene(project, "add", definition="{key: x, agent: echo}", after="a")
        going.set()
        assert not worker.ended.wait(0.5), "the end went on beside an intervention that was not committed"
    worker.join()
    drive(project, steps=0)  # as its task does, and whoever changed the plan: which of them is first nobody knows

    assert not worker.outcome.finished
    assert states(project) == {"a": "completed", "x": "ready"}
    assert look(project).state == "running"


def test_a_result_that_comes_after_its_lease_ends_nothing_and_is_written_down_as_late() -> None:
    project = project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]")
    mine = claim(step(project, "a"))
    assert mine is not None
    Step.objects.filter(pk=mine.id).update(attempt=mine.attempt + 1)  # another has it by now

    committed = claims.finish([execution.Outcome(mine, "1", 0, 0, 0.0)], this_process())

    assert (committed.landed, committed.finished) == (frozenset(), frozenset())
    assert look(project).state == "running"


def test_two_that_end_together_leave_the_end_to_whoever_is_last() -> None:
    project = project_of(SIDE_BY_SIDE)
    first, second = claim(step(project, "a")), claim(step(project, "b"))
    assert first is not None
    assert second is not None
    ends = [execution.Outcome(each, "1", 0, 0, 0.0) for each in (first, second)]

    others = [Aside(lambda end=end: claims.finish([end], this_process())) for end in ends]  # type: ignore[misc]
    for other in others:
        other.join()

    assert sorted(len(other.outcome.finished) for other in others) == [0, 1]
    assert look(project).state == "completed"
    assert kinds(project).count("project.completed") == 1


def test_a_list_ends_by_those_who_count_its_items() -> None:
    project = project_of(
        """
        phases:
          - key: one
            steps: [{key: l, agent: items}, {key: each, agent: echo, needs: [l], for_each: results.l}]
        """
    )
    agent_that(lambda context: [1], "items")
    run(step(project, "l"))
    drive(project, steps=0)

    assert not leg(project, "each[0]").finished
    assert drive(project).state == "completed"


def test_a_result_that_the_database_cannot_hold_fails_the_step_and_ends_nothing() -> None:
    agent_that(lambda context: "nul \x00", "echo")
    project = project_of("phases: [{key: one, steps: [{key: a, agent: echo, retry: {max_attempts: 1}}]}]")

    end = leg(project, "a")

    assert (end.finished, end.look) == (False, True)
    assert states(project)["a"] == "failed"
    assert "cannot be stored" in step(project, "a").error["message"]
    assert drive(project).state == "failed"
