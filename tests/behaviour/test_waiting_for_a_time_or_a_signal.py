"""Steps that wait: for a time, for a signal, for whichever comes first; alone, or each item of a list for itself."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_site.access.actors import system_actor
from projects.errors import RefusedInState, SignalInvalid, SignalKeyTaken
from projects.models import Project, Signal, Timer
from projects.services import control, signals
from tests.behaviour.waits import send, waits_for
from tests.builders import agent_that, as_actor, drive, kinds, later, look, person, project_of, result, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("echo")]


def test_a_step_waits_for_a_time_and_what_needs_it_follows() -> None:
    project = waits_for("{for: 2h}")
    assert states(project) == {"pause": "waiting", "after": "pending"}

    later(project, 2 * 3600 - 60)
    assert states(drive(project)) == {"pause": "waiting", "after": "pending"}

    later(project, 60)
    assert drive(project).state == "completed"
    assert result(project, "pause") is None
    assert not Timer.objects.exists()
    assert kinds(project).count("step.waiting") == 1


@pytest.mark.parametrize("written", ['"${inputs.hours}h"', '"${inputs.hours * 3600}"', "2h", "7200"])
def test_the_time_may_be_a_template(written: str) -> None:
    project = waits_for(f"{{for: {written}}}")

    [timer] = Timer.objects.all()
    assert 7190 < (timer.due_at - timer.created_at).total_seconds() < 7201
    later(project, 7200)
    assert drive(project).state == "completed"


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ('"${inputs.hours} years"', "'2 years' is no duration"),
        ('"${inputs}"', "a duration is text"),
        ('"${0 - inputs.hours}"', "outside 0 s to ten years"),
    ],
)
def test_a_template_that_gives_no_duration_fails_the_step_and_says_so(written: str, why: str) -> None:
    project = waits_for(f"{{for: {written}}}")

    assert project.state == "failed"
    error = step(project, "pause").error
    assert error["code"] == "duration_invalid"
    assert why in error["message"]
    assert "such as 500ms, 90s" in error["message"]


def test_no_time_at_all_is_over_at_once() -> None:
    assert waits_for('{for: "${inputs.hours - 2}s"}').state == "completed"


def test_a_signal_ends_the_wait_and_its_payload_is_the_result() -> None:
    project = waits_for("{signal: go}")
    assert send(project, payload={"port": 8080}).is_new
    assert drive(project).state == "completed"

    assert result(project, "pause") == {"port": 8080}
    assert result(project, "after") == {"port": 8080}
    assert kinds(project).count("signal.sent") == kinds(project).count("signal.taken") == 1


def test_a_signal_of_another_name_ends_nothing() -> None:
    project = waits_for("{signal: go}")
    send(project, "stop")

    assert states(drive(project))["pause"] == "waiting"
    assert Signal.objects.waiting().count() == 1


def test_signals_that_come_before_the_step_waits_are_kept_and_taken_the_oldest_first_each_once() -> None:
    project = project_of(
        """
        phases:
          - key: one
            steps:
              - {key: a, kind: wait, wait: {signal: go}}
              - {key: b, kind: wait, needs: [a], wait: {signal: go}}
              - {key: c, kind: wait, needs: [b], wait: {signal: go}}
        """,
        started=False,
    )
    for number in (1, 2):
        send(project, payload=number)
    control.start(project_id=project.pk, actor=system_actor())
    drive(project)

    assert states(project) == {"a": "completed", "b": "completed", "c": "waiting"}
    assert (result(project, "a"), result(project, "b")) == (1, 2)
    send(project, payload=3)
    assert drive(project).state == "completed"
    assert result(project, "c") == 3


@pytest.mark.parametrize("first", ["signal", "time"])
def test_of_a_time_and_a_signal_the_first_counts_and_the_result_says_which(first: str) -> None:
    project = waits_for("{for: 2h, signal: go}")
    if first == "signal":
        send(project, payload=[1])
    else:
        later(project, 7200)

    assert drive(project).state == "completed"
    expected = {"signal": "go", "payload": [1], "timed_out": False}
    if first == "time":
        expected = {"signal": None, "payload": None, "timed_out": True}
    assert result(project, "pause") == expected
    assert not Timer.objects.exists()


@pytest.mark.usefixtures("by_messages")
def test_a_signal_that_is_there_when_the_time_is_over_counts() -> None:
    project = waits_for("{for: 2h, signal: go}")
    later(project, 7200)  # the timer has fired, and nobody has looked yet
    send(project, payload="in time")

    assert drive(project).state == "completed"
    assert result(project, "pause")["payload"] == "in time"


def test_the_same_key_is_the_same_signal_and_another_with_it_is_refused() -> None:
    project = waits_for("{signal: go}")
    first = send(project, "stop", 1, key="k")
    again = send(project, "stop", 1, key="k")

    assert (first.is_new, again.is_new) == (True, False)
    assert first.signal.pk == again.signal.pk
    for name, payload in (("stop", 2), ("go", 1)):
        with pytest.raises(SignalKeyTaken):
            send(project, name, payload, key="k")
    assert Signal.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "payload", "why"),
    [
        ("Go", None, "no name of a signal"),
        ("", None, "no name of a signal"),
        ("x" * 101, None, "no name of a signal"),
        ("go", float("nan"), "no JSON"),
        ("go", object(), "no JSON"),
        ("go", "x" * 65_536, "the limit is 65,536"),
        ("go", "a\0b", "NUL"),
    ],
)
def test_a_signal_that_could_not_be_kept_is_refused(name: str, payload: Any, why: str) -> None:
    project = waits_for("{signal: go}")
    with pytest.raises(SignalInvalid, match=why):
        send(project, name, payload)


def test_a_project_that_is_over_or_ending_takes_no_signal() -> None:
    project = waits_for("{signal: go}")
    send(project)
    drive(project)
    with pytest.raises(RefusedInState, match="is completed"):
        send(project)

    other = waits_for("{signal: go}")
    Project.objects.filter(pk=other.pk).update(directive="cancel")
    with pytest.raises(RefusedInState, match="being cancelled"):
        send(other)


def test_signals_need_no_right_beyond_the_door(db: None) -> None:
    """The service trusts its caller, as those of control do; the doors ask for ``project.control``."""
    project = waits_for("{signal: go}")
    signals.send(project_id=project.pk, name="go", actor=as_actor(person("olga")))

    assert Signal.objects.get().sender == "user:olga"


def test_a_wait_that_nobody_needs_any_more_is_given_up() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: pause, kind: wait, wait: {for: 7d}}
                  - {key: broken, agent: broken, retry: {max_attempts: 1}}
            """
        ),
        steps=0,
    )
    agent_that(lambda context: 1 / 0, "broken")

    assert drive(project).state == "failed"
    assert states(project) == {"pause": "cancelled", "broken": "failed"}
    assert not Timer.objects.exists()


