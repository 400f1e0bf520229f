"""Why an expression failed, in words that name what was null or missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from projects.blueprints.cel_reading import Path, asked, references
from projects.blueprints.cel_syntax import Node
from projects.blueprints.cel_values import kind_of
from projects.blueprints.suggestions import did_you_mean


def why(tree: Node, context: Mapping[str, Any], error: Exception) -> str:
    """The likeliest reason for the error, given what the expression read."""
    if isinstance(error, LookupError | TypeError | RuntimeError):
        missing = error.args[0] if isinstance(error, KeyError | LookupError) and error.args else None
        broken = [found for path in _read(tree) if (found := _break(path, context)) is not None]
        for place, reason in broken:
            if missing is None or place[-1] == missing:
                return reason
        if broken:
            return broken[0][1]
    match error:
        case ZeroDivisionError():
            return "division by zero"
        case OverflowError():
            return "a whole number grew beyond 64 bits"
        case IndexError():
            return "the list has no such place: " + str(error)
        case KeyError():
            return f"there is no field {error.args[0]!r}"
        case TypeError():
            return f"its values do not fit together{_kinds(tree, context)}"
    return said(error)


def said(error: Exception) -> str:
    """The library's own sentence, in one line, without its advice."""
    text = " ".join(str(error).split()).removesuffix(" Check function arguments and their types.")
    before, found, after = text.partition(" not a valid regex: ")
    if found:
        return f"{before.partition(' error: ')[2]} is no pattern: {after.rpartition('rror: ')[2].rstrip('.')}"
    return text.rstrip(".")


def _read(tree: Node) -> list[Path]:
    """The paths read, those that ``has()`` only asks for last."""
    guarded = asked(tree)
    return sorted(references(tree), key=lambda path: path in guarded)


def _break(path: Path, context: Mapping[str, Any]) -> tuple[Path, str] | None:
    """Where a path leads no further, and why; None where it leads to a value that is not null."""
    value: Any = context
    for count, name in enumerate(path):
        here = ".".join(path[:count])
        if value is None:
            return path[: count + 1], _null(path[:count])
        if not isinstance(value, Mapping):
            return path[: count + 1], f"{here} is {kind_of(value)} and has no field {name!r}"
        if name not in value:
            return path[: count + 1], _missing(here, name, value)
        value = value[name]
    return (path, _null(path)) if value is None else None


def _null(path: Path) -> str:
    if path[0] == "results" and len(path) == 2:
        return f"{'.'.join(path)} is null: the step was skipped, failed, or gave nothing"
    return f"{'.'.join(path)} is null"


def _missing(here: str, name: str, value: Mapping[str, Any]) -> str:
    if not here:
        return f"there is no {name!r} where this expression stands"
    return f"{here} has no field {name!r}. {did_you_mean(name, map(str, value), known_as='It has')}".rstrip(" .")


def _kinds(tree: Node, context: Mapping[str, Any]) -> str:
    kinds = []
    for path in dict.fromkeys(references(tree)):
        value: Any = context
        for name in path:
            value = value[name]
        kinds.append(f"{'.'.join(path)} is {kind_of(value)}")
    return f": {', '.join(kinds)}" if kinds else ""
