"""All aggregations by name: those that are built in, and those that somebody adds."""

from __future__ import annotations

from collections.abc import Callable

from agents.errors import DuplicateAggregation, UnknownAggregation
from agents.gather.aggregation import Aggregation, Custom, CustomFunction
from agents.gather.aggregations import AGGREGATIONS

_custom: dict[str, tuple[CustomFunction, Aggregation]] = {}


def aggregation(name: str) -> Callable[[CustomFunction], CustomFunction]:
    """Make a function an aggregation: ``@aggregation("median")``.

    It takes the answers in the order asked, and the options, and returns the value, or a ``Combined``. Raises
    ``DuplicateAggregation`` where the name is taken.
    """

    def register(function: CustomFunction) -> CustomFunction:
        known = _custom.get(name)
        same = known is not None and _where(known[0]) == _where(function)
        if (known is not None and not same) or name in AGGREGATIONS:
            raise DuplicateAggregation(f"Two aggregations are called {name!r}: name one of them otherwise.")
        _custom[name] = (function, Custom(name, function))
        return function

    return register


def find_aggregation(name: str) -> Aggregation:
    """The aggregation of that name. Raises ``UnknownAggregation``, naming all there are."""
    if name in _custom:
        return _custom[name][1]
    if name in AGGREGATIONS:
        return AGGREGATIONS[name]()
    raise UnknownAggregation.named(name, [*AGGREGATIONS, *_custom])


def _where(function: CustomFunction) -> tuple[str, str]:
    return function.__module__, function.__qualname__
