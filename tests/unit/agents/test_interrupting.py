"""What the main thread is in is interrupted at its limit and where it was told to stop; nothing else is."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from agents.definition import AgentDefinition
from agents.errors import AgentTimedOut, WorkCancelled
from agents.transports import interrupting
from agents.transports.python import call
from orchestrator_site.conf import conf
from tests.conformance.agents import Context, work_of


class Told(Context):
    """The context of an attempt that is told to stop at once, or never."""

    def __init__(self, *, told: bool) -> None:
        super().__init__(work_of("nothing"))
        self.cancelled_at = time.monotonic() if told else float("inf")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    given = conf().model_copy(update={"cancel_grace_seconds": 0.3})
    monkeypatch.setattr("agents.transports.python.conf", lambda: given)
    monkeypatch.setattr(interrupting, "AGAIN", 0.3)


@pytest.fixture
def knocking() -> Iterator[None]:
    """What the heartbeat of a worker process does."""
    stop = threading.Event()

    def knock() -> None:
        while not stop.wait(0.05):
            interrupting.knock()

    thread = threading.Thread(target=knock)
    thread.start()
    yield
    stop.set()
    thread.join()


def run(function: Callable[[Any], Any], *, told: bool = False, timeout: float = 30.0) -> Any:
    return call(AgentDefinition("under-test", function), Told(told=told), timeout=timeout)


def sleeps(_context: Any) -> None:
    time.sleep(30)


async def sleeps_in_a_loop(_context: Any) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("function", [sleeps, sleeps_in_a_loop])
def test_it_is_interrupted_where_it_goes_on_though_it_was_told_to_stop(
    function: Callable[..., Any], knocking: None
) -> None:
    began = time.monotonic()
    with pytest.raises(WorkCancelled, match="was told to stop"):
        run(function, told=True)
    assert 0.25 <= time.monotonic() - began < 10


@pytest.mark.parametrize("function", [sleeps, sleeps_in_a_loop])
@pytest.mark.parametrize("in_main", [True, False])
def test_it_is_interrupted_at_its_limit(function: Callable[..., Any], in_main: bool) -> None:
    raised: list[BaseException] = []

    def run_it() -> None:
        try:
            run(function, timeout=0.2)
        except AgentTimedOut as error:
            raised.append(error)

    if in_main:
        run_it()
    else:
        thread = threading.Thread(target=run_it)
        thread.start()
        thread.join(10)
    assert "took longer than 0.2 s" in str(raised[0])


def test_in_a_thread_it_is_left_behind(caplog: pytest.LogCaptureFixture) -> None:
    go_on, raised = threading.Event(), []

    def waits(_context: Any) -> None:
        go_on.wait(30)

    def run_it() -> None:
        try:
            run(waits, told=True)
        except WorkCancelled as error:
            raised.append(error)

    thread = threading.Thread(target=run_it)
    thread.start()
    thread.join(10)
    go_on.set()
    assert raised
    assert "agent under-test goes on in its thread, which is left behind" in caplog.text


def test_who_was_not_told_is_left_alone_however_often_somebody_knocks(knocking: None) -> None:
    def works(_context: Any) -> int:
        time.sleep(0.5)
        return 7

    assert run(works) == 7


def test_a_function_that_swallows_it_is_interrupted_again_and_has_time_to_tidy_up_between(knocking: None) -> None:
    swallowed: list[float] = []

    def clings(_context: Any) -> str:
        while len(swallowed) < 3:
            try:
                time.sleep(30)
            except Exception:
                swallowed.append(time.monotonic())
        return "done"

    assert run(clings, told=True) == "done"
    assert all(later - earlier >= 0.25 for earlier, later in pairwise(swallowed))


def test_a_call_within_another_leaves_the_limit_of_the_outer_one_standing() -> None:
    def outer(_context: Any) -> None:
        assert run(lambda _context: 1, timeout=30) == 1
        time.sleep(30)

    began = time.monotonic()
    with pytest.raises(AgentTimedOut, match=r"longer than 0\.5 s"):
        run(outer, timeout=0.5)
    assert time.monotonic() - began < 10


def test_outside_a_call_a_knock_does_nothing() -> None:
    before, timer = signal.signal(signal.SIGALRM, signal.SIG_DFL), signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        run(lambda _context: None)
        interrupting.knock()
        signal.raise_signal(signal.SIGALRM)  # of a thread that knocked too late; by default it ends the process
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)


def test_the_timer_and_handler_of_others_are_there_again_after_a_call() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _frame: rung.append(number))
    timer = signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        run(lambda _context: None)
        time.sleep(0.4)
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *timer)
    assert rung == [signal.SIGALRM]


def test_one_that_returns_at_about_its_limit_is_interrupted_within_it_or_not_at_all() -> None:
    limit, late = 0.002, 0

    for place in range(1000):

        def works(_context: Any, seconds: float = limit * (place % 20) / 10) -> int:
            until = time.perf_counter() + seconds
            while time.perf_counter() < until:
                pass
            return 1

        try:
            assert run(works, timeout=limit) == 1
        except AgentTimedOut:
            late += 1
        assert interrupting._current is None, "what is over is not asked about any more"
    assert 0 < late < 1000


class TestWhatItWaitsFor:
    """A statement in a database, say: better ended than left in the middle."""

    def waiting(self, seconds: float, *, ends: bool) -> tuple[list[str], Callable[[], Any]]:
        said: list[str] = []

        def let_go() -> bool:
            said.append("let go")
            return True

        def waits() -> None:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                time.sleep(0.005)
                if ends and said:
                    raise ValueError("it was ended")

        def run_it() -> Any:
            until = time.monotonic() + 0.1

            def why() -> Exception | None:
                return AgentTimedOut("too long") if time.monotonic() >= until else None

            return interrupting.run(waits, until=until, why=why, let_go=let_go)

        return said, run_it

    def test_is_ended_and_what_comes_up_is_said_to_be_the_interruption(self) -> None:
        said, run_it = self.waiting(30, ends=True)
        with pytest.raises(AgentTimedOut) as raised:
            run_it()
        assert said
        assert isinstance(raised.value.__cause__, ValueError)

    def test_is_left_in_the_middle_where_it_cannot_be_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(interrupting, "GENTLE", 0.3)
        said, run_it = self.waiting(30, ends=False)
        with pytest.raises(AgentTimedOut) as raised:
            run_it()
        assert len(said) > 1
        assert raised.value.__cause__ is None

    def test_is_its_own_affair_in_time(self) -> None:
        said, run_it = self.waiting(0.02, ends=True)
        run_it()
        assert not said
