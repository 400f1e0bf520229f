"""However many projects wait for something that recovery cannot give them, it comes to those that it can help."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from orchestrator_site.access.actors import system_actor
from projects.models import Approval, Project, Step
from projects.services import advancing, control, passes, recovery
from projects.services.recovery import recover
from tests.builders import blueprint_of, child_of, claim, drive, finish, kinds, look, project_of, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo", "sent")]

ONE = "phases: [{key: one, steps: [{key: a, agent: echo, params: {say: done}}]}]"
ABOVE = """
phases: [{key: one, steps: [{key: below, kind: project, project: {blueprint: below}}]}]
"""


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass looks at two projects of a sort."""
    monkeypatch.setattr(passes, "BATCH", 2)
    for turn in ("neglected", "followers"):
        monkeypatch.setattr(recovery, f"_{turn}", passes.Turn(turn))


def running() -> Project:
    project = project_of(ONE)
    assert claim(step(project, "a")) is not None
    return project


def unsent() -> Project:
    """A project whose message the broker refused."""
    project = project_of(ONE)
    Step.objects.filter(project=project).update(published_at=None)
    return project


def with_one_below() -> Project:
    """A project whose only step is another's, which runs."""
    blueprint_of("name: below\nversion: 1\ntitle: B\n" + ONE)
    project = drive(project_of(ABOVE), steps=0)
    assert claim(step(child_of(project, "below"), "a")) is not None
    return project


def test_cancelled_projects_whose_steps_still_run_hide_nobody() -> None:
    waiting = [running() for _ in range(2)]
    for project in waiting:
        control.cancel(project_id=project.pk, actor=system_actor())
    other = unsent()

    assert recover().projects_advanced == 1
    assert step(other, "a").published_at is not None
    assert recover().projects_advanced == 0


def test_paused_and_cancelled_projects_with_steps_that_run_below_hide_nobody() -> None:
    paused, cancelled = with_one_below(), with_one_below()
    control.pause(project_id=paused.pk, actor=system_actor())
    control.cancel(project_id=cancelled.pk, actor=system_actor())
    other = unsent()

    assert recover().projects_advanced == 1
    assert step(other, "a").published_at is not None


@pytest.mark.usefixtures("by_messages")
def test_what_is_to_be_done_in_a_cancelled_project_is_found_while_a_step_of_it_runs() -> None:
    """Whoever cancelled it died before it was wound down."""
    steps = "{key: a, agent: echo}, {key: b, agent: echo}, {key: q, kind: approval, approval: {title: May we?}}"
    project = drive(project_of(f"phases: [{{key: one, steps: [{steps}]}}]"), steps=0)
    assert claim(step(project, "a")) is not None
    Project.objects.filter(pk=project.pk).update(directive="cancel")

    recover()

    assert states(project) == {"a": "running", "b": "cancelled", "q": "waiting"}
    assert not Approval.objects.open().exists()
    assert recover().projects_advanced == 0


def test_a_cancelled_and_a_paused_project_of_which_nothing_runs_any_more_are_found() -> None:
    ended = {name: drive(project_of(ONE), steps=0) for name in ("cancelled", "paused")}
    claims = [claim(step(project, "a")) for project in ended.values()]
    control.cancel(project_id=ended["cancelled"].pk, actor=system_actor())
    control.pause(project_id=ended["paused"].pk, actor=system_actor())
    for each in claims:
        assert each is not None
        finish(each)  # and the process that did it died at once

    recover()

    assert look(ended["cancelled"]).state == "cancelled"
    assert "project.drained" in kinds(ended["paused"])


def test_projects_that_cannot_be_advanced_hide_none_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, other = [unsent() for _ in range(3)], unsent()
    advance = advancing.advance

    def fails(project_id: UUID, **options: Any) -> object:
        if project_id in {project.pk for project in broken}:
            raise ValueError("a mistake of ours")
        return advance(project_id, **options)

    monkeypatch.setattr(advancing, "advance", fails)

    assert len(recover().errors) == 2
    assert len(recover().errors) == 1
    assert step(other, "a").published_at is not None
    assert len(recover().errors) == 2, "and they are looked at again"


def test_the_most_urgent_come_first_again_as_soon_as_all_had_their_turn() -> None:
    low = [unsent() for _ in range(3)]
    for _ in range(2):
        recover()
    assert all(step(project, "a").published_at is not None for project in low)

    late = [unsent() for _ in range(2)]
    Project.objects.filter(pk=late[0].pk).update(priority=0)
    recover()
    assert all(step(project, "a").published_at is not None for project in late)


def test_followers_of_a_long_project_hide_none_whose_turn_it_is() -> None:
    long, short, cancelled = project_of(ONE), project_of(ONE), project_of(ONE)
    for _ in range(2):
        project_of(ONE, after=[long.pk])
    following = project_of(ONE, after=[short.pk])
    never = project_of(ONE, after=[long.pk, cancelled.pk])
    for _ in range(2):
        project_of(ONE, after=[long.pk, short.pk])
    drive(short)
    control.cancel(project_id=cancelled.pk, actor=system_actor())

    recover()

    assert (look(following).state, look(never).state) == ("running", "cancelled")
    assert Project.objects.filter(state="pending").count() == 4


def test_a_follower_that_cannot_begin_hides_none_that_can(monkeypatch: pytest.MonkeyPatch) -> None:
    first = project_of(ONE)
    followers = [project_of(ONE, after=[first.pk]) for _ in range(4)]
    drive(first)
    begin = control.start_if_its_turn

    def fails(project_id: UUID) -> bool:
        if project_id in {project.pk for project in followers[:3]}:
            raise ValueError("a mistake of ours")
        return begin(project_id)

    monkeypatch.setattr(control, "start_if_its_turn", fails)

    assert [recover().projects_started for _ in range(2)] == [0, 1]
    assert look(followers[3]).state == "running"
