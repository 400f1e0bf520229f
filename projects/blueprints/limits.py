"""What keeps an expression from costing more than it is worth: nothing here runs for longer than about a second.

The library counts no steps, and ``map`` and ``filter`` copy the list they build, with all that is in it, at each item:
for 5,000 objects of nine values that was 43 s, for 100,000 plain numbers 344 s, on the machine where it was measured.
So the work of macros is estimated, from above, before they run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projects.blueprints.cel_paging import PAGE
from projects.blueprints.cel_reading import Macro, Path, macros, references
from projects.blueprints.cel_syntax import Name, Node, Operation, walk
from projects.blueprints.cel_values import Size, measured
from projects.blueprints.errors import ExpressionFailed, ExpressionInvalid

LONGEST_SOURCE = 1024  # bytes
MOST_MACROS = 2
MOST_WORK = 4_000_000  # values touched by macros; 0.1 to 0.4 us each
STEP = 2  # values' worth of work for each node of a macro's body


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


def check_size(tree: Node, values: Mapping[str, Any]) -> None:
    """Refuse what is too much work for the macros of the expression. Raises ``ExpressionFailed``."""
    found = list(macros(tree))
    if not found:
        return
    size = measured(values)
    work = sum(_work(macro, nesting, values, size, _growth(tree)) for macro, nesting in found)
    if work > MOST_WORK:
        raise ExpressionFailed(
            f"a list of {size.longest} items with {size.values} values is too much for its macros (all, exists, map, "
            "filter): let an agent compute it"
        )


def check_paged(macro: Macro, values: Mapping[str, Any], size: Size, length: int) -> None:
    """The same for a macro that goes through a list of this length and size page by page."""
    nodes = sum(1 for part in macro.body for _ in walk(part))
    brought = _brought_in(macro, values)
    built = size.values
    if macro.name == "map":
        names = sum(isinstance(each, Name) for part in macro.body for each in walk(part))
        built = built * names + length * brought
    if length * nodes * STEP + built * PAGE + brought * length // PAGE > MOST_WORK:
        raise ExpressionFailed(
            f"a list of {length} items with {size.values} values is too much for {macro.name}(): "
            "let an agent compute it"
        )


def _work(macro: Macro, nesting: int, values: Mapping[str, Any], size: Size, growth: float) -> float:
    """Values touched at most: each round of the body, and for ``map`` and ``filter`` the list copied at each item."""
    longest = size.longest * growth
    rounds = longest**nesting
    nodes = sum(1 for part in macro.body for _ in walk(part))
    if macro.name not in ("map", "filter"):
        return rounds * nodes * STEP
    inside = sum(1 for part in macro.body for _ in macros(part))
    built = size.values * growth * longest**inside
    if macro.name == "map":
        names = sum(isinstance(each, Name) for part in macro.body for each in walk(part))
        built = built * names + longest * _brought_in(macro, values)
    return rounds * (nodes * STEP + built)


def _brought_in(macro: Macro, values: Mapping[str, Any]) -> int:
    """Values from outside that one round of the body may put into what it builds."""
    paths = (path for part in macro.body for path in references(part, frozenset({macro.variable})))
    return sum(_count(values, path) for path in paths)


def _count(values: Mapping[str, Any], path: Path) -> int:
    value: Any = values
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return 0
        value = value[name]
    return measured(value).values


def _growth(tree: Node) -> float:
    """How much longer than any list that is read one can become: each ``+`` may join two, in up to three stages."""
    joins = sum(1 for part in walk(tree) if isinstance(part, Operation) and part.operator == "+")
    return float(((joins + 3) / 3) ** 3)
