"""Many agents asked at once, in real threads: a quorum, a deadline that holds, and nobody left behind."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from django.db import connection

from agents.errors import AgentBusy, QuorumMissed, UnknownAggregation
from agents.services.scattering import _threads, scatter
from agents.values import Accepted, Done, Performer
from orchestrator_site.conf import conf
from orchestrator_site.errors import InvalidInput

PATIENCE = 10.0
"""Far more than anything here takes; a test that gets there has failed."""


def agents(count: int) -> list[Performer]:
    return [Performer(f"id-{n}", f"a{n}") for n in range(count)]


class Stage:
    """Agents that answer at once, but for those that are told to hang until the test lets them go."""

    def __init__(self) -> None:
        self.curtain = threading.Event()
        self.asked: list[str] = []

    def perform(self, *hanging: str) -> Callable[[Performer, Mapping[str, Any], float], Any]:
        def ask(agent: Performer, params: Mapping[str, Any], left: float) -> Any:
            self.asked.append(agent.name)
            if agent.name in hanging or "*" in hanging:
                self.curtain.wait(PATIENCE)
            return {"from": agent.name, "said": params["say"]}

        return ask


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.curtain.set()
    _all_threads_end()


def _all_threads_end() -> None:
    for thread in threading.enumerate():
        if thread.name == "scatter":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_all_are_asked_and_answer(stage: Stage) -> None:
    found = scatter(agents(5), {"say": "hello"}, perform=stage.perform(), deadline=PATIENCE)

    assert found.complete
    assert [answer["agent"] for answer in found.value] == ["a0", "a1", "a2", "a3", "a4"]
    assert found.value[3]["value"] == {"from": "a3", "said": "hello"}


def test_they_are_asked_at_once_and_not_one_after_another(stage: Stage) -> None:
    together = threading.Barrier(20)

    def meet(agent: Performer, params: Any, left: float) -> int:
        return together.wait(PATIENCE)

    assert scatter(agents(20), {}, perform=meet, deadline=PATIENCE).complete


def test_a_quorum_ends_it_without_waiting_for_who_hangs(stage: Stage) -> None:
    began = time.monotonic()
    found = scatter(agents(5), {"say": ""}, perform=stage.perform("a1", "a4"), deadline=PATIENCE, quorum=3)

    assert time.monotonic() - began < PATIENCE / 2
    assert found.answered == ("a0", "a2", "a3")
    assert not found.degraded


def test_the_deadline_holds_and_says_who_was_late(stage: Stage) -> None:
    began = time.monotonic()
    with pytest.raises(QuorumMissed, match="a2: it had not answered by the end"):
        scatter(agents(5), {"say": ""}, perform=stage.perform("a2"), deadline=0.2)

    assert 0.2 <= time.monotonic() - began < 2


def test_stragglers_are_waited_for_where_that_was_said(stage: Stage) -> None:
    threading.Timer(0.1, stage.curtain.set).start()

    found = scatter(
        agents(3), {"say": ""}, perform=stage.perform("a2"), deadline=PATIENCE, quorum=2, stragglers="await"
    )

    assert found.complete


def test_a_partial_result_is_there_at_the_deadline(stage: Stage) -> None:
    found = scatter(agents(4), {"say": ""}, perform=stage.perform("a1", "a2"), deadline=0.2, partial=True)

    assert (found.answered, found.degraded) == (("a0", "a3"), True)


def test_where_fewer_will_do_who_is_still_at_it_is_waited_for() -> None:
    failed = threading.Barrier(3)

    def ask(agent: Performer, params: Mapping[str, Any], left: float) -> str:
        failed.wait(PATIENCE)
        if agent.name != "a0":
            raise AgentBusy("Not now.")
        time.sleep(0.2)
        return "yes"

    found = scatter(agents(3), {}, perform=ask, deadline=PATIENCE, quorum=2, partial=True)

    assert (found.answered, found.degraded) == (("a0",), True)


def test_it_ends_as_soon_as_a_quorum_has_become_impossible(stage: Stage) -> None:
    def refuse(agent: Performer, params: Any, left: float) -> Any:
        if agent.name == "a0":
            raise AgentBusy("It asks to be left alone.", retry_after=9.0)
        return stage.perform("*")(agent, {"say": ""}, left)

    began = time.monotonic()
    with pytest.raises(QuorumMissed, match="a0: It asks to be left alone"):
        scatter(agents(3), {}, perform=refuse, deadline=PATIENCE)

    assert time.monotonic() - began < PATIENCE / 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ValueError("no"), "ValueError: no"),
        (SystemExit(3), "SystemExit: 3"),
        (Accepted(within=5), "it will answer later, which a scatter cannot wait for"),
    ],
)
def test_whatever_goes_wrong_is_one_missing_answer(answer: Any, why: str) -> None:
    def perform(agent: Performer, params: Any, left: float) -> Any:
        if agent.name != "a1":
            return Done(7)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    found = scatter(agents(3), {}, perform=perform, deadline=PATIENCE, aggregation="majority")

    assert found.value == 7
    assert [(one.name, one.why) for one in found.missing] in ([("a1", why)], [("a1", "the others were enough")])


def test_each_agent_is_told_how_long_it_has(stage: Stage) -> None:
    found = scatter(agents(2), {}, perform=lambda agent, params, left: left, deadline=5.0)

    assert all(4 < answer["value"] <= 5 for answer in found.value)


def test_more_agents_than_there_are_threads_are_asked_in_turn() -> None:
    count = conf().scatter_threads * 3

    assert scatter(agents(count), {}, perform=lambda *asked: 1, deadline=PATIENCE).complete


def test_hanging_agents_take_no_more_threads_than_there_are_and_give_them_back(stage: Stage) -> None:
    most = conf().scatter_threads

    with pytest.raises(QuorumMissed) as missed:
        scatter(agents(most + 6), {"say": ""}, perform=stage.perform("*"), deadline=0.3)
    whys = [one["why"] for one in missed.value.details["gathered"]["missing"]]
    assert len(stage.asked) == most
    assert whys.count("no thread was free to ask it in time") == 6

    with pytest.raises(QuorumMissed):  # all threads are with agents that hang
        scatter(agents(1), {"say": ""}, perform=stage.perform(), deadline=0.1)

    stage.curtain.set()
    _all_threads_end()
    assert scatter(agents(most), {"say": ""}, perform=stage.perform(), deadline=PATIENCE).complete
    _all_threads_end()
    assert _threads()._value == most  # type: ignore[attr-defined]


def test_threads_know_what_the_caller_knows() -> None:
    request = contextvars.ContextVar("request", default="none")
    request.set("r1")

    found = scatter(agents(2), {}, perform=lambda *asked: request.get(), deadline=PATIENCE, aggregation="majority")

    assert found.value == "r1"


@pytest.mark.django_db(transaction=True)
def test_threads_leave_no_connection_to_the_database_behind() -> None:
    def session(agent: Performer, params: Any, left: float) -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])

    found = scatter(agents(4), {}, perform=session, deadline=PATIENCE)
    _all_threads_end()
    theirs = [answer["value"] for answer in found.value]

    until = time.monotonic() + PATIENCE
    while _living(theirs) and time.monotonic() < until:  # the server needs a moment to see that they left
        time.sleep(0.01)
    assert not _living(theirs)


def _living(sessions: list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [sessions])
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("count", "how", "refusal"),
    [
        (0, {}, InvalidInput),
        (1, {"deadline": 0}, InvalidInput),
        (1, {"deadline": float("nan")}, InvalidInput),
        (1, {"quorum": 2}, InvalidInput),
        (1, {"aggregation": "guess"}, UnknownAggregation),
    ],
)
def test_nobody_is_asked_where_it_cannot_be_done(
    stage: Stage, count: int, how: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        scatter(agents(count), {"say": ""}, perform=stage.perform(), **{"deadline": 1.0, **how})

    assert stage.asked == []


PROCESS = """
import django, time
django.setup()
from agents.services.scattering import scatter
from agents.values import Performer
scatter([Performer("x", "x"), Performer("y", "y")], {}, perform=lambda a, p, l: 1 if a.id == "x" else time.sleep(60),
        deadline=5, quorum=1)
print("over", flush=True)
"""


def test_a_process_ends_though_an_abandoned_agent_hangs() -> None:
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", PROCESS],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (0, "over\n"), ended.stderr
    assert time.monotonic() - began < 40
