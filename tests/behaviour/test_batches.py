"""Short steps of a list are claimed and committed several at once, and nothing is lost or done twice by it."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from agents.errors import NoAgentNow
from orchestrator_site.access.actors import system_actor
from orchestrator_site.conf import conf
from projects.models import Attempt, Project, Step
from projects.planning import packing
from projects.planning.packing import LONG
from projects.services import advancing, batching, control, doorbell, execution, fanout, paces
from projects.services.recovery import recover
from tests.behaviour.batches import expanded, items, squares
from tests.builders import agent_that, in_two_hands, kinds, look, project_of, result, states

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def agents() -> None:
    squares()


def long_from(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (batching, packing):
        monkeypatch.setattr(module, "LONG", seconds)


@pytest.fixture(autouse=True)
def never_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step is taken for a long one where the machine stands still for a moment."""
    long_from(10.0, monkeypatch)


@pytest.fixture
def long_as_ever(never_long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is long is the product's to say: for steps that are."""
    long_from(LONG, monkeypatch)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches grow by what they did before, however busy the machine is."""
    long = conf().model_copy(update={"batch_seconds": 10.0})
    monkeypatch.setattr(batching, "conf", lambda: long)


@pytest.fixture
def known_as_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leg has many steps, and however busy the machine is as many in the end as in the beginning."""
    paces.saw("square", 0.0001)
    monkeypatch.setattr(paces, "saw", lambda agent, seconds: None)


def finish(project: Project) -> None:
    advancing.advance(project.pk)
    execution.run_leg(project.pk, list(Step.objects.filter(project=project, key="join").values_list("pk", flat=True)))
    advancing.advance(project.pk)


def steps_of(message: Any) -> list[UUID]:
    return [UUID(each) for each in message.args[0]]


@pytest.mark.usefixtures("unhurried")
def test_many_short_steps_cost_few_commits_and_each_is_committed_once() -> None:
    project, ids = expanded(60)

    with CaptureQueriesContext(connection) as queries:
        end = batching.run_packed(project.pk, ids)

    commits = [query for query in queries if query["sql"].startswith("WITH given")]
    assert len(commits) <= 6, "1, 4, 16, 39, and the last commit"
    assert not end.look
    finish(project)
    assert look(project).state == "completed"
    assert result(project, "join") == sum(n * n for n in range(60))
    assert kinds(project).count("step.started") == kinds(project).count("step.completed") - 1 == 62
    assert set(Attempt.objects.filter(step__in=ids).values_list("number", "outcome")) == {(1, "completed")}


def test_a_failing_step_of_a_batch_fails_alone() -> None:
    def square(context: Any) -> int:
        if context.params["x"] == 7:
            raise ValueError("seven is unlucky")
        return int(context.params["x"] ** 2)

    agent_that(square, "square")
    project, ids = expanded(20)

    end = batching.run_packed(project.pk, ids)

    assert not end.look, "it comes again: nothing follows from it yet"
    assert [step for step, _ in end.again] == [ids[7]]
    found = items(project).values_list("state", flat=True)
    assert [state for state in found if state != "completed"] == ["ready"]
    failed = Step.objects.get(pk=ids[7])
    assert failed.failures == 1
    assert failed.error["message"] == "seven is unlucky"


def test_a_result_that_the_database_cannot_hold_fails_its_own_step_only() -> None:
    agent_that(lambda context: "\x00" if context.params["x"] == 5 else context.params["x"], "square")
    project, ids = expanded(20)

    batching.run_packed(project.pk, ids)

    unlucky = Step.objects.get(pk=ids[5])
    assert unlucky.error["code"] == "result_unusable"
    assert items(project).filter(state="completed").count() == 19
    assert kinds(project).count("step.completed") == 20


@pytest.mark.usefixtures("long_as_ever")
def test_steps_that_turn_out_to_be_long_are_sent_by_themselves() -> None:
    agent_that(lambda context: time.sleep(0.12), "square")
    project, ids = expanded(6)

    end = batching.run_packed(project.pk, ids)

    assert end.spread == tuple(ids[1:])
    assert items(project).filter(state="completed").count() == 1


@pytest.mark.usefixtures("long_as_ever")
def test_a_list_that_says_how_many_may_run_at_once_is_not_spread() -> None:
    agent_that(lambda context: time.sleep(0.12), "square")
    project, ids = expanded(3)

    end = batching.run_packed(project.pk, ids, may_spread=False)

    assert end.spread == ()
    assert items(project).filter(state="completed").count() == 3


@pytest.mark.usefixtures("unhurried")
def test_a_pause_stops_a_packed_leg_at_the_next_batch() -> None:
    project, ids = expanded(50)
    agent_that(
        lambda context: (
            control.pause(project_id=project.pk, actor=system_actor()) and None if context.params["x"] == 3 else 1
        ),
        "square",
    )

    end = batching.run_packed(project.pk, ids)

    assert end.look
    assert items(project).filter(state="completed").count() == 5, "the first alone, and the batch of four"
    assert items(project).filter(state="running").count() == 0


def test_a_message_that_comes_again_goes_on_with_what_is_left() -> None:
    project, ids = expanded(12)
    batching.run_packed(project.pk, ids[:5])

    batching.run_packed(project.pk, ids)

    assert items(project).filter(state="completed").count() == 12
    assert set(items(project).values_list("attempt", flat=True)) == {1}


def test_the_same_message_in_two_hands_does_each_step_once() -> None:
    project, ids = expanded(80)
    in_two_hands(lambda: batching.run_packed(project.pk, ids))

    assert set(items(project).values_list("attempt", "state")) == {(1, "completed")}


@pytest.mark.usefixtures("unhurried")
def test_a_worker_told_to_stop_in_the_middle_of_a_batch_commits_what_is_done_and_gives_back_the_rest() -> None:
    def square(context: Any) -> int:
        if context.params["x"] == 3:
            raise KeyboardInterrupt
        return 1

    agent_that(square, "square")
    project, ids = expanded(10)

    with pytest.raises(KeyboardInterrupt):
        batching.run_packed(project.pk, ids)

    found = list(items(project).values_list("state", "crashes"))
    assert found[:3] == [("completed", 0)] * 3
    assert found[3:] == [("ready", 0)] * 7
    assert Attempt.objects.filter(outcome="handed_back").count() == 2, "the one, and the other that was claimed"


def test_what_lost_its_worker_is_sent_alone(sent: list[Any]) -> None:
    project, ids = expanded(20)
    sent.clear()
    Step.objects.filter(pk=ids[4]).update(crashes=1, published_at=None)
    Step.objects.filter(pk__in=ids[5:]).update(published_at=None)

    advancing.advance(project.pk)

    legs = [leg.args[0] for leg in sent]
    assert [str(ids[4])] in legs
    assert sorted(step for leg in legs if len(leg) > 1 for step in leg) == sorted(map(str, ids[5:]))


@pytest.mark.usefixtures("known_as_quick")
def test_a_leg_that_ended_well_brings_the_next_and_nobody_looks(sent: list[Any]) -> None:
    project, ids = expanded(300)
    first = next(each for each in sent if each.kwargs.get("packed"))
    in_flight = items(project).filter(published_at__isnull=False).count()
    sent.clear()

    end = batching.run_packed(project.pk, steps_of(first))
    assert end.item is not None
    assert fanout.follow(end.item, "cpu.normal")

    [message] = sent
    after = in_flight + len(steps_of(message))
    assert steps_of(message) == ids[in_flight:after], "the next ones, in their order"
    assert items(project).filter(published_at__isnull=False).count() == after
    assert message.options["queue"] == "cpu.normal"
    assert message.kwargs["packed"] == "spread"


@pytest.mark.usefixtures("known_as_quick")
def test_where_less_than_a_leg_is_left_or_the_project_is_held_somebody_looks(sent: list[Any]) -> None:
    for count, pause in ((150, False), (300, True)):
        project, ids = expanded(count)
        end = batching.run_packed(project.pk, ids[:10])
        Step.objects.filter(pk__in=ids[:-20] if not pause else []).update(published_at=Now())
        if pause:
            control.pause(project_id=project.pk, actor=system_actor())
        unsent = items(project).filter(published_at=None).count()
        sent.clear()

        assert end.item is not None
        assert not fanout.follow(end.item, "cpu.normal")
        assert not sent
        assert items(project).filter(published_at=None).count() == unsent


def test_after_a_leg_in_which_something_went_wrong_somebody_looks() -> None:
    def square(context: Any) -> int:
        if context.params["x"] == 3:
            raise ValueError("three")
        return 1

    agent_that(square, "square")
    project, ids = expanded(10)
    assert batching.run_packed(project.pk, ids).item is None
    assert batching.run_packed(project.pk, ids).item is None, "nothing was done of a message that comes again"


def test_what_is_put_off_stays_in_flight_and_nothing_follows_in_its_place() -> None:
    def square(context: Any) -> int:
        raise NoAgentNow("nobody", retry_after=3600)

    agent_that(square, "square")
    project, ids = expanded(10)
    end = batching.run_packed(project.pk, ids)
    assert (end.item, end.again, end.look) == (None, [], False)


@pytest.mark.usefixtures("unhurried")
def test_a_process_that_has_just_done_many_begins_the_next_leg_with_as_many() -> None:
    project, ids = expanded(120)
    batching.run_packed(project.pk, ids[:60])
    with CaptureQueriesContext(connection) as queries:
        batching.run_packed(project.pk, ids[60:])

    assert len([query for query in queries if query["sql"].startswith("WITH given")]) == 2
    assert items(project).filter(state="completed").count() == 120


@pytest.mark.usefixtures("unhurried")
def test_where_that_turns_out_wrong_the_first_long_step_gives_the_others_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project, ids = expanded(120)
    batching.run_packed(project.pk, ids[:60])
    agent_that(lambda context: time.sleep(0.15), "square")
    long_from(LONG, monkeypatch)
    monkeypatch.setattr(batching, "_first_size", lambda _: 40)

    end = batching.run_packed(project.pk, ids[60:])

    assert end.look
    assert end.item is None
    assert end.spread == tuple(ids[100:]), "and those that were not claimed are sent by themselves"
    assert items(project).filter(state="completed").count() == 61
    assert set(items(project).filter(pk__in=ids[61:100]).values_list("state", "published_at")) == {("ready", None)}


def test_packed_legs_look_by_themselves_and_single_steps_have_a_join(sent: list[Any]) -> None:
    expanded(40)
    packed, sent[:] = list(sent), []
    paces.saw("square", 10.0)
    expanded(40)

    legs = [each for each in packed if each.kwargs.get("packed")]
    assert len(legs) > 1
    assert all(leg.kwargs.get("wakes", True) for leg in legs)
    assert [each.task for each in sent if each.task == "celery.chord"], (
        "of long steps a look for each would be too many"
    )


def test_recovery_leaves_a_list_in_flight_alone() -> None:
    project, _ = expanded(300)
    doorbell.set_up()  # a Redis that is new would be taken for one that was emptied

    assert recover().projects_advanced == 0
    assert states(project)["each"] == "waiting"


def test_a_message_too_many_has_nobody_look_at_the_project() -> None:
    project, ids = expanded(12)
    batching.run_packed(project.pk, ids)

    assert not batching.run_packed(project.pk, ids).look
    assert not execution.run_leg(project.pk, ids[:1]).look


def test_who_could_do_a_part_of_a_leg_only_has_somebody_look() -> None:
    project = project_of("phases: [{key: one, steps: [{key: a, agent: total}, {key: b, agent: total, needs: [a]}]}]")
    agent_that(lambda context: 1, "total")
    leg = list(Step.objects.filter(project=project).order_by("position").values_list("pk", flat=True))
    Step.objects.filter(pk=leg[1]).update(guarded=True)  # taken by nobody in passing

    assert execution.run_leg(project.pk, leg).look
