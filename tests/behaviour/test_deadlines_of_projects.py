"""A project that is not over by its deadline is reported, fails or is cancelled, as it was told."""

from __future__ import annotations

from typing import Any

import pytest

from projects.models import Project, Timer
from projects.services import advancing
from projects.services.recovery import recover
from tests.builders import claim, drive, finish, kinds, later, look, project_of, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo")]


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
