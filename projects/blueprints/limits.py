"""What keeps an expression from costing more than it is worth: nothing here runs for longer than about a second.

The library counts no steps, and copies the list that ``map`` and ``filter`` build at each item: 3,000 items took
0.26 s, 100,000 items 344 s on the machine where this was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projects.blueprints.cel_reading import Macro, Path, macros, references
from projects.blueprints.cel_syntax import Name, Node, Operation, walk
from projects.blueprints.cel_values import Size, plain
from projects.blueprints.errors import ExpressionFailed, ExpressionInvalid

LONGEST_SOURCE = 1024  # bytes
MOST_MACROS = 2
LONGEST_LIST = {1: 5_000, 2: 250}  # by how deep macros stand in one another
MOST_VALUES = 3_000_000  # that macros may go through and bring together


def check_source(source: str) -> None:
    """Refuse what is too long. Raises ``ExpressionInvalid``."""
    length = len(source.encode("utf-8", "replace"))
    if length > LONGEST_SOURCE:
        raise ExpressionInvalid(
            f"the expression has {length} bytes; at most {LONGEST_SOURCE} are read: let an agent compute it"
        )


def check_macros(tree: Node) -> None:
    """Refuse too many list macros. Raises ``ExpressionInvalid``."""
    count = sum(1 for _ in macros(tree))
    if count > MOST_MACROS:
        raise ExpressionInvalid(
            f"all, exists, exists_one, map and filter stand {count} times in one expression, at most {MOST_MACROS} "
            "are run: let an agent compute it"
        )


def check_size(tree: Node, values: Mapping[str, Any], size: Size) -> None:
    """Refuse what is too much for the macros of the expression. Raises ``ExpressionFailed``."""
    found = list(macros(tree))
    if not found:
        return
    deepest = max(nesting for _, nesting in found)
    longest = round(size.longest * _growth(tree))
    if longest > LONGEST_LIST[deepest]:
        raise ExpressionFailed(
            f"a list of {longest} items is too long for {'macros in one another' if deepest > 1 else 'a macro'}, "
            f"which go{'' if deepest > 1 else 'es'} through at most {LONGEST_LIST[deepest]}: let an agent compute it"
        )
    work = size.values * _names(found) * longest ** (deepest - 1) + _brought_in(found, values, longest)
    if work > MOST_VALUES:
        raise ExpressionFailed(
            f"its macros would go through {work} values, {MOST_VALUES} at most: read less, or let an agent compute it"
        )


def _names(found: list[tuple[Macro, int]]) -> int:
    """How often the bodies name a variable: so often, at most, each value read can come out again."""
    return max(sum(isinstance(part, Name) for node in macro.body for part in walk(node)) for macro, _ in found)


def _brought_in(found: list[tuple[Macro, int]], values: Mapping[str, Any], longest: int) -> int:
    """Values from outside that the bodies read, counted once an item."""
    total = 0
    for macro, nesting in found:
        for node in macro.body:
            for path in references(node, frozenset({macro.variable})):
                total += _count(values, path) * longest**nesting
    return total


def _count(values: Mapping[str, Any], path: Path) -> int:
    value: Any = values
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return 0
        value = value[name]
    size = Size()
    plain(value, size)
    return size.values


def _growth(tree: Node) -> float:
    """How much longer than any list that is read one can become: each ``+`` may join two, in up to three stages."""
    joins = sum(1 for part in walk(tree) if isinstance(part, Operation) and part.operator == "+")
    return float(((joins + 3) / 3) ** 3)
