"""Majority: what most agents say."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agents.gather.aggregation import Aggregation, Options
from agents.gather.agreeing import made
from agents.gather.values import Answered, Combined
from orchestrator_site.errors import InvalidInput


class Majority(Aggregation):
    """The value with the most votes; equal is what has the same canonical JSON, so that 1 and 1.0 are one vote.

    A tie elects nobody: the value is null, and the notes name the tied. Options: ``absolute`` (more than half of
    the votes are needed), ``weighted`` (an agent's vote counts by its weight).
    """

    name = "majority"
    options = frozenset({"absolute", "weighted"})

    def quorum(self, asked: int) -> int:
        """More than half."""
        return asked // 2 + 1

    def check(self, options: Options) -> None:
        """Both options are true or false."""
        super().check(options)
        for name, value in options.items():
            if not isinstance(value, bool):
                raise InvalidInput(
                    f"The option {name!r} of the aggregation 'majority' is true or false, not {value!r}."
                )

    def settled(self, answers: Sequence[Answered], pending: int, options: Options) -> bool:
        """Whether somebody leads: while there is a tie it is worth waiting for who has not answered."""
        try:
            elected = _elected(_count(answers, options), options)
        except (ValueError, TypeError):
            return True  # nothing that comes makes it better; `combine` says what is wrong
        return elected is not None

    def combine(self, answers: Sequence[Answered], options: Options) -> Combined:
        """What was elected, with the votes."""
        return made("majority", lambda: _combined(_count(answers, options), options))


def _count(answers: Sequence[Answered], options: Options) -> list[tuple[float, list[Answered]]]:
    """The voters of each value and what their votes come to, most first."""
    voters: dict[bytes, list[Answered]] = {}
    for answer in answers:
        voters.setdefault(answer.form, []).append(answer)
    weigh = options.get("weighted", False)
    counted = [(math.fsum(one.weight for one in who) if weigh else float(len(who)), who) for who in voters.values()]
    return sorted(counted, key=lambda pair: -pair[0])


def _elected(counted: list[tuple[float, list[Answered]]], options: Options) -> list[Answered] | None:
    most, who = counted[0]
    if len(counted) > 1 and counted[1][0] == most:
        return None
    half = math.fsum(votes for votes, _ in counted) / 2
    return None if options.get("absolute") and most <= half else who


def _combined(counted: list[tuple[float, list[Answered]]], options: Options) -> Combined:
    elected = _elected(counted, options)
    total = math.fsum(votes for votes, _ in counted)
    votes = [{"value": who[0].value, "votes": count, "agents": [one.name for one in who]} for count, who in counted]
    most = counted[0][0]
    if elected is not None:
        note = f"{most:g} of {total:g} votes agree"
    elif len(counted) > 1 and counted[1][0] == most:
        tied = sum(count == most for count, _ in counted)
        note = f"a tie: {tied} values have {most:g} of {total:g} votes each, so that none is chosen"
    else:
        note = f"no absolute majority: the most is {most:g} of {total:g} votes"
    value = elected[0].value if elected is not None else None
    return Combined(value, (note,), {"elected": elected is not None, "votes": votes})