def test_a_wait_may_have_a_condition_and_run_in_each_round() -> None:
    project = waits_for("{for: 1h}", ', when: "inputs.hours > 5"')

    assert project.state == "completed"
    assert states(project)["pause"] == "skipped"


def test_each_item_of_a_list_waits_for_itself_a_window_of_them_at_a_time() -> None:
    project = drive(
        project_of(
            """
            inputs: {type: object, properties: {hours: {type: array, default: [1, 2, 3, 4]}}}
            phases:
              - key: one
                steps:
                  - {key: each, kind: wait, for_each: inputs.hours, max_parallel: 2, wait: {for: "${item}h"}}
            """
        )
    )
    assert states(project) == {
        "each": "waiting", "each[0]": "waiting", "each[1]": "waiting", "each[2]": "pending", "each[3]": "pending",
    }  # fmt: skip

    later(project, 3600)
    drive(project)
    assert [states(project)[f"each[{n}]"] for n in range(4)] == ["completed", "waiting", "waiting", "pending"]

    for _ in range(4):
        later(project, 4 * 3600)
        drive(project)
    assert look(project).state == "completed"


def test_items_take_signals_one_each_and_their_payloads_are_the_list() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: answers, kind: wait, for_each: "[1, 2, 3]", wait: {signal: answer}}
                  - {key: after, agent: echo, needs: [answers], params: {say: "${results.answers}"}}
            """
        )
    )
    for payload in ("yes", "no", "maybe"):
        send(project, "answer", payload)
        drive(project)

    assert look(project).state == "completed"
    assert result(project, "after") == ["yes", "no", "maybe"]


def test_an_item_that_fails_gives_up_those_that_wait_and_those_that_have_not_begun() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: each, kind: wait, for_each: "['1h', 'soon', '2h']", max_parallel: 2, wait: {for: "${item}"}}
            """
        )
    )

    assert project.state == "failed"
    assert [states(project)[f"each[{n}]"] for n in range(3)] == ["cancelled", "failed", "cancelled"]
    assert "1 of 3 items failed" in step(project, "each").error["message"]
    assert not Timer.objects.exists()
