"""Heartbeats are kept in Redis and written down in batches; none is lost, whoever is killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from django.db import connection, transaction

from agents.errors import AgentGone, AgentInvalid
from agents.models import Agent
from agents.services import pulses
from agents.services.heartbeats import Beat, beat, beat_many, write_down
from agents.services.registration import deregister, find
from agents.services.statistics import health_report, make_ready, note, note_many, statistics_of
from agents.shared_state import client
from agents.states import AgentState
from orchestrator_site.clock import new_id
from tests.registry.agents import registered, silent_for
from tests.registry.crowds import crowd

pytestmark = pytest.mark.django_db


def age(agent: Agent) -> float:
    """Seconds since it was heard of, by the database's clock."""
    with connection.cursor() as cursor:
        since = "extract(epoch FROM clock_timestamp() - heard_at)::float8"
        cursor.execute(f"SELECT {since} FROM agents_agent WHERE id = %s", [agent.pk])
        return float(cursor.fetchone()[0])


def test_a_batch_of_heartbeats_is_one_round_trip_and_one_statement() -> None:
    agents = crowd(2500)

    heard = beat_many([Beat(agent, 0.25) for agent in agents])
    written = write_down()

    assert (heard.kept, heard.unknown, written.agents) == (2500, (), 2500)
    assert Agent.objects.filter(load=0.25).count() == 2500
    assert pulses.waiting() == 0
    assert write_down().agents == 0


def test_a_heartbeat_counts_from_when_it_was_said_and_not_from_when_it_was_written() -> None:
    agent = registered()
    silent_for(agent, 100)
    beat(agent.pk)
    seconds = 40
    _age_beats(seconds)

    write_down()

    assert seconds <= age(agent) < seconds + 10


def test_an_old_heartbeat_does_not_make_a_newer_one_forgotten() -> None:
    agent = registered()
    silent_for(agent, 5)
    beat(agent.pk)
    _age_beats(60)

    write_down()

    assert age(agent) < 15


def _age_beats(seconds: float) -> None:
    """As if what waits in Redis had been said earlier."""
    for name, raw in client().hgetall(pulses.BEATS).items():
        stamp, rest = raw.split("|", 1)
        client().hset(pulses.BEATS, name, f"{int(stamp) - int(seconds * 1e6)}|{rest}")


def test_one_that_comes_while_another_is_written_down_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = registered()
    beat(agent.pk, load=0.1)
    forget = pulses.forget

    def late(written: dict[UUID, pulses.Pulse]) -> int:
        beat(agent.pk, load=0.9)
        return forget(written)

    monkeypatch.setattr(pulses, "forget", late)
    write_down()
    monkeypatch.undo()

    assert (find(agent.pk).load, pulses.waiting()) == (0.1, 1)
    write_down()
    assert (find(agent.pk).load, pulses.waiting()) == (0.9, 0)


def test_who_is_not_registered_learns_it_and_is_heard_again_after_registering() -> None:
    agent = registered()
    deregister(agent=agent.pk, actor="user:olga")
    stranger = new_id()

    beat(agent.pk)
    assert beat_many([Beat(stranger)]).unknown == ()
    assert write_down().unknown == 2

    with pytest.raises(AgentGone):
        beat(agent.pk)
    assert beat_many([Beat(stranger), Beat(agent.pk)]).unknown == (str(stranger), str(agent.pk))
    assert pulses.waiting() == 0
    assert find(agent.pk).state == AgentState.GONE


@pytest.mark.django_db(transaction=True)
def test_registering_again_lets_it_be_heard() -> None:
    agent = registered()
    deregister(agent=agent.pk, actor="user:olga")
    beat(agent.pk)
    write_down()

    registered()
    beat(agent.pk)
    write_down()

    assert find(agent.pk).state == AgentState.HEALTHY


@pytest.mark.parametrize(
    "given",
    [
        Beat(new_id(), load=-0.1),
        Beat(new_id(), load=float("nan")),
        Beat("not an id"),
        Beat(new_id(), details={"a": "\x00"}),
        Beat(new_id(), details={"a": float("inf")}),
        Beat(new_id(), details={"a": "x" * 5000}),
    ],
)
def test_what_could_not_be_written_down_is_refused_before_it_is_kept(given: Beat) -> None:
    with pytest.raises(AgentInvalid):
        beat_many([Beat(new_id()), given])
    assert pulses.waiting() == 0


def test_what_nobody_of_ours_put_into_redis_does_no_harm() -> None:
    agent = registered()
    client().hset(pulses.BEATS, mapping={"nonsense": "1|2|3", str(new_id()): "x", str(agent.pk): "junk|0.1|"})
    beat(agent.pk, load=0.7)

    write_down()

    assert (find(agent.pk).load, pulses.waiting()) == (0.7, 0)


