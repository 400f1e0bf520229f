"""Progress in the terminal: lines on change where nothing can be drawn, bars where it can."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from projects.management.watching import BarView, LineView, line_of, view_on
from projects.services.progressing import PhaseProgress, Progress

START = Progress(
    project="p",
    title="Project",
    state="running",
    directive="run",
    share=0.0,
    elapsed=1.0,
    eta=None,
    next_action="Working on a.",
    running=["a"],
    phases=[
        PhaseProgress("one", "The first", "running", 1, {"running": 1, "pending": 9}, 10, 0),
        PhaseProgress("two", "The second", "pending", 1, {"pending": 1}, 1, 0),
    ],
)


def with_done(done: int, **changes: object) -> Progress:
    first = replace(START.phases[0], done=done)
    return replace(START, share=done / 20, phases=[first, START.phases[1]], **changes)  # type: ignore[arg-type]


class Told:
    """What a view wrote, with a clock of the test's own."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.time = 100.0
        self.view = LineView(self.lines.append, clock=lambda: self.time)

    def shows(self, *moments: Progress, every: float) -> list[str]:
        for now in moments:
            self.view.show(now)
            self.time += every
        return self.lines


def test_nothing_is_written_while_nothing_changes() -> None:
    assert len(Told().shows(START, START, START, every=10)) == 1


def test_a_line_tells_share_phase_count_and_what_happens() -> None:
    assert line_of(with_done(5)) == " 25%  The first (5 of 10 steps): Working on a."


def test_steps_that_are_done_are_counted_once_a_second_at_most() -> None:
    quick = [with_done(number) for number in range(10)]

    assert len(Told().shows(*quick, every=0.1)) == 1
    assert len(Told().shows(*quick, every=1.0)) == 10


def test_a_change_of_state_is_told_at_once() -> None:
    phases = [replace(START.phases[0], state="waiting"), START.phases[1]]
    waiting = replace(START, phases=phases, next_action="Waits for readers to decide.")

    assert len(Told().shows(START, waiting, every=0.01)) == 2


def test_another_round_is_told() -> None:
    again = replace(START, phases=[replace(START.phases[0], round=2), START.phases[1]])

    assert "round 2" in Told().shows(START, again, every=0.01)[1]


def test_a_reason_to_wait_is_told_when_it_lasts() -> None:
    idle = replace(START, running=[], next_action="a is ready, but no worker of pool 'cpu' is alive.")

    assert len(Told().shows(START, idle, START, idle, every=0.5)) == 1
    assert "no worker" in Told().shows(START, *[idle] * 6, every=0.5)[1]
    assert len(Told().shows(START, *[idle] * 60, every=0.5)) == 2


def test_nothing_that_steers_a_terminal_gets_through() -> None:
    nasty = replace(START, next_action="Waits for \x1b[2J\u202enobody\nnothing")

    [line] = Told().shows(nasty, every=1)

    assert line.isprintable()
    assert "[U+001B][2J[U+202E]nobody nothing" in line


def test_without_a_terminal_lines_are_written() -> None:
    stream = io.StringIO()

    with view_on(stream) as view:
        view.show(START)
        view.say("Something else")

    assert stream.getvalue() == f"{line_of(START)}\nSomething else\n"


def drawn(*moments: Progress, said: str = "", **environment: str) -> str:
    """What bars leave on a terminal."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, highlight=False, _environ=environment)
    with BarView(console) as view:
        for now in moments:
            view.show(now)
        if said:
            view.say(said)
    return stream.getvalue()


def test_on_a_terminal_every_phase_has_a_bar() -> None:
    picture = drawn(START, with_done(10), TERM="xterm-256color")

    for expected in ("The first", "10 of 10 steps", "The second", "0 of 1 steps", "Working on a."):
        assert expected in picture
    assert "\x1b[" in picture


def test_what_is_said_meanwhile_stands_above_the_bars() -> None:
    picture = drawn(START, said="No worker runs", TERM="xterm-256color")

    assert picture.rindex("No worker runs") < picture.rindex("The second")


def test_colours_are_left_out_where_they_are_not_wanted() -> None:
    coloured = "\x1b[38;5;"

    assert coloured in drawn(with_done(5), TERM="xterm-256color")
    assert coloured not in drawn(with_done(5), TERM="xterm-256color", NO_COLOR="1")


def test_bars_do_not_read_titles_as_markup() -> None:
    nasty = replace(START, phases=[replace(START.phases[0], title="[bold red]x[/] [link=evil]y"), START.phases[1]])

    assert "[bold red]x[/] [link=evil]y" in drawn(nasty, TERM="xterm-256color")


@pytest.mark.parametrize(("terminal", "kind"), [("xterm", BarView), ("dumb", LineView)])
def test_a_terminal_that_cannot_draw_gets_lines(
    monkeypatch: pytest.MonkeyPatch, terminal: str, kind: type[object]
) -> None:
    monkeypatch.setenv("TERM", terminal)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(view_on(Terminal()), kind)
