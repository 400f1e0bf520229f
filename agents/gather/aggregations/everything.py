"""All: every answer, by agent."""

from __future__ import annotations

from collections.abc import Sequence

from agents.gather.aggregation import Aggregation, Options
from agents.gather.values import Answered, Combined


class Everything(Aggregation):
    """A list of ``{agent, value}``, in the order in which the agents were asked."""

    name = "all"

    def combine(self, answers: Sequence[Answered], options: Options) -> Combined:
        """Each answer with its agent."""
        return Combined([{"agent": answer.name, "value": answer.value} for answer in answers])
