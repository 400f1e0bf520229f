"""Budgets and limits of concurrency with real workers, killed at any moment: booked once, never too many at a time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from django.db.models import Count

from projects.models import Approval, Attempt, Budget, Project, Reservation, Step
from projects.models.approval import Verdict
from projects.services import approvals
from tests.builders import approver, look, open_approval, project_of, step
from tests.faults.invariants import check
from tests.faults.site import Effects, Site, over, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers]

GUARDED = """
budgets: {launches: {soft: 200, hard: 1000}, seconds: {hard: 100000}}
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 12}}
      - key: each
        agent: counted
        needs: [list]
        for_each: results.list.items
        params: {n: "${item}", seconds: 0.05}
        estimate: {seconds: 1}
        concurrency: {key: outside, limit: 1}
      - {key: last, agent: counted, needs: [each]}
"""
MOMENTS = ("after_claim", "after_agent", "before_commit", "after_commit", "before_publish", "after_publish")


def settled_once(project: Project) -> None:
    """Each attempt has one reservation of each budget; what is spent is the sum of what is settled."""
    attempts = Attempt.objects.filter(step__project=project).count()
    for budget in Budget.objects.filter(project=project):
        booked = Reservation.objects.filter(budget=budget)
        assert booked.count() == attempts, budget
        assert not booked.filter(used=None).exists(), f"{budget}: an attempt was not settled"
        assert budget.spent == sum(each.used for each in booked if each.used is not None)
    assert Budget.objects.get(project=project, measure="launches").spent == attempts


def one_at_a_time(project: Project) -> None:
    """No two attempts of the key overlap, as the database's clock saw them begin and end."""
    spans = Attempt.objects.filter(step__project=project, step__concurrency_key="outside").order_by("started_at")
    for before, after in pairwise(spans):
        assert before.finished_at is not None
        assert before.finished_at <= after.started_at, f"{before.step} and {after.step} ran at once"


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_killed_at_any_moment_is_booked_once_and_loses_nobody_their_turn(
    site: Site, effects: Effects, tmp_path: Path, moment: str
) -> None:
    marks = tmp_path / "faults"
    marks.mkdir()
    faults = {"PHASEGATE_FAULT": f"{moment}:kill@3", "PHASEGATE_FAULT_ONCE": str(marks)}
    site.start("control", "cpu", "beat", PHASEGATE_ROOM_SECONDS="2", **faults)
    project = project_of(GUARDED)

    wait_until(over(project), site=site)

    assert (marks / moment).exists(), "the fault did not happen: the test proves nothing"
    assert look(project).state == "completed", look(project).failure
    check(project, effects.calls)
    settled_once(project)
    one_at_a_time(project)


def test_turns_are_handed_over_without_waiting_for_a_timer(site: Site, effects: Effects) -> None:
    """With the net an hour away, only the ends of steps can send for the next."""
    site.start("control", "cpu", "beat", PHASEGATE_ROOM_SECONDS="3600")
    projects = [project_of(GUARDED) for _ in range(3)]

    for project in projects:
        wait_until(over(project), site=site)

    assert {look(project).state for project in projects} == {"completed"}
    assert (
        max(
            Attempt.objects.filter(step__concurrency_key="outside").values("step").annotate(n=Count("id")),
            key=lambda row: row["n"],
        )["n"]
        == 1
    )


def test_the_same_step_goes_on_after_the_yes(site: Site, effects: Effects) -> None:
    site.start("control", "cpu", "beat", PHASEGATE_ROOM_SECONDS="3600")
    project = project_of(
        """
        budgets: {launches: {soft: 1, hard: 10}}
        phases: [{key: one, steps: [{key: a, agent: counted}, {key: b, agent: counted, needs: [a]}]}]
        """
    )
    wait_until(lambda: Approval.objects.open().exists(), site=site)
    waiting = step(project, "b").pk

    approvals.decide(approval_id=open_approval(project).pk, user=approver(), verdict=Verdict.APPROVE, via="test")
    wait_until(over(project), site=site)

    assert look(project).state == "completed"
    assert Step.objects.get(project=project, key="b").pk == waiting
    check(project, effects.calls)
    settled_once(project)
