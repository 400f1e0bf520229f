"""The values that an expression sees: plain JSON, and no more of it than it reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from projects.blueprints.cel_reading import Path
from projects.blueprints.errors import ExpressionFailed

DEEPEST = 100
Wanted = dict[str, Any]  # a tree of names; an empty one below a name means all of it


@dataclass(slots=True)
class Size:
    """Values in all, and the length of the longest list or map."""

    values: int = 0
    longest: int = 0


def wanted(paths: tuple[Path, ...]) -> Wanted:
    """The tree of what the paths read."""
    tree: Wanted = {}
    for path in sorted(set(paths), key=len):
        _add(tree, path)
    return tree


def read(context: Mapping[str, Any], tree: Wanted) -> dict[str, Any]:
    """A plain copy of what the tree names and the context has. Raises ``ExpressionFailed`` for what is not JSON."""
    return {name: _some(context[name], below) for name, below in tree.items() if name in context}


def plain(value: Any, depth: int = 0) -> Any:
    """A copy made of dict, list, str, int, finite float, bool and None. Raises ``ExpressionFailed`` for all else."""
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionFailed(f"{value} is not a number that JSON can hold")
        return value
    if depth > DEEPEST:
        raise ExpressionFailed(f"a value is nested more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        return {_key(key): plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, depth + 1) for each in value]
    raise ExpressionFailed(f"a value of type {type(value).__name__} is no JSON value: use string() or a field of it")


def measured(value: Any) -> Size:
    """How much a value holds."""
    size = Size()
    _measure(value, size)
    return size


def _measure(value: Any, size: Size) -> None:
    size.values += 1
    if isinstance(value, dict | list):
        size.longest = max(size.longest, len(value))
        for each in value.values() if isinstance(value, dict) else value:
            _measure(each, size)


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case Mapping():
            return "an object"
        case list() | tuple():
            return "a list"
    return f"a {type(value).__name__}"


def _add(tree: Wanted, path: Path) -> None:
    for name in path[:-1]:
        if name in tree and not tree[name]:
            return  # all of it is wanted already
        tree = tree.setdefault(name, {})
    tree.setdefault(path[-1], {})


def _some(value: Any, tree: Wanted) -> Any:
    if not tree or not isinstance(value, Mapping):
        return plain(value)
    return {name: _some(value[name], below) for name, below in tree.items() if name in value}


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise ExpressionFailed(f"the key {key!r} of an object is no text, as JSON wants it")
    return key
