"""Which project is served first, and projects that begin after others."""

from __future__ import annotations

from typing import Any

import pytest
from celery import current_app
from kombu import Connection, Consumer

from orchestrator_site.access.actors import system_actor
from orchestrator_site.conf import POOLS, PRIORITIES
from projects.errors import AfterNotFound, RefusedInState
from projects.models import Project, Step
from projects.services import control, creating, passes, publishing
from projects.services.recovery import recover
from projects.services.registration import find_blueprint
from tests.builders import agent_that, drive, kinds, look, project_of

pytestmark = pytest.mark.django_db(transaction=True)

ONE = "phases: [{key: one, steps: [{key: a, agent: echo, params: {say: done}}]}]"


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


@pytest.mark.parametrize("priority", PRIORITIES)
def test_the_priority_of_a_project_is_the_queue_of_its_steps(priority: str, monkeypatch: pytest.MonkeyPatch) -> None:
    queues: list[Any] = []
    monkeypatch.setattr(
        publishing, "_publish", lambda signatures, steps: queues.extend(each.options["queue"] for each in signatures)
    )

    project = drive(project_of(ONE, priority=priority), steps=0)

    assert f"cpu.{priority}" in queues
    assert {queue for queue in queues if queue != "control"} == {f"cpu.{priority}"}
    assert project.priority_name == priority


def test_recovery_looks_at_critical_projects_first() -> None:
    waiting = {priority: project_of(ONE, priority=priority) for priority in ("low", "critical", "normal", "high")}
    Step.objects.update(published_at=None)

    found = passes.Turn("neglected").take(window=200)

    assert found == [waiting[priority].pk for priority in PRIORITIES]


@pytest.mark.parametrize("pool", POOLS)
def test_a_worker_takes_from_the_queues_of_its_pool_in_the_order_of_priority(pool: str) -> None:
    """As its consumer does: a connection with the transport options of the settings, on the real broker."""
    queues = [f"{pool}.{priority}" for priority in PRIORITIES]
    taken: list[str] = []
    with current_app.connection_for_write() as connection:
        connection.default_channel.client.flushall()
        producer = connection.Producer()
        for _ in range(3):
            for queue in reversed(queues):
                producer.publish({}, routing_key=queue, exchange="", declare=[current_app.amqp.queues[queue]])
    with current_app.connection_for_read() as connection:
        _drain(connection, queues, taken, 12)

    assert taken == [queue for queue in queues for _ in range(3)]


def _drain(connection: Connection, queues: list[str], taken: list[str], count: int) -> None:
    channel = connection.channel()
    channel.basic_qos(0, 1, False)

    def take(body: Any, message: Any) -> None:
        taken.append(message.delivery_info["routing_key"])
        message.ack()

    with Consumer(channel, [current_app.amqp.queues[queue] for queue in queues], callbacks=[take]):
        while len(taken) < count:
            connection.drain_events(timeout=5)


# --- after ----------------------------------------------------------------------------------------------------------


def after(*before: Project) -> Project:
    return project_of(ONE, after=[project.pk for project in before])


def test_a_chain_of_three_runs_one_after_another() -> None:
    first = project_of(ONE)
    second = after(first)
    third = after(second)
    assert [look(each).state for each in (second, third)] == ["pending", "pending"]
    recover()
    assert look(second).state == "pending"

    drive(first)
    recover()
    assert [look(each).state for each in (first, second, third)] == ["completed", "running", "pending"]
    drive(second)
    recover()
    drive(third)

    assert look(third).state == "completed"


def test_one_that_was_only_made_begins_when_somebody_asks_for_it_and_not_by_itself() -> None:
    first, other = project_of(ONE), project_of(ONE)
    second = project_of(ONE, after=[first.pk, other.pk], started=False)
    drive(first)
    control.start(project_id=second.pk, actor=system_actor())
    third = project_of(ONE, after=[first.pk], started=False)
    recover()
    assert [look(each).state for each in (second, third)] == ["pending", "pending"]

    drive(other)
    recover()
    recover()

    assert look(second).state == "running", "its start was asked for while it had to wait"
    assert look(third).state == "pending"
    control.start(project_id=third.pk, actor=system_actor())
    assert look(third).state == "running"


def test_what_follows_a_project_that_was_cancelled_is_cancelled_and_says_after_which() -> None:
    first = project_of(ONE)
    second = after(first)
    third = after(second)

    control.cancel(project_id=first.pk, actor=system_actor(), reason="not needed")
    for _ in range(3):
        recover()

    second, third = look(second), look(third)
    assert (second.state, second.failure_code) == ("cancelled", "predecessor_failed")
    assert (
        f"Project {first} ({first.pk}), after which this one is to run, did not complete; it was cancelled."
        == second.failure
    )
    assert (third.state, third.failure_code) == ("cancelled", "predecessor_failed")
    assert str(second.pk) in third.failure
    assert str(first.pk) in third.failure, "and why that was cancelled"
    assert kinds(second)[-1] == "project.cancelled"


def test_one_that_is_to_run_after_a_failed_project_is_refused_with_its_reason() -> None:
    agent_that(lambda context: context.params["missing"], "broken")
    failed = drive(project_of(ONE.replace("agent: echo", "agent: broken, retry: {max_attempts: 1}")))
    assert failed.state == "failed"

    with pytest.raises(RefusedInState, match=f"{failed.pk}.*failed: Step 'a' failed"):
        after(failed)


def test_projects_cannot_wait_for_one_another_in_a_circle() -> None:
    """A project runs after such only as are there already, and what it runs after is never changed."""
    first = project_of(ONE, key="first")
    second = after(first)

    same = creating.create_project(blueprint=first.blueprint, actor=system_actor(), key="first", after=[second.pk])

    assert not same.is_new
    assert list(first.after.all()) == []
    with pytest.raises(AfterNotFound):
        creating.create_project(
            blueprint=find_blueprint(first.blueprint.name), actor=system_actor(), after=[first.pk, system_id()]
        )


def system_id() -> Any:
    from orchestrator_site import clock

    return clock.new_id()