@contextmanager
def held(agent: Agent) -> Iterator[None]:
    """Somebody else has the agent's row locked."""
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            Agent.objects.select_for_update().get(pk=agent.pk)
            locked.set()
            done.wait(20)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(20)
    try:
        yield
    finally:
        done.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_writing_down_waits_for_nobody_and_forgets_nobody() -> None:
    busy, free = registered("busy"), registered("free")
    beat_many([Beat(busy.pk, 0.5), Beat(free.pk, 0.5)])

    with held(busy):
        written = write_down()

    assert (written.agents, written.held, pulses.waiting()) == (1, {busy.pk}, 1)
    write_down()
    assert find(busy.pk).load == 0.5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("batch", [1, 2])
def test_a_writer_killed_in_the_middle_loses_nothing(process_environment: dict[str, str], batch: int) -> None:
    agents = crowd(2500)
    beat_many([Beat(agent, 0.125) for agent in agents])
    environment = process_environment | {"PHASEGATE_FAULT": f"heartbeats_written:kill@{batch}"}

    done = subprocess.run([sys.executable, "-c", WRITER], env=environment, timeout=60, check=False)

    assert done.returncode == -9
    written = Agent.objects.filter(load=0.125).count()
    assert 0 < written < 2500, "it died in the middle"
    assert pulses.waiting() + written >= 2500
    write_down()
    assert Agent.objects.filter(load=0.125).count() == 2500
    assert pulses.waiting() == 0


WRITER = """
import django
django.setup()
from agents.services.heartbeats import write_down
write_down()
"""


@pytest.mark.django_db(transaction=True)
def test_two_that_write_down_at_once_disturb_nobody() -> None:
    agents = crowd(3000)
    beat_many([Beat(agent, 0.5) for agent in agents])
    errors: list[BaseException] = []

    def write() -> None:
        try:
            while pulses.waiting():
                write_down()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert Agent.objects.filter(load=0.5).count() == 3000


def test_calls_that_fail_move_an_agent_down_and_time_brings_it_back() -> None:
    agent = registered()
    beat(agent.pk)
    note_many([(str(agent.pk), True, 0.1)] * 4)
    write_down()
    assert find(agent.pk).state == AgentState.HEALTHY

    note_many([(str(agent.pk), False, 0.1)] * 6)
    write_down()
    assert find(agent.pk).state == AgentState.DEGRADED

    note_many([(str(agent.pk), False, 0.1)] * 30)
    write_down()
    assert find(agent.pk).state == AgentState.UNHEALTHY

    key = f"{pulses.PREFIX}statistics:{agent.pk}"
    client().hset(key, "at", float(client().hget(key, "at") or 0) - 600)
    beat(agent.pk)
    write_down()
    assert find(agent.pk).state == AgentState.HEALTHY
    told = [event.data["after"] for event in agent.events.filter(kind="agent.health").order_by("id")]
    assert told == ["healthy", "degraded", "unhealthy", "healthy"]


def test_an_agent_is_slow_against_itself() -> None:
    agent = registered()
    note_many([(str(agent.pk), True, 0.1)] * 200)
    note_many([(str(agent.pk), True, 2.0)] * 10)

    found = statistics_of([agent.pk])[agent.pk]

    assert found.calls == 210
    assert found.successes == pytest.approx(210, rel=0.05)
    assert found.latency > 10 * found.baseline / 2
    write_down()
    assert find(agent.pk).health < 0.8


def test_one_note_in_anothers_pipeline_costs_no_trip_of_its_own() -> None:
    agent = registered()
    client().script_flush()
    make_ready()
    note(str(agent.pk), True, 0.1)

    with client().pipeline(transaction=False) as pipeline:
        note(str(agent.pk), False, 0.1, pipeline=pipeline)
        pipeline.ping()
        pipeline.execute()

    found = statistics_of([agent.pk])[agent.pk]
    assert (round(found.successes), round(found.failures)) == (1, 1)


def test_the_report_counts_all_and_names_the_worst() -> None:
    well, ill = registered("well"), registered("ill")
    Agent.objects.filter(pk=ill.pk).update(health=0.2, state=AgentState.UNHEALTHY)
    beat(well.pk)

    report = health_report(worst=1)

    assert report.states[AgentState.UNHEALTHY] == 1
    assert report.states[AgentState.STARTING] == 1
    assert [agent.name for agent in report.worst] == ["ill"]
    assert report.health == pytest.approx(0.6)
    assert report.waiting == 1
