"""A pause stops every clock, says when nothing runs any more, and is undone as a whole."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from orchestrator_site.history import services as history
from projects.models import Approval, Project, Step, Timer
from projects.models.approval import Verdict
from projects.services import advancing, approvals, failing, timers
from projects.services.recovery import recover
from projects.services.workers import this_process
from tests.behaviour.pausing import passes, pause, resume
from tests.builders import (
    agent_that,
    approver,
    claim,
    drive,
    finish,
    kinds,
    later,
    look,
    open_approval,
    project_of,
    ready_steps,
    result,
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


@pytest.fixture(autouse=True)
def broken(echo: None) -> None:
    agent_that(lambda context: 1 / 0, "broken")


def clocks(project: Project) -> dict[str, datetime]:
    """Every moment that the project waits for."""
    project = look(project)
    return {
        **{f"timer {timer.kind}": timer.due_at for timer in Timer.objects.filter(project=project)},
        "approval": open_approval(project).deadline,
        "retry": step(project, "again").available_at,
        "project": project.deadline,
    }


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
