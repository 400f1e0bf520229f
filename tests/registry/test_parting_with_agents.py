"""Who is silent is gone, who has drained is gone, nobody is gone by mistake, and those concerned are told."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from redis import Redis

from agents import shared_state, tasks
from agents.models import Agent, AgentEvent, Registry
from agents.services import departures, pulses, sweeping
from agents.services.expiry import counts_running, on_gone, sweep
from agents.services.heartbeats import beat
from agents.services.registration import deregister, drain, find
from agents.states import AgentState
from agents.values import Performer
from tests.registry.agents import registered, silent_for
from tests.registry.conftest import empty_redis
from tests.registry.crowds import crowd

pytestmark = pytest.mark.django_db

LONG = 301


def listening_for(seconds: float) -> None:
    """As if agents could have been heard for so long."""
    sweep()
    Registry.objects.update(listening_since=Now() - timedelta(seconds=seconds))


@pytest.fixture
def told() -> list[str]:
    """The names of those who are told to be gone."""
    names: list[str] = []

    @on_gone
    def note(gone: Sequence[Performer]) -> None:
        names.extend(performer.name for performer in gone)

    return names


class _Answers:
    """A transport whose agents answer, or do not, by their names."""

    def check(self, agent: Performer) -> None:
        """Anything goes."""

    def probe(self, agent: Performer, *, timeout: float) -> bool:
        if agent.name == "raises":
            raise OSError("no")
        return agent.name == "answers"


def test_who_sends_nothing_and_answers_when_asked_stays(monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    monkeypatch.setattr("agents.transports.TRANSPORTS", {"http": _Answers()})
    listening_for(LONG)
    answering, dead, raising = registered("answers"), registered("dead"), registered("raises")
    for agent in (answering, dead, raising):
        silent_for(agent, LONG)

    done = sweep()

    assert (done.answered, done.expired) == (1, 2)
    assert [find(agent.pk).state == "gone" for agent in (answering, dead, raising)] == [False, True, True]
    assert sorted(told) == ["dead", "raises"]


def test_who_is_silent_for_too_long_is_gone_and_all_are_told(told: list[str]) -> None:
    listening_for(LONG)
    silent, quiet, fine = registered("silent"), registered("quiet"), registered("fine")
    silent_for(silent, LONG)
    silent_for(quiet, 299)

    done = sweep()

    assert (done.expired, done.told, told) == (1, 1, ["silent"])
    assert [find(agent.pk).state for agent in (silent, quiet, fine)] == ["gone", "starting", "starting"]
    event = silent.events.get(kind="agent.expired")
    assert (event.actor, event.data) == ("registry", {"reason": "it was silent for too long"})
    assert sweep().expired == 0
    assert told == ["silent"], "once"


def test_who_misses_heartbeats_loses_health_before_it_is_gone() -> None:
    agent = registered()
    beat(agent.pk)
    sweep()
    silent_for(agent, 180)

    sweep()

    found = find(agent.pk)
    assert found.health == pytest.approx(0.5, abs=0.01)
    assert found.state == AgentState.DEGRADED
    beat(agent.pk)
    sweep()
    assert find(agent.pk).state == AgentState.HEALTHY


def test_a_heartbeat_that_waits_in_redis_keeps_its_agent() -> None:
    listening_for(LONG)
    agent = registered()
    silent_for(agent, LONG)
    beat(agent.pk)

    sweep()

    assert find(agent.pk).state == AgentState.HEALTHY


def test_after_redis_was_emptied_silence_counts_anew(told: list[str]) -> None:
    listening_for(LONG)
    agent = registered()
    silent_for(agent, LONG)
    empty_redis()

    assert sweep().deaf
    assert find(agent.pk).state != AgentState.GONE
    Registry.objects.update(listening_since=Now() - timedelta(seconds=299))
    assert sweep().deaf
    Registry.objects.update(listening_since=Now() - timedelta(seconds=LONG))
    assert sweep().expired == 1
    assert told == ["caller"]


def test_while_redis_is_away_nobody_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    listening_for(LONG)
    agent = registered()
    silent_for(agent, LONG)
    nowhere = Redis(port=1)
    with monkeypatch.context() as patch:
        patch.setattr(pulses, "client", lambda: nowhere)
        patch.setattr(shared_state, "client", lambda: nowhere)
        assert sweep().deaf
        tasks.sweep()
        tasks.write_down_heartbeats()

    assert find(agent.pk).state != AgentState.GONE
    assert sweep().expired == 1, "it was away for a moment only"


def test_after_nobody_swept_for_long_silence_counts_anew() -> None:
    listening_for(LONG)
    silent_for(registered(), LONG)
    Registry.objects.update(looked_at=Now() - timedelta(seconds=61))

    assert sweep().deaf
    assert find("caller").state != AgentState.GONE


def test_where_another_is_writing_down_nobody_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    listening_for(LONG)
    silent_for(registered(), LONG)
    monkeypatch.setattr(sweeping.heartbeats, "write_down", lambda: sweeping.Written(complete=False))

    assert sweep().deaf


def test_who_drains_is_gone_when_it_has_nothing_running(told: list[str]) -> None:
    agent = registered()
    running = {str(agent.pk): 2}
    counts_running(lambda performers: running)
    drain(agent=agent.pk, actor="user:olga")

    sweep()
    assert find(agent.pk).state == AgentState.DRAINING
    running.clear()
    sweep()
    assert find(agent.pk).state == AgentState.DRAINING, "who found it just before may still begin"
    Agent.objects.update(state_at=Now() - timedelta(seconds=3))
    running[str(agent.pk)] = 1
    sweep()
    assert find(agent.pk).state == AgentState.DRAINING
    running.clear()

    assert sweep().drained == 1
    assert (find(agent.pk).state, told) == (AgentState.GONE, ["caller"])
    assert agent.events.get(kind="agent.left").data == {"reason": "it has drained"}


def test_an_observer_that_fails_is_told_again_and_keeps_nobody_from_being_told(told: list[str]) -> None:
    failing = True

    def observer(gone: Sequence[Performer]) -> None:
        if failing:
            raise RuntimeError("no")

    departures._observers.insert(0, observer)
    listening_for(LONG)
    silent_for(registered(), LONG)

    assert sweep().told == 0
    failing = False
    assert sweep().told == 1
    assert told == ["caller", "caller"], "at least once"
    assert sweep().told == 0


@pytest.mark.django_db(transaction=True)
def test_who_deregisters_is_told_of_at_once(told: list[str]) -> None:
    registered()

    deregister(agent="caller", actor="user:olga")

    assert told == ["caller"]


@pytest.mark.django_db(transaction=True)
def test_a_sweep_that_is_killed_before_it_tells_leaves_it_to_the_next(
    process_environment: dict[str, str], told: list[str]
) -> None:
    listening_for(LONG)
    silent_for(registered(), LONG)
    environment = process_environment | {"PHASEGATE_FAULT": "agents_parted_with:kill"}

    done = subprocess.run([sys.executable, "-c", SWEEPER], env=environment, timeout=60, check=False)

    assert done.returncode == -9
    assert find("caller").state == AgentState.GONE
    assert told == []
    sweep()
    assert told == ["caller"]


SWEEPER = """
import django
django.setup()
from agents.services.expiry import sweep
sweep()
"""


@pytest.mark.django_db(transaction=True)
def test_sweeps_at_once_part_with_each_agent_once() -> None:
    listening_for(LONG)
    crowd(1500)
    Agent.objects.update(heard_at=Now() - timedelta(seconds=LONG))
    errors: list[BaseException] = []

    def run() -> None:
        try:
            sweep()
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sweep()

    assert errors == []
    assert not Agent.objects.live().exists()
    assert AgentEvent.objects.filter(kind="agent.expired").count() == 1500
    while sweep().told:
        pass
    assert not Agent.objects.untold().exists()


def test_what_happened_long_ago_is_removed() -> None:
    agent = registered()
    agent.events.update(at=Now() - timedelta(days=31))
    drain(agent=agent.pk, actor="user:olga")

    sweep()

    assert list(agent.events.values_list("kind", flat=True)) == ["agent.draining"]
    assert pulses.waiting() == 0
