"""A process that is well is never taken for dead: neither its duties nor a cut connection keep its signs of life."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from orchestrator_site import clock
from orchestrator_site.conf import Conf, conf
from projects.models import Project, Step, Worker
from projects.services import liveness, publishing, taking_back
from projects.services.liveness import Liveness
from projects.services.workers import Held, WorkerProcess
from tests.behaviour.test_a_held_project_holds_up_no_other import held, in_advance
from tests.builders import claim, project_of, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo", "sent")]

ONE = "phases: [{key: one, steps: [{key: a, agent: echo, params: {say: done}}]}]"


@pytest.fixture
def set_to(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Conf]:
    """Sets what is to be other than by default."""

    def to(**values: float) -> Conf:
        given = conf().model_copy(update=values)
        for module in ("liveness", "duties", "recovery", "taking_back", "workers", "claims"):
            monkeypatch.setattr(f"projects.services.{module}.conf", lambda: given)
        return given

    return to


@pytest.fixture
def alive() -> Iterator[Liveness]:
    """A process that lives, and works on a step."""
    process = WorkerProcess()
    process.pools = ["cpu"]
    living = Liveness(process)
    yield living
    if living._thread.is_alive():
        living.stop()
    connection.close()  # with the locks that the test took in its place


def work(process: WorkerProcess) -> tuple[Step, Held]:
    taken = step(project_of(ONE), "a")
    claimed = claim(taken, process)
    assert claimed is not None
    return taken, process.hold(claimed.id, claimed.attempt)


def left_by_a_dead_worker() -> Project:
    dead = WorkerProcess()
    project = project_of(ONE)
    assert claim(step(project, "a"), dead) is not None
    dead.beat_once()
    Worker.objects.filter(pk=dead.id).update(lock_key=dead.lock_key, locked_at=Now())
    return project


def wait_until(is_so: Callable[[], bool], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it does not come about"
        time.sleep(0.02)


def test_whoever_takes_back_what_the_dead_held_renews_its_own_leases_while_redis_hangs(
    set_to: Callable[..., Conf], alive: Liveness, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_to(lease_seconds=3.0, heartbeat_seconds=0.2)
    mine, holding = work(alive.process)
    hangs, answers = threading.Event(), threading.Event()

    def publish(*_: Any) -> None:
        hangs.set()
        answers.wait(30)

    left_by_a_dead_worker()
    monkeypatch.setattr(publishing, "_publish", publish)
    alive.start()
    assert hangs.wait(10), "it takes the step back, and sends it"

    try:
        before = Step.objects.get(pk=mine.pk).lease_until
        wait_until(lambda: Step.objects.get(pk=mine.pk).lease_until > before)
        assert not holding.lost.is_set()
    finally:
        answers.set()


def test_whoever_recovers_renews_its_own_leases_while_somebody_holds_a_project(
    set_to: Callable[..., Conf], alive: Liveness
) -> None:
    set_to(lease_seconds=2.0, heartbeat_seconds=0.2, recovery_seconds=0.1)
    mine, holding = work(alive.process)
    theirs = project_of(ONE)
    Step.objects.filter(project=theirs).update(published_at=None)

    with held(in_advance(theirs)):
        alive.start()
        for _ in range(5):
            before = Step.objects.get(pk=mine.pk).lease_until
            wait_until(lambda before=before: Step.objects.get(pk=mine.pk).lease_until > before)  # type: ignore[misc]
    assert not holding.lost.is_set()


def test_of_a_step_that_somebody_holds_the_lease_is_not_waited_for(alive: Liveness) -> None:
    mine, holding = work(alive.process)
    theirs, of_theirs = work(alive.process)
    before = Step.objects.get(pk=mine.pk).lease_until

    def hold() -> None:
        Step.objects.select_for_update().get(pk=theirs.pk)

    with held(hold):
        beating = threading.Thread(target=lambda: (alive.process.beat_once(), connection.close()))
        beating.start()
        wait_until(lambda: Step.objects.get(pk=mine.pk).lease_until > before)
        beating.join(10)
        assert not beating.is_alive()
    assert not holding.lost.is_set()
    assert not of_theirs.lost.is_set(), "it was only not looked at"
    alive.process.beat_once()
    assert Step.objects.get(pk=theirs.pk).lease_until > before


def test_the_watch_is_left_to_others_while_its_duties_come_to_nothing(alive: Liveness) -> None:
    def is_free() -> bool:
        found: list[bool] = []

        def look() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [liveness._WATCH])
                found.append(cursor.fetchone()[0])
            connection.close()

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
        return found[0]

    alive.look_once()
    assert alive.duties.watching
    assert not is_free()

    alive.duties._began_at = time.monotonic() - conf().lease_seconds - 1
    alive.look_once()
    assert not alive.duties.watching
    assert is_free()

    alive.duties.do_once()
    wait_until(lambda: alive.look_once() or alive.duties.watching)


def test_steps_that_this_process_does_not_work_on_are_given_back_beside_its_heartbeat(alive: Liveness) -> None:
    mine, holding = work(alive.process)
    alive.process.release(holding)
    Step.objects.filter(pk=mine.pk).update(lease_until=Now() + timedelta(seconds=conf().lease_seconds - 3))

    alive.look_once()
    assert Step.objects.get(pk=mine.pk).state == "running"
    alive.duties.do_once()

    assert Step.objects.get(pk=mine.pk).state == "ready"


@pytest.mark.parametrize("seconds", [0.25, 0.5, 1.0])
def test_a_worker_whose_connection_is_cut_is_not_taken_for_dead_however_seldom_it_looks(
    seconds: float, set_to: Callable[..., Conf], alive: Liveness
) -> None:
    set_to(watch_seconds=seconds)
    mine, _ = work(alive.process)
    alive.start()
    wait_until(lambda: Worker.objects.filter(pk=alive.process.id, lock_key__isnull=False).exists())
    watch = clock.new_id()

    for _ in range(2):
        time.sleep(seconds * 0.1)  # it has just looked, and looks again only in a while
        _cut(alive.process)
        until = time.monotonic() + 3 * seconds
        while time.monotonic() < until:
            assert taking_back.take_back_from_the_dead(except_for=watch) == 0
            time.sleep(seconds / 5)

    assert states(mine.project)["a"] == "running"


def _cut(process: WorkerProcess) -> None:
    """End the session that holds a process's lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND pid <> pg_backend_pid() AND ((classid::bigint << 32) | objid::bigint) = %s",
            [process.lock_key],
        )
        assert cursor.rowcount == 1


def test_a_process_whose_former_session_the_server_still_holds_goes_on_beating(alive: Liveness) -> None:
    """Its host lost the network for a moment: the server has not noticed yet."""
    alive.process.beat_once()

    def lock() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [alive.process.lock_key])

    with held(lock):
        alive.look_once()
        assert Worker.objects.get(pk=alive.process.id).lock_key is None

    alive.look_once()
    assert Worker.objects.get(pk=alive.process.id).lock_key == alive.process.lock_key


def test_a_worker_whose_row_somebody_holds_hides_no_dead_one() -> None:
    dead = left_by_a_dead_worker()
    other = WorkerProcess()
    other.beat_once()
    Worker.objects.filter(pk=other.id).update(lock_key=other.lock_key, locked_at=Now())

    with held(lambda: Worker.objects.select_for_update().get(pk=other.id)):
        watch = clock.new_id()
        taking_back.take_back_from_the_dead(except_for=watch)
        time.sleep(taking_back.suspicion() + 0.05)
        assert taking_back.take_back_from_the_dead(except_for=watch) == 1

    assert states(dead)["a"] == "ready"
    assert Worker.objects.filter(pk=other.id).exists()
