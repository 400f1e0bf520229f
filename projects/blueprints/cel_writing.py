"""Trees written as CEL again, where an expression does not run as it stands."""

from __future__ import annotations

from collections.abc import Mapping

from projects.blueprints.cel_syntax import Call, Index, ListOf, Literal, MapOf, Name, Node, Operation, Select


def written(node: Node, calls: Mapping[str, str]) -> str:
    """The text of a tree; operators of two values that ``calls`` names are written as calls of those functions."""
    match node:
        case Literal(_, text) | Name(text):
            return text
        case Select(base, field):
            return f"{_held(base, calls)}.{field}"
        case Index(base, key):
            return f"{_held(base, calls)}[{written(key, calls)}]"
        case Call(target, name, arguments):
            before = "" if target is None else f"{_held(target, calls)}."
            return f"{before}{name}({', '.join(written(each, calls) for each in arguments)})"
        case ListOf(items):
            return f"[{', '.join(written(each, calls) for each in items)}]"
        case MapOf(entries):
            pairs = (f"{written(key, calls)}: {written(value, calls)}" for key, value in entries)
            return "{" + ", ".join(pairs) + "}"
        case Operation(sign, operands):
            return _operation(sign, tuple(written(each, calls) for each in operands), calls)


def _held(node: Node, calls: Mapping[str, str]) -> str:
    """In brackets, where what follows would else hold on to a part of it only."""
    text = written(node, calls)
    return text if isinstance(node, Name | Select | Index | Call | ListOf) else f"({text})"


def _operation(sign: str, operands: tuple[str, ...], calls: Mapping[str, str]) -> str:
    match operands:
        case (only,):
            return f"{sign}{only}"
        case (left, right) if sign in calls:
            return f"{calls[sign]}({left}, {right})"
        case (left, right):
            return f"({left} {sign} {right})"
    condition, yes, no = operands
    return f"({condition} ? {yes} : {no})"
