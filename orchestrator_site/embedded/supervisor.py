"""Keeping processes alive: started together, restarted when they die, ended in order.

One thread does it all, and starts every process: on Linux a process on a leash dies with the *thread* that
started it. ``supervise`` uses the caller's thread until a signal ends it; as a context manager,
``Supervisor`` works in a thread of its own behind another program.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from orchestrator_site.embedded.errors import CrashLoop
from orchestrator_site.embedded.role import Process, Role, describe

_TICK = 0.1  # seconds between two looks at everything
_LOOK_AFTER = 2.0  # seconds between two calls of ``look_after``


@dataclass(frozen=True, slots=True)
class Patience:
    """How restarts are spaced, and when they end: after ``crashes`` deaths within ``window`` seconds."""

    first: float = 0.5
    longest: float = 10.0
    crashes: int = 5
    window: float = 60.0

    def pause(self, deaths: int) -> float:
        """Seconds before the restart that follows the last of ``deaths`` recent ones."""
        return min(self.longest, self.first * 2.0 ** max(0, deaths - 1))


@dataclass(slots=True)
class _Seat:
    """Where the runs of one role follow each other."""

    role: Role
    process: Process | None = None
    due: float = 0.0
    deaths: deque[float] = field(default_factory=deque)
    ready: bool = False


class Supervisor:
    """Runs roles. ``write`` takes the finished output lines; ``look_after`` is called every two seconds.

    ``look_after`` names what it had to put right (the embedded servers' ``ensure``); an exception from it
    ends the supervision like a crash loop does.
    """

    def __init__(
        self,
        roles: Sequence[Role],
        *,
        write: Callable[[str], None],
        folder: Path,
        patience: Patience | None = None,
        look_after: Callable[[], Sequence[str]] | None = None,
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        """Nothing is started yet."""
        self._seats = [_Seat(role) for role in roles]
        self._write = write
        self._folder = folder
        self._patience = patience or Patience()
        self._look_after = look_after
        self._on_ready = on_ready
        self._width = max((len(role.name) for role in roles), default=0)
        self._selector = selectors.DefaultSelector()
        self._ending = threading.Event()
        self._hurry = threading.Event()
        self._all_ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_look = 0.0
        self.failure: Exception | None = None

    # --- from outside

    def supervise(self) -> None:
        """Run until SIGINT or SIGTERM (a second one ends all at once). Raises what else ended it."""
        with self._signals():
            self._run()
        self.check()

    def end(self) -> None:
        """Wish the end; from any thread, and more than once."""
        self._ending.set()

    def check(self) -> None:
        """Raise what ended the supervision (``CrashLoop`` for one), if something did."""
        if self.failure is not None:
            raise self.failure

    def wait_ready(self, timeout: float) -> bool:
        """Wait until every role is ready, ``timeout`` seconds at most. Raises what ended the supervision."""
        until = time.monotonic() + timeout
        while not self._all_ready.wait(_TICK) and time.monotonic() < until:
            self.check()
        return self._all_ready.is_set()

    def wait(self) -> None:
        """Wait until the supervision in a thread of its own has ended. Raises what ended it."""
        if self._thread is not None:
            self._thread.join()
        self.check()

    def pids(self) -> dict[str, int]:
        """The number of the main process of each role that runs."""
        return {seat.role.name: seat.process.pid for seat in self._seats if seat.process is not None}

    def __enter__(self) -> Self:
        """Run in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process; raises what ended the supervision, unless something else is raised already."""
        self.end()
        try:
            self.wait()
        except Exception:
            if error is None:
                raise

    # --- the loop

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                self._start_due()
                self._pass_on(_TICK)
                self._bury()
                self._look_for_ready()
                self._look_around()
        except Exception as error:  # whatever it is, the processes must be ended before it is told
            self.failure = error
        finally:
            self._end_all()
            self._selector.close()

    def _start_due(self) -> None:
        for seat in self._seats:
            if seat.process is None and time.monotonic() >= seat.due:
                seat.process = Process(seat.role, self._folder)
                self._selector.register(seat.process.output, selectors.EVENT_READ, seat)

    def _pass_on(self, seconds: float) -> None:
        """Pass on what was written, waiting ``seconds`` for it at most."""
        if not self._selector.get_map():
            time.sleep(seconds)
        for key, _events in self._selector.select(seconds):
            seat: _Seat = key.data
            lines = seat.process.read_lines() if seat.process else None
            if lines is None:
                self._selector.unregister(key.fd)
            else:
                self._say(seat.role.name, lines)

    def _say(self, name: str, lines: Sequence[str]) -> None:
        for line in filter(str.strip, lines):
            self._write(f"{name:<{self._width}} | {line}")

    def _bury(self) -> None:
        for seat in self._seats:
            if seat.process is not None and (status := seat.process.exit_status()) is not None:
                last_words = self._close(seat)
                self._note_death(seat, status, last_words)

    def _close(self, seat: _Seat) -> Sequence[str]:
        process = seat.process
        if process is None:
            return ()
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.output)
        self._say(seat.role.name, process.close())
        seat.process = None
        return tuple(process.last_words)

    def _note_death(self, seat: _Seat, status: int, last_words: Sequence[str]) -> None:
        now = time.monotonic()
        seat.deaths.append(now)
        while seat.deaths and seat.deaths[0] < now - self._patience.window:
            seat.deaths.popleft()
        if len(seat.deaths) >= self._patience.crashes:
            said = "\n".join(f"  {line}" for line in last_words) or "  (nothing)"
            raise CrashLoop(
                f"{seat.role.name} ended {len(seat.deaths)} times within {self._patience.window:.0f} s, "
                f"the last time with {describe(status)}; everything is stopped. It said at last:\n{said}",
                role=seat.role.name,
            )
        pause = self._patience.pause(len(seat.deaths))
        seat.due = now + pause
        self._say(seat.role.name, [f"ended with {describe(status)}; starting again in {pause:g} s"])

    def _look_for_ready(self) -> None:
        if self._all_ready.is_set():
            return
        for seat in self._seats:
            if seat.process is None:
                return
            seat.ready = seat.ready or seat.role.ready is None or seat.role.ready()
            if not seat.ready:
                return  # the next time: asking may take a moment, and the others are not to wait for it
        self._all_ready.set()
        if self._on_ready is not None:
            self._on_ready()

    def _look_around(self) -> None:
        if self._look_after is None or time.monotonic() < self._next_look:
            return
        for name in self._look_after():
            self._say(name, ["was gone; started again"])
        self._next_look = time.monotonic() + _LOOK_AFTER

    # --- the end

    def _end_all(self) -> None:
        for stage in sorted({seat.role.stage for seat in self._seats}):
            self._end_stage([seat for seat in self._seats if seat.role.stage == stage and seat.process])

    def _end_stage(self, seats: list[_Seat]) -> None:
        began = time.monotonic()
        for seat in seats:
            if seat.process is not None:
                seat.process.wish_end()
        while left := [seat for seat in seats if seat.process is not None]:
            for seat in left:
                self._end_one(seat, late=time.monotonic() - began > seat.role.grace)
            with contextlib.suppress(Exception):  # a terminal that is gone must not keep processes alive
                self._pass_on(_TICK / 2)

    def _end_one(self, seat: _Seat, *, late: bool) -> None:
        process = seat.process
        if process is None:
            return
        if process.exit_status() is not None:
            with contextlib.suppress(Exception):
                self._close(seat)
            seat.process = None
        elif late or self._hurry.is_set():
            process.kill()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def ask(_number: int, _frame: FrameType | None) -> None:
            if self._ending.is_set():
                self._hurry.set()
            self._ending.set()

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
