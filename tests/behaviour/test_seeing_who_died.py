"""A worker process that dies is known within a second by the lock that PostgreSQL lets go of, not by its lease."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.db.models.functions import Now

from orchestrator_site import clock
from orchestrator_site.conf import conf
from projects.models import Pulse, Step, Worker
from projects.services import taking_back
from projects.services.liveness import Liveness
from projects.services.workers import WorkerProcess, this_process
from tests.builders import agent_that, by_force, claim, drive, kinds, look, project_of, states, step

pytestmark = pytest.mark.django_db(transaction=True)

TWO = "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]"


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: "done", "echo")


@pytest.fixture
def other() -> Iterator[WorkerProcess]:
    """Another worker process, whose session is a connection of its own."""
    process = WorkerProcess()
    process.pools = ["cpu"]
    with on_its_own():
        process.beat_once()
        process.keep_lock()
    yield process
    die(process)


class on_its_own:  # noqa: N801 reads as a sentence
    """Run on another connection than the test's."""

    def __enter__(self) -> None:
        self.ours = connections["default"]
        theirs = kept.setdefault("theirs", connections["default"].copy())
        connections["default"] = theirs

    def __exit__(self, *_: object) -> None:
        connections["default"] = self.ours


kept: dict[str, object] = {}


def die(process: WorkerProcess) -> None:
    """What the server sees of a SIGKILL: the session is gone."""
    theirs = kept.pop("theirs", None)
    if theirs is None:
        return
    theirs.close()  # type: ignore[attr-defined]
    held = True
    while held:  # the server takes a moment to see it
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [process.lock_key])
            held = not cursor.fetchone()[0]
            cursor.execute("SELECT pg_advisory_unlock(%s)", [process.lock_key])


def look_twice() -> int:
    taking_back.take_back_from_the_dead(except_for=clock.new_id())
    time.sleep(taking_back.suspicion() + 0.05)
    return taking_back.take_back_from_the_dead(except_for=clock.new_id())


def test_what_a_dead_worker_held_is_taken_back_long_before_its_lease_ends(other: WorkerProcess) -> None:
    project = drive(project_of(TWO), steps=0)
    assert claim(step(project, "a"), other) is not None
    die(other)

    assert look_twice() == 1

    taken = step(project, "a")
    assert taken.state == "ready"
    assert taken.published_at is not None, "it is sent again at once"
    assert taken.crashes == 1
    assert "step.taken_back" in kinds(project)
    assert not Worker.objects.filter(pk=other.id).exists()
    drive(project)
    assert look(project).state == "completed"


def test_a_worker_that_lives_is_left_alone(other: WorkerProcess) -> None:
    project = drive(project_of(TWO), steps=0)
    claim(step(project, "a"), other)

    assert look_twice() == 0
    assert states(project)["a"] == "running"


def test_a_lock_that_is_free_for_a_moment_is_no_death(other: WorkerProcess) -> None:
    project = drive(project_of(TWO), steps=0)
    claim(step(project, "a"), other)
    die(other)  # its connection was cut …
    taking_back.take_back_from_the_dead(except_for=clock.new_id())
    assert Worker.objects.get(pk=other.id).suspected_at is not None
    with on_its_own():
        other.keep_lock()  # … and it has taken another

    assert look_twice() == 0
    assert Worker.objects.get(pk=other.id).suspected_at is None
    assert states(project)["a"] == "running"


def test_a_restart_of_the_server_which_frees_every_lock_is_no_death(other: WorkerProcess) -> None:
    project = drive(project_of(TWO), steps=0)
    claim(step(project, "a"), other)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE projects_worker SET locked_at = pg_postmaster_start_time() - interval '1 second'")
    die(other)

    assert look_twice() == 0


def test_a_parent_that_sees_its_child_die_need_not_look_twice(other: WorkerProcess) -> None:
    project = drive(project_of(TWO), steps=0)
    claim(step(project, "a"), other)

    assert taking_back.mourn(other.host, other.pid) == 1
    assert states(project)["a"] == "ready"


def test_messages_that_a_dead_worker_had_in_its_hands_are_sent_again(other: WorkerProcess) -> None:
    project = drive(project_of(TWO), steps=0)
    sent = step(project, "a").published_at
    die(other)  # it had taken the message, and had not claimed the step yet

    look_twice()

    assert step(project, "a").published_at > sent


def test_a_step_that_its_living_worker_does_not_work_on_is_given_back() -> None:
    """The worker lost the database between the claim and the commit, and has it again."""
    project = drive(project_of(TWO), steps=0)
    assert claim(step(project, "a")) is not None
    mine = this_process()

    assert taking_back.give_back_what_is_abandoned(mine.id, mine.held()) == 0, "claimed a moment ago"
    Step.objects.filter(project=project, key="a").update(
        lease_until=Now() + timedelta(seconds=conf().lease_seconds - 3)
    )
    held = mine.hold(step(project, "a").pk, 1)
    assert taking_back.give_back_what_is_abandoned(mine.id, mine.held()) == 0, "it is worked on"
    mine.release(held)

    assert taking_back.give_back_what_is_abandoned(mine.id, mine.held()) == 1
    given_back = step(project, "a")
    assert (given_back.state, given_back.crashes) == ("ready", 0)


def test_where_beat_is_down_the_workers_recover() -> None:
    project = project_of(TWO)
    with by_force():
        Step.objects.update(state="pending", published_at=None)
    Pulse.objects.update_or_create(name="recovery", defaults={"at": clock.now() - timedelta(minutes=1)})

    alive = Liveness(this_process())

    def look_once() -> None:
        alive.duties._pulse_at = float("-inf")
        alive.look_once()
        alive.duties.do_once()

    look_once()

    assert states(project)["a"] == "ready"
    with by_force():
        Step.objects.update(state="pending", published_at=None)
    look_once()
    assert states(project)["a"] == "pending", "somebody has just looked"
