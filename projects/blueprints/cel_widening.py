"""Arithmetic of whole with decimal numbers, which CEL refuses and everybody expects: ``inputs.budget * 0.8``.

An expression runs as CEL first. Only where that says that two kinds of numbers met, it runs again with + - * / written
as calls of these functions, which widen the whole number of a mixed pair and do with every other pair what CEL does.
So whatever CEL gives a value for keeps that value.
"""

from __future__ import annotations

import logging
import math
import operator
from collections.abc import Callable
from typing import Any

from projects.blueprints.cel_syntax import (
    Call,
    Index,
    ListOf,
    Literal,
    MapOf,
    Name,
    Node,
    Operation,
    Select,
    walk,
)

_NAMES = {"+": "widened_add", "-": "widened_subtract", "*": "widened_multiply", "/": "widened_divide"}
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

# The library logs each error that a function raises, with its values: the caller gets the same as an exception.
logging.getLogger("cel").addFilter(lambda record: "Python function 'widened_" not in record.getMessage())


def widens(node: Node) -> bool:
    """Whether there is arithmetic that could mix numbers."""
    return any(
        isinstance(part, Operation) and part.operator in _NAMES and len(part.operands) == 2 for part in walk(node)
    )


def widened(node: Node) -> str:
    """The text of the expression with its arithmetic as calls of ``FUNCTIONS``."""
    match node:
        case Literal(_, text) | Name(text):
            return text
        case Select(base, field):
            return f"({widened(base)}).{field}" if not isinstance(base, Name | Select) else f"{widened(base)}.{field}"
        case Index(base, key):
            return f"{widened(base)}[{widened(key)}]"
        case Call(target, name, arguments):
            before = "" if target is None else f"({widened(target)})."
            return f"{before}{name}({', '.join(map(widened, arguments))})"
        case ListOf(items):
            return f"[{', '.join(map(widened, items))}]"
        case MapOf(entries):
            return "{" + ", ".join(f"{widened(key)}: {widened(value)}" for key, value in entries) + "}"
        case Operation(sign, operands):
            return _operation(sign, *map(widened, operands))


def meant(error: Exception, mixed: TypeError) -> Exception:
    """What an error of the widened expression stands for; ``mixed`` is that of the expression as it was written."""
    text = str(error)
    if "widened_" not in text:
        return error
    if "ZeroDivisionError" in text:
        return ZeroDivisionError()
    return OverflowError() if "OverflowError" in text else mixed


def _operation(sign: str, *operands: str) -> str:
    match operands:
        case (only,):
            return f"{sign}{only}"
        case (left, right) if sign in _NAMES:
            return f"{_NAMES[sign]}({left}, {right})"
        case (left, right):
            return f"({left} {sign} {right})"
    condition, yes, no = operands
    return f"({condition} ? {yes} : {no})"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _widening(sign: str, compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(left: Any, right: Any) -> Any:
        if _is_number(left) and _is_number(right):
            if type(left) is not type(right):
                left, right = float(left), float(right)
            return _in_range(compute(left, right))
        if sign == "+" and type(left) is type(right) and isinstance(left, str | list):
            return left + right
        raise TypeError(f"{left!r:.40} {sign} {right!r:.40}")

    return apply


def _in_range(value: Any) -> Any:
    if isinstance(value, int) and not _SMALLEST <= value <= _LARGEST:
        raise OverflowError("a whole number beyond 64 bits")
    return value


def _divide(left: Any, right: Any) -> Any:
    """Whole numbers are cut towards zero; a decimal by 0.0 is infinite or no number, as IEEE 754 has it."""
    if isinstance(left, int):
        quotient = abs(left) // abs(right)
        return quotient if (left < 0) == (right < 0) else -quotient
    if right == 0:
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left) * math.copysign(1, right)
    return left / right


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    _NAMES["+"]: _widening("+", operator.add),
    _NAMES["-"]: _widening("-", operator.sub),
    _NAMES["*"]: _widening("*", operator.mul),
    _NAMES["/"]: _widening("/", _divide),
}
