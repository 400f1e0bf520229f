"""A pause, a resume and a cancel reach every project below, also one that is just being started or is ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.errors import RefusedInState
from projects.models import Approval, Project, Timer
from projects.services import advancing, control
from projects.services.recovery import recover
from tests.behaviour.pausing import ABOVE, directives, passes, pause, resume
from tests.builders import (
    blueprint_of,
    child_of,
    claim,
    drive,
    finish,
    kinds,
    look,
    project_of,
    ready_steps,
    run,
    states,
    step,
    until_somebody_waits,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo")]

# --- below


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
        until_somebody_waits()
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
