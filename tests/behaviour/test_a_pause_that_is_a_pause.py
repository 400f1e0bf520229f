"""A pause stops every clock, reaches the projects below, says when nothing runs any more, and is undone as a whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from orchestrator_site import clock
from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.errors import RefusedInState, SelectionInvalid
from projects.models import Approval, Project, Step, Timer
from projects.models.approval import Verdict
from projects.services import advancing, approvals, batches, control, failing, timers
from projects.services.recovery import recover
from projects.services.workers import this_process
from tests.builders import (
    agent_that,
    approver,
    as_actor,
    blueprint_of,
    child_of,
    claim,
    drive,
    finish,
    kinds,
    later,
    look,
    open_approval,
    person,
    project_of,
    ready_steps,
    result,
    run,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

EVERYTHING = """
deadline: {after: 10h}
phases:
  - key: one
    steps:
      - {key: pause, kind: wait, wait: {for: 2h}}
      - {key: consent, kind: approval, approval: {title: May we?, deadline: 3h}}
      - {key: again, agent: broken, retry: {max_attempts: 2, base: 1h, cap: 1h, jitter: none}}
"""

ABOVE = "phases: [{key: one, steps: [{key: below, kind: project, project: {blueprint: child}}]}]"


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")
    agent_that(lambda context: 1 / 0, "broken")


def pause(project: Project, **options: Any) -> Project:
    return control.pause(project_id=project.pk, actor=system_actor(), **options)


def resume(project: Project) -> Project:
    return control.resume(project_id=project.pk, actor=system_actor())


def clocks(project: Project) -> dict[str, datetime]:
    """Every moment that the project waits for."""
    project = look(project)
    return {
        **{f"timer {timer.kind}": timer.due_at for timer in Timer.objects.filter(project=project)},
        "approval": open_approval(project).deadline,
        "retry": step(project, "again").available_at,
        "project": project.deadline,
    }


def passes(project: Project, seconds: float) -> None:
    """Have the pause have begun so much earlier."""
    Project.objects.filter(pk=project.pk).update(directive_since=Now() - timedelta(seconds=seconds))


# --- clocks


def test_every_clock_stands_still_in_a_pause_and_moves_by_its_length() -> None:
    project = drive(project_of(EVERYTHING))
    before = clocks(project)
    own = {"approval", "retry", "project"}
    assert set(before) == own | {f"timer {kind}" for kind in (*own, "wait")}

    pause(project)
    passes(project, 3600)
    resume(project)

    after = clocks(project)
    moved = {name: (after[name] - before[name]).total_seconds() for name in before}
    assert all(3600 <= seconds < 3605 for seconds in moved.values()), moved
    assert len(set(moved.values())) == 1, "each by the same length, to the microsecond"
    assert after["timer approval"] == after["approval"]
    assert after["timer project"] == after["project"]


def test_no_timer_of_a_paused_project_fires() -> None:
    project = drive(project_of(EVERYTHING))
    pause(project)
    Timer.objects.update(due_at="2000-01-01T00:00Z")
    Approval.objects.update(deadline="2000-01-01T00:00Z")
    Project.objects.update(deadline="2000-01-01T00:00Z")

    fired = timers.fire_due()
    recover()

    assert (fired.woken, fired.approvals, fired.projects) == (0, 0, 0)
    assert Timer.objects.count() == 4
    assert states(project)["pause"] == "waiting"


def test_who_decides_in_a_long_pause_is_in_time() -> None:
    project = drive(project_of(EVERYTHING))
    pause(project)
    passes(project, 5 * 3600)
    Approval.objects.update(deadline=Now() - timedelta(hours=2))  # three hours after the pause began

    decided = approvals.decide(
        approval_id=open_approval(project).pk, user=approver(), verdict=Verdict.APPROVE, via="test"
    )
    assert decided.state == "approved"


def test_a_retry_that_falls_due_in_a_pause_waits_its_whole_time_after_it() -> None:
    """The step failed while the project drained: the clock of the project stood still already."""
    project = drive(project_of(EVERYTHING), steps=0)
    claimed = claim(step(project, "again"))
    assert claimed is not None
    pause(project)
    passes(project, 1800)
    failing.fail(claimed, ValueError("no"), this_process().actor)
    assert step(project, "again").state == "ready"

    resume(project)

    left = (step(project, "again").available_at - now()).total_seconds()
    assert 3590 < left <= 3600
    assert abs((Timer.objects.get(kind="retry").due_at - now()).total_seconds() - left) < 1


def now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def test_a_step_that_was_taken_back_in_a_pause_is_not_late_by_its_length() -> None:
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]"), steps=0)
    assert claim(step(project, "a")) is not None
    pause(project)
    passes(project, 3600)
    Step.objects.filter(project=project).update(lease_until=Now() - timedelta(seconds=1))
    recover()
    resume(project)

    assert drive(project).state == "completed"


# --- draining


def test_a_pause_says_how_much_still_runs_and_when_nothing_does() -> None:
    steps = ", ".join(f"{{key: {key}, agent: echo}}" for key in "abc")
    project = drive(project_of(f"phases: [{{key: one, steps: [{steps}]}}]"), steps=0)
    claims = [claim(each) for each in ready_steps(project)[:2]]
    pause(project)
    assert look(project).drained_at is None
    assert history.events_of(project.pk).get(kind="project.paused").data["running"] == 2

    for claimed in claims:
        assert look(project).drained_at is None
        assert claimed is not None
        finish(claimed)
        advancing.advance(project.pk)

    assert look(project).drained_at is not None
    assert kinds(project).count("project.drained") == 1
    advancing.advance(project.pk)
    assert kinds(project).count("project.drained") == 1

    resume(project)
    assert look(project).drained_at is None
    pause(project)
    assert kinds(project).count("project.drained") == 2


def test_a_project_of_which_nothing_runs_is_drained_at_once() -> None:
    project = drive(project_of(EVERYTHING))
    assert pause(project).drained_at is not None


def test_recovery_notices_that_nothing_runs_any_more() -> None:
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]"), steps=0)
    assert claim(step(project, "a")) is not None
    pause(project)
    Step.objects.filter(project=project).update(lease_until=Now() - timedelta(seconds=1))

    recover()

    assert look(project).drained_at is not None


# --- below


@pytest.fixture
def family() -> dict[str, Project]:
    """A project, one below it, and one below that."""
    blueprint_of(
        """
        name: grandchild
        version: 1
        title: G
        phases: [{key: one, steps: [{key: rest, kind: wait, wait: {for: 1h}}, {key: work, agent: echo}]}]
        """
    )
    blueprint_of(
        """
        name: child
        version: 1
        title: C
        phases:
          - key: one
            steps:
              - {key: below, kind: project, project: {blueprint: grandchild}}
              - {key: consent, kind: approval, approval: {title: May we?, deadline: 3h}}
        """
    )
    parent = drive(project_of(ABOVE))
    child = drive(child_of(parent, "below"), steps=0)
    grandchild = drive(child_of(child, "below"), steps=0)
    return {"parent": parent, "child": child, "grandchild": grandchild}


def directives(family: dict[str, Project]) -> list[tuple[str, bool]]:
    return [(look(each).directive, look(each).held_by_parent) for each in family.values()]


def test_a_pause_and_a_resume_reach_every_project_below(family: dict[str, Project]) -> None:
    pause(family["parent"], reason="wait")
    assert directives(family) == [("pause", False), ("pause", True), ("pause", True)]
    assert claim(step(family["grandchild"], "work")) is None
    assert kinds(family["child"])[-2:] == ["project.held", "project.drained"]

    for each in family.values():
        passes(each, 600)
    before = Timer.objects.get(project=family["grandchild"]).due_at
    resume(family["parent"])

    assert directives(family) == [("run", False)] * 3
    assert 600 <= (Timer.objects.get(project=family["grandchild"]).due_at - before).total_seconds() < 605
    assert "project.released" in kinds(family["grandchild"])
    approval = Approval.objects.get()
    assert Timer.objects.get(approval=approval).due_at == approval.deadline


def test_one_that_a_person_paused_stays_paused_when_the_one_above_goes_on(family: dict[str, Project]) -> None:
    pause(family["child"])
    pause(family["parent"])
    resume(family["parent"])
    assert directives(family) == [("run", False), ("pause", False), ("pause", True)]

    resume(family["child"])
    assert directives(family) == [("run", False)] * 3


def test_one_that_is_held_may_be_paused_for_itself(family: dict[str, Project]) -> None:
    pause(family["parent"])
    pause(family["child"], reason="I am not done with it")
    with pytest.raises(RefusedInState):
        pause(family["child"])
    resume(family["parent"])

    assert directives(family) == [("run", False), ("pause", False), ("pause", True)]


def test_one_below_a_paused_project_cannot_go_on_by_itself(family: dict[str, Project]) -> None:
    pause(family["child"])
    pause(family["parent"])
    for name in ("child", "grandchild"):
        with pytest.raises(RefusedInState, match="resume that one first"):
            resume(family[name])


def test_a_project_is_drained_when_those_below_are(family: dict[str, Project]) -> None:
    claimed = claim(step(family["grandchild"], "work"))
    assert claimed is not None
    pause(family["parent"])
    assert [look(each).drained_at is None for each in family.values()] == [True, True, True]
    assert history.events_of(family["parent"].pk).get(kind="project.paused").data["running"] == 1

    finish(claimed)
    for name in ("grandchild", "child", "parent"):  # each wakes the one above
        advancing.advance(family[name].pk)
    assert [look(each).drained_at is None for each in family.values()] == [False, False, False]


@pytest.mark.parametrize("paused", [False, True])
def test_a_cancel_reaches_every_project_below_also_in_a_pause(family: dict[str, Project], paused: bool) -> None:
    if paused:
        pause(family["parent"])
    control.cancel(project_id=family["parent"].pk, actor=system_actor(), reason="enough")

    assert [look(each).state for each in family.values()] == ["cancelled"] * 3
    assert not Timer.objects.exists()
    assert Approval.objects.get().state == "cancelled"
    event = history.events_of(family["grandchild"].pk).get(kind="project.cancel_asked")
    assert event.data["because_of"] == str(family["child"].pk)


def test_a_cancelled_project_waits_for_what_runs_below(family: dict[str, Project]) -> None:
    claimed = claim(step(family["grandchild"], "work"))
    assert claimed is not None
    control.cancel(project_id=family["parent"].pk, actor=system_actor())
    assert [look(each).state for each in family.values()] == ["running"] * 3

    control.cancel(project_id=family["parent"].pk, actor=system_actor(), force=True)

    assert [look(each).state for each in family.values()] == ["cancelled"] * 3


def test_what_a_child_that_was_paused_waits_for_is_not_over(family: dict[str, Project]) -> None:
    pause(family["child"])
    recover()
    assert states(drive(family["parent"]))["below"] == "waiting"


# --- races


def _in_thread(call: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        call()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_pause_finds_the_child_that_is_being_started() -> None:
    """The pause waits for the transaction that starts the child, and holds it then."""
    blueprint_of("name: child\nversion: 1\ntitle: C\nphases: [{key: one, steps: [{key: a, agent: echo}]}]")
    project = project_of(ABOVE)
    with transaction.atomic():
        advancing.advance(project.pk)
        thread = _in_thread(lambda: pause(project))
        thread.join(0.5)
        assert thread.is_alive(), "the pause has not waited"
    thread.join(10)

    assert look(project).directive == "pause"
    child = child_of(project, "below")
    assert (child.directive, child.held_by_parent) == ("pause", True)


def test_no_child_is_started_beside_a_pause_that_is_under_way(by_messages: None) -> None:
    """``advance`` waits for the pause, and then reads it."""
    blueprint_of("name: child\nversion: 1\ntitle: C\nphases: [{key: one, steps: [{key: a, agent: echo}]}]")
    project = project_of(ABOVE)
    with transaction.atomic():
        pause(project)
        thread = _in_thread(lambda: advancing.advance(project.pk))
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(10)
    assert Project.objects.count() == 1
    assert states(project) == {"below": "pending"}

    resume(project)
    drive(project)
    assert Project.objects.count() == 2


@pytest.mark.parametrize("first", ["the child's end", "the pause"])
def test_a_child_that_ends_while_the_one_above_is_being_paused(first: str) -> None:
    blueprint_of("name: child\nversion: 1\ntitle: C\nphases: [{key: one, steps: [{key: a, agent: echo}]}]")
    project = drive(project_of(ABOVE))
    child = drive(child_of(project, "below"), steps=0)
    run(ready_steps(child)[0])
    calls: dict[str, Callable[[], Any]] = {
        "the child's end": lambda: advancing.advance(child.pk),
        "the pause": lambda: pause(project),
    }
    with transaction.atomic():
        calls.pop(first)()
        [other] = calls.values()
        thread = _in_thread(other)
        thread.join(0.3)
    thread.join(10)
    assert not thread.is_alive(), "the two wait for one another"

    advancing.advance(project.pk)
    assert states(project)["below"] == "waiting", "a paused project goes on"
    resume(project)
    drive(child)
    assert drive(project).state == "completed"
    assert look(child).state == "completed"


@pytest.mark.parametrize("attempt", range(5))
def test_pauses_resumes_and_cancels_of_a_family_at_once_never_wait_for_one_another(
    family: dict[str, Project], attempt: int
) -> None:
    def tries(verb: Callable[..., Project], name: str) -> None:
        import contextlib

        for _ in range(5):
            with contextlib.suppress(RefusedInState):
                verb(project_id=family[name].pk, actor=system_actor())
            advancing.advance(family[name].pk)

    threads = [
        _in_thread(lambda verb=verb, name=name: tries(verb, name))
        for verb in (control.pause, control.resume)
        for name in family
    ]
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()

    for name in family:
        for each in family.values():
            if look(each).held_by_parent:
                above = look(each).parent_step.project
                assert above.directive == "pause", f"{name} is held by a project that runs"
    control.cancel(project_id=family["parent"].pk, actor=system_actor())
    assert [look(each).state for each in family.values()] == ["cancelled"] * 3


# --- deadlines of projects


@pytest.mark.parametrize(
    ("otherwise", "state"), [("alert", "running"), ("fail", "failed"), ("cancel", "cancelled"), (None, "running")]
)
def test_a_project_that_is_not_over_by_its_deadline(otherwise: str | None, state: str) -> None:
    more = f", otherwise: {otherwise}" if otherwise else ""
    project = drive(
        project_of(
            f"""
            deadline: {{after: 2h{more}}}
            phases: [{{key: one, steps: [{{key: pause, kind: wait, wait: {{for: 9h}}}}]}}]
            """
        )
    )
    assert 7190 < (project.deadline - project.started_at).total_seconds() < 7210
    later(project, 7199)
    assert "project.overdue" not in kinds(project)

    later(project, 1)
    later(project, 1)
    recover()

    assert kinds(project).count("project.overdue") == 1
    assert look(project).state == state
    if state == "failed":
        assert look(project).failure_code == "overdue"
        assert "was to be over by" in look(project).failure


def test_an_overdue_project_fails_once_what_runs_has_ended() -> None:
    project = drive(
        project_of(
            """
            deadline: {after: 2h, otherwise: fail}
            phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]
            """
        ),
        steps=0,
    )
    claimed = claim(step(project, "a"))
    assert claimed is not None
    later(project, 7200)
    advancing.advance(project.pk)
    assert look(project).state == "running"

    finish(claimed)
    advancing.advance(project.pk)
    assert look(project).state == "failed"
    assert states(project) == {"a": "completed", "b": "cancelled"}


@pytest.mark.parametrize("given", ["2h", 7200, "7200"])
def test_a_deadline_may_be_given_with_the_project_and_counts_from_then(given: Any) -> None:
    first = project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]", started=False)
    project = project_of(
        "deadline: {after: 9h, otherwise: cancel}\nphases: [{key: one, steps: [{key: a, agent: echo}]}]",
        after=[first.pk],
        deadline=given,
    )
    assert 7190 < (project.deadline - project.created_at).total_seconds() < 7210
    assert Timer.objects.get(project=project).due_at == project.deadline

    later(project, 7200)
    recover()
    assert look(project).state == "cancelled"


@pytest.mark.parametrize("given", ["soon", 0, "-1h", True, "11000d"])
def test_a_deadline_that_is_none_is_refused(given: Any) -> None:
    from projects.errors import DeadlineInvalid

    with pytest.raises(DeadlineInvalid):
        project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]", deadline=given)
    assert not Project.objects.exists()


def test_a_project_that_is_over_has_no_timer() -> None:
    project = project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]", deadline="2h")
    assert Timer.objects.count() == 1
    drive(project)
    assert not Timer.objects.exists()


# --- many at once


def some(number: int, **options: Any) -> list[Project]:
    waits = "phases: [{key: one, steps: [{key: w, kind: wait, wait: {for: 1h}}]}]"
    return [drive(project_of(waits, **options)) for _ in range(number)]


def test_many_projects_are_steered_each_with_its_own_outcome() -> None:
    first, second, over = some(3)
    control.cancel(project_id=over.pk, actor=system_actor())
    pause(second)

    batch = batches.steer("pause", [over.pk, second.pk, first.pk, first.pk], actor=system_actor(), reason="all of them")

    assert [(each.id, each.done, each.code) for each in batch.outcomes] == [
        (str(first.pk), True, None),
        (str(second.pk), False, "refused_in_state"),
        (str(over.pk), False, "refused_in_state"),
    ]
    assert not batch.all_done
    assert look(first).directive == "pause"


def test_all_of_a_filter_are_steered_and_only_those_of_which_it_can_be_asked(family: dict[str, Project]) -> None:
    olga = as_actor(person("olga"))
    mine, others = some(2, actor=olga), some(1)
    pause(mine[0])

    batch = batches.steer_all("pause", actor=system_actor(), owner="olga")
    assert [each.id for each in batch.outcomes] == [str(mine[1].pk)]
    batch = batches.steer_all("resume", actor=system_actor(), owner="olga")
    assert len(batch.outcomes) == 2

    batch = batches.steer_all("pause", actor=system_actor())
    assert batch.all_done
    assert directives(family) == [("pause", False), ("pause", True), ("pause", True)]
    assert len(batch.outcomes) == 4  # those below are held, and have no outcome of their own
    batches.steer_all("resume", actor=system_actor())
    assert directives(family) == [("run", False)] * 3
    batches.steer_all("cancel", actor=system_actor(), blueprint="child")
    assert [look(each).state for each in family.values()] == ["failed", "cancelled", "cancelled"]
    batches.steer_all("cancel", actor=system_actor(), owner="olga")
    assert {look(each).state for each in mine} == {"cancelled"}
    assert look(others[0]).state == "running"


def test_whom_one_does_not_see_one_does_not_steer() -> None:
    [project] = some(1)
    stranger = as_actor(person("stranger", may=["control_project"]))

    batch = batches.steer("pause", [project.pk], actor=stranger)
    assert [each.code for each in batch.outcomes] == ["project_not_found"]
    assert batches.steer_all("cancel", actor=stranger).outcomes == ()
    assert look(project).directive == "run"


def test_a_batch_of_none_or_of_too_many_is_refused() -> None:
    for ids in ([], [clock.new_id() for _ in range(batches.MOST + 1)]):
        with pytest.raises(SelectionInvalid):
            batches.steer("pause", ids, actor=system_actor())


def test_results_and_waits_come_out_as_if_there_had_been_no_pause() -> None:
    project = drive(project_of("phases: [{key: one, steps: [{key: w, kind: wait, wait: {for: 2h, signal: go}}]}]"))
    for _ in range(3):
        later(project, 2000)
        pause(project)
        later(project, 5000)  # the clock of the pause itself
        Timer.objects.update(due_at=Timer.objects.get().due_at + timedelta(seconds=5000))
        resume(project)
    drive(project)
    assert look(project).state == "running"
    left = (Timer.objects.get().due_at - now()).total_seconds() - 3 * 5000
    assert 1190 < left <= 1200
    assert result(project, "w") is None
