"""The agents of the emissions blueprint.

What they do is imported when it is first asked for: numbers and tables take half a second to load, and 60 MB, which
workers that never calculate emissions do not pay.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from agents.definition import AgentContext, agent


def _working() -> ModuleType:
    from agents.library.emissions import working

    return working


@agent("emissions-collector", capabilities={"emissions.collect": "1.0"})
def collect(context: AgentContext) -> Any:
    """Opens every table and lays out the chunks that the calculation works through."""
    return _working().collect(context)


@agent("emissions-validator", capabilities={"emissions.validate": "1.0"})
def validate(context: AgentContext) -> Any:
    """Finds rows that repeat others, across all tables."""
    return _working().validate(context)


@agent("emissions-calculator", capabilities={"emissions.calculate": "1.0"})
def calculate_chunk(context: AgentContext) -> Any:
    """Calculates the rows of one chunk; rows that cannot be are set aside with the reason."""
    return _working().calculate_chunk(context)


@agent("emissions-combiner", capabilities={"emissions.combine": "1.0"})
def combine_chunks(context: AgentContext) -> Any:
    """Brings all chunks together: totals, the largest suppliers, what stands out, the root of all digests."""
    return _working().combine_chunks(context)


@agent("emissions-verifier", capabilities={"emissions.verify": "1.0"})
def verify(context: AgentContext) -> Any:
    """Adds everything up again and takes the root again; what does not fit is told."""
    return _working().verify(context)


@agent("emissions-reporter", capabilities={"emissions.report": "1.0"})
def report(context: AgentContext) -> Any:
    """Sums up the run, with every factor that was used; the report is built from this whenever somebody asks."""
    return _working().report(context)
