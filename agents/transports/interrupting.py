"""Interrupting what the main thread is in: at its time limit, and where it goes on though it was told to stop.

Python runs the handler of a signal in the main thread, and what the handler raises comes up where that thread is. So
nothing may be interrupted but the function that is being called at that moment, whichever thread asks for it: the
handler looks whether the thread is still within that very call, and does nothing where it is past it.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

AGAIN = 5.0
"""Seconds after which a function that caught what interrupted it is interrupted again."""

GENTLE, GENTLY = 1.0, 0.05
"""Seconds for which what the function waits for is ended instead, and between two looks whether it has come up."""

Why = Callable[[], Exception | None]
"""What is to interrupt the function now; None: it may go on."""


class _Call:
    """A call that the main thread is in, which nothing interrupts before ``quiet_until``.

    ``ended_for`` is why something that it waited for was ended, first at ``gentle_since``.
    """

    __slots__ = ("ended_for", "frame", "gentle_since", "let_go", "quiet_until", "until", "why")

    def __init__(self, until: float, why: Why, let_go: Callable[[], bool]) -> None:
        self.until = until
        self.why = why
        self.let_go = let_go
        self.quiet_until = 0.0
        self.frame: FrameType | None = None
        self.ended_for: Exception | None = None
        self.gentle_since: float | None = None


_current: _Call | None = None


def run(function: Callable[[], T], *, until: float, why: Why, let_go: Callable[[], bool] = lambda: False) -> T:
    """What the function returns. ``why`` is asked at the moment ``until`` of the monotonic clock, and at each knock.

    ``let_go`` ends what the thread waits for, if that raises by itself then and is better not left in the middle; False
    where there is nothing such. In the main thread. One call may be made within another: the one within is asked about,
    and then the other again.
    """
    global _current
    handler = signal.getsignal(signal.SIGALRM)
    if handler is not _ring:
        signal.signal(signal.SIGALRM, _ring)
    around, call = _current, _Call(until, why, let_go)
    _current = call
    left, again = signal.setitimer(signal.ITIMER_REAL, _left(until))
    began = time.monotonic()
    try:
        return _within(call, function)
    except Exception as error:
        if call.ended_for is None:
            raise
        raise call.ended_for from error  # else it would say only that what it waited for was ended
    finally:
        call.frame = None
        _current = around
        signal.setitimer(signal.ITIMER_REAL, 0)
        if callable(handler) and handler is not _ring:
            signal.signal(signal.SIGALRM, handler)
        # Without one before it ours stays: it does nothing where no call is, and a late knock must not end the process.
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001), again)


def knock() -> None:
    """Have the call that the main thread is in asked about now, if it is in one; from any thread."""
    if _current is not None and signal.getsignal(signal.SIGALRM) is _ring:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGALRM)


def _within(call: _Call, function: Callable[[], T]) -> T:
    call.frame = sys._getframe()
    return function()


def _ring(_signal: int, frame: FrameType | None) -> None:
    call = _current
    if call is None:
        return
    now = time.monotonic()
    error = call.why() if now >= call.quiet_until and _is_within(call, frame) else None
    if error is not None and _lets_go(call, error, now):
        signal.setitimer(signal.ITIMER_REAL, GENTLY)
        return
    if error is not None:
        call.quiet_until = now + AGAIN  # time to tidy up
        call.ended_for = None  # this says it by itself
    signal.setitimer(signal.ITIMER_REAL, _left(max(call.until, call.quiet_until)))
    if error is not None:
        raise error


def _lets_go(call: _Call, error: Exception, now: float) -> bool:
    """Whether the function waited for something that could be ended, and comes up by itself."""
    if call.gentle_since is not None and now - call.gentle_since > GENTLE:
        return False
    if not call.let_go():
        return False
    call.ended_for = error
    if call.gentle_since is None:
        call.gentle_since = now
    return True


def _is_within(call: _Call, frame: FrameType | None) -> bool:
    """Whether the thread is in what the call calls: not before it, nor already tidying up behind it."""
    if call.frame is None:
        return False
    while frame is not None and frame is not call.frame:
        frame = frame.f_back
    return frame is not None


def _left(until: float) -> float:
    return max(until - time.monotonic(), 0.001)
