"""A wait ends once and in time, whatever message is lost, and whoever looks or sends at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from orchestrator_site.access.actors import system_actor
from projects.models import Signal, Timer
from projects.services import advancing, control, timers
from projects.services.recovery import recover
from tests.behaviour.waits import send, waits_for
from tests.builders import drive, later, look, project_of, result, states

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo")]

# --- recovery, and races


def test_what_a_lost_message_leaves_recovery_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    from projects.services import publishing

    for happens in (lambda p: later(p, 7200), send):
        project = waits_for("{for: 2h, signal: go}")
        with monkeypatch.context() as patch:
            patch.setattr(publishing, "wake", lambda project_id: None)
            happens(project)
        assert states(project)["pause"] == "waiting"

        recover()
        assert states(project)["pause"] == "completed"


@pytest.mark.usefixtures("by_messages")
def test_recovery_fires_what_is_due_and_leaves_alone_what_waits() -> None:
    project = waits_for("{for: 2h}")
    assert recover().timers_fired == recover().projects_advanced == 0

    Timer.objects.update(due_at="2000-01-01T00:00Z")
    done = recover()

    assert (done.timers_fired, done.projects_advanced) == (1, 1)
    assert states(project)["pause"] == "completed"


def test_a_timer_fires_once_however_many_look() -> None:
    project = waits_for("{for: 2h}")
    Timer.objects.update(due_at="2000-01-01T00:00Z")
    fired: list[int] = []

    def fire() -> None:
        fired.append(timers.fire_due().woken)
        connection.close()

    at_once([fire] * 4)

    assert sorted(fired) == [0, 0, 0, 1]
    assert drive(project).state == "completed"


def at_once(calls: list[Callable[[], Any]]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive(), "two transactions wait for one another"


@pytest.mark.usefixtures("by_messages")
@pytest.mark.parametrize("first", ["signal", "step"])
def test_a_signal_sent_while_the_step_begins_to_wait_is_taken(first: str) -> None:
    """Each of the two has begun when the other commits: whoever commits last finds the other's row, or is woken."""
    project = project_of("phases: [{key: one, steps: [{key: pause, kind: wait, wait: {signal: go}}]}]")
    inside, go_on = threading.Event(), threading.Event()

    def in_the_middle_of(call: Callable[[], Any]) -> None:
        with transaction.atomic():
            call()
            inside.set()
            assert go_on.wait(10)
        connection.close()

    calls: dict[str, Callable[[], Any]] = {
        "signal": lambda: send(project, payload="now"),
        "step": lambda: advancing.advance(project.pk),
    }
    slow = threading.Thread(target=in_the_middle_of, args=(calls.pop(first),))
    slow.start()
    assert inside.wait(10)
    [other] = calls.values()
    other()  # neither sees what the other has not committed
    go_on.set()
    slow.join(10)

    advancing.advance(project.pk)  # what the message of the signal, sent after its commit, brings about
    assert look(project).state == "completed"
    assert result(project, "pause") == "now"


@pytest.mark.parametrize("attempt", range(5))
def test_many_signals_and_many_looks_at_once_lose_and_double_nothing(attempt: int) -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: each, kind: wait, for_each: "[1,2,3,4,5,6,7,8]", on_failure: fail, wait: {signal: go}}
            """
        )
    )

    def sends(number: int) -> Callable[[], None]:
        def call() -> None:
            send(project, payload=number)
            advancing.advance(project.pk)
            connection.close()

        return call

    at_once([sends(number) for number in range(8)])

    assert drive(project).state == "completed"
    taken = Signal.objects.values_list("taken_by", flat=True)
    assert len(set(taken)) == 8
    payloads = [result(project, f"each[{number}]") for number in range(8)]
    assert sorted(payloads) == list(range(8))


# --- messages that are in time


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When somebody is asked to look, in seconds from then."""
    from projects.services import publishing

    found: list[float] = []
    monkeypatch.setattr(publishing, "ring", lambda after, *, look_ahead=False: found.append(after))
    return found


def test_a_short_wait_has_a_message_of_its_own_and_a_long_one_has_not(rings: list[float]) -> None:
    waits_for("{for: 500ms}")
    assert rings == [0.5]
    waits_for("{for: 2h}")
    assert rings == [0.5]


def test_beat_has_what_is_due_soon_met_at_its_moment(rings: list[float]) -> None:
    from projects import tasks

    far, near = waits_for("{for: 2h}"), waits_for("{for: 2h}")
    paused = waits_for("{for: 2h}")
    control.pause(project_id=paused.pk, actor=system_actor())
    assert states(drive(far))["pause"] == "waiting"
    Timer.objects.filter(project__in=[near, paused]).update(due_at=Now() + timedelta(seconds=1.5))

    tasks.fire_timers(look_ahead=True)

    [after] = rings
    assert 0.5 < after <= 1.5
    tasks.fire_timers()
    assert len(rings) == 1


def test_a_message_for_timers_is_sent_to_the_control_queue_a_little_late_rather_than_early() -> None:
    from projects import canvas

    signature = canvas.timers_signature(1.5)
    assert signature.options["queue"] == "control"
    assert 1.5 < signature.options["countdown"] < 1.51
    assert "countdown" not in canvas.timers_signature(0.0).options
