"""Following a project in the terminal: bars where there is one, plain lines on change where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self, TextIO
from uuid import UUID

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.text import Text

from orchestrator_site.showing.visible import one_line
from projects.models import Approval
from projects.reports.durations import in_words, left_in_words
from projects.services.notifying import Bell
from projects.services.progressing import PhaseProgress, Progress, progress
from projects.states import PROJECT, PhaseState

_LOOK = 0.5  # seconds between two looks at the steps, of which nobody tells; of ends and questions the bell does
_STEADY = 2.0  # seconds for which a reason to wait must last to be told in a plain line
_COUNTED = 1.0  # seconds at least between two plain lines that only count steps


class View(AbstractContextManager["View"], Protocol):
    """Where progress is shown."""

    def show(self, now: Progress) -> None:
        """Show how a project stands."""

    def say(self, line: str) -> None:
        """Tell something else, without breaking what is drawn."""


def view_on(stream: TextIO) -> View:
    """Bars if the stream is a terminal that can draw them, else plain lines."""
    console = Console(file=stream, highlight=False)
    if console.is_terminal and not console.is_dumb_terminal:
        return BarView(console)
    return LineView(lambda line: _write_line(stream, line))


def follow(
    project_id: UUID,
    view: View,
    *,
    until: Callable[[Progress], bool] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Progress:
    """Show a project until it is over, or ``until`` says so; ``meanwhile`` is called between two looks.

    It looks at once when a question is opened or decided, or the project ends.
    """
    enough = until or is_over
    with Bell(project_id) as bell:
        while True:
            now = progress(project_id=project_id)
            view.show(now)
            if enough(now):
                return now
            if meanwhile is not None:
                meanwhile()
            bell.wait(_LOOK)


def questions(project_id: UUID, view: View, *, meanwhile: Callable[[], None] | None = None) -> Iterator[Approval]:
    """Follow a project to its end, and give each approval that it comes to wait for, once.

    Nothing is drawn while the caller has an approval in hand.
    """
    asked: set[UUID] = set()

    def new() -> list[Approval]:
        return list(Approval.objects.open().filter(project_id=project_id).exclude(pk__in=asked))

    while True:
        with view:
            now = follow(
                project_id,
                view,
                until=lambda now: is_over(now) or (waits_for_people(now) and bool(new())),
                meanwhile=meanwhile,
            )
        if is_over(now):
            return
        for approval in new():
            asked.add(approval.pk)
            yield approval


def is_over(now: Progress) -> bool:
    """Whether nothing more will happen to the project."""
    return now.state in PROJECT.terminal


def waits_for_people(now: Progress) -> bool:
    """Whether a phase waits for an approval."""
    return any(phase.state == PhaseState.WAITING for phase in now.phases)


class LineView:
    """A line for each change: of a state, of the steps done at most once a second, of what it waits for."""

    def __init__(self, write: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._write = write
        self._clock = clock
        self._states: tuple[Any, ...] = ()
        self._done = -1
        self._told_at = 0.0
        self._waits_for = ""
        self._since = 0.0
        self._told = ""
        self._line = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def say(self, line: str) -> None:
        """Write it."""
        self._write(one_line(line))

    def show(self, now: Progress) -> None:
        """Write a line if something has changed that a person wants to know."""
        at = self._clock()
        if now.next_action != self._waits_for:
            self._waits_for, self._since = now.next_action, at
        states = (now.state, now.directive, *((phase.state, phase.round) for phase in now.phases))
        done = sum(phase.done for phase in now.phases)
        if (
            states != self._states
            or (done != self._done and at - self._told_at >= _COUNTED)
            or (not now.running and self._waits_for != self._told and at - self._since >= _STEADY)
        ):
            self._states, self._done, self._told_at, self._told = states, done, at, now.next_action
            line = line_of(now)
            if line != self._line:
                self._write(line)
            self._line = line


def line_of(now: Progress) -> str:
    """A project's standing in one line."""
    current = current_phase(now)
    where = f"{current.title or current.key} ({count_of(current)}): " if current is not None else ""
    return f"{now.share:4.0%}  {one_line(where + now.next_action)}"


def current_phase(now: Progress) -> PhaseProgress | None:
    """The phase that is worked on or waits."""
    live = (PhaseState.RUNNING, PhaseState.WAITING)
    return next((phase for phase in now.phases if phase.state in live), None)


def count_of(phase: PhaseProgress) -> str:
    """How many steps of a phase are done, and its round where there was rework."""
    again = f", round {phase.round}" if phase.round > 1 else ""
    return f"{phase.done} of {phase.total} steps{again}"


class BarView:
    """A bar for each phase, and under them what happens now; drawn in place."""

    def __init__(self, console: Console) -> None:
        self._bars = Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}", markup=False),
            TextColumn("{task.fields[state]}", markup=False),
            console=console,
            auto_refresh=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._live = Live(console=console, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last picture standing."""
        self._live.stop()

    def say(self, line: str) -> None:
        """Write it above what is drawn."""
        self._live.console.print(Text(one_line(line)))

    def show(self, now: Progress) -> None:
        """Draw it anew."""
        for phase in now.phases:
            self._show_phase(phase)
        words = left_in_words(now.eta_low, now.eta, now.eta_high)
        left = f", {words}" if words else ""
        told = Text(one_line(f"{now.next_action} ({now.share:.0%}, {in_words(now.elapsed)}{left})"))
        self._live.update(Group(self._bars.get_renderable(), told), refresh=True)

    def _show_phase(self, phase: PhaseProgress) -> None:
        if phase.key not in self._tasks:
            self._tasks[phase.key] = self._bars.add_task(one_line(phase.title or phase.key), count="", state="")
        self._bars.update(
            self._tasks[phase.key],
            total=max(phase.total, 1),
            completed=phase.done,
            count=count_of(phase),
            state=phase.state,
        )


def _write_line(stream: TextIO, line: str) -> None:
    stream.write(f"{line}\n")
    stream.flush()
