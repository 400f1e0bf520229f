"""First: whoever is quickest."""

from __future__ import annotations

from collections.abc import Sequence

from agents.gather.aggregation import Aggregation, Options
from agents.gather.values import Answered, Combined


class First(Aggregation):
    """The answer that arrived first. The only aggregation for which the order of arrival counts."""

    name = "first"

    def quorum(self, asked: int) -> int:
        """One answer."""
        return 1

    def combine(self, answers: Sequence[Answered], options: Options) -> Combined:
        """The first to arrive."""
        found = min(answers, key=lambda answer: answer.arrived)
        return Combined(found.value, (f"first: {found.name}",), {"agent": found.name})
