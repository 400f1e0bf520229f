"""Clocks that jump, in processes that run: each of the site listens for signals that set its time wrong and right."""

from __future__ import annotations

from tests.faults.rounds import Round
from tests.faults.skewed.sitecustomize import AHEAD, BACK


def jump(names: tuple[str, ...], round_: Round, hours: int = 0) -> None:
    """The clocks of these processes jump by two hours, ahead or back as the seed chooses if it is not said."""
    number = AHEAD if (hours or round_.rng.choice((2, -2))) > 0 else BACK
    for name in names:
        round_.arena.set_clock(name, number)
    round_.broke()
