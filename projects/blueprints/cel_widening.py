"""Arithmetic of whole with decimal numbers, which CEL refuses and everybody expects: ``inputs.budget * 0.8``.

An expression runs as CEL first. Only where that says that two kinds of numbers met, it runs again with + - * / written
as calls of ``FUNCTIONS``, which widen the whole number of a mixed pair and do with every other pair what CEL does.
So whatever CEL gives a value for keeps that value.
"""

from __future__ import annotations

import logging
import math
import operator
from collections.abc import Callable
from typing import Any

from projects.blueprints.cel_syntax import Node, Operation, walk

NAMES = {"+": "widened_add", "-": "widened_subtract", "*": "widened_multiply", "/": "widened_divide"}
_SMALLEST, _LARGEST = -(2**63), 2**63 - 1

# The library logs each error that a function raises, with its values: the caller gets the same as an exception.
logging.getLogger("cel").addFilter(lambda record: "Python function 'widened_" not in record.getMessage())


def widens(node: Node) -> bool:
    """Whether there is arithmetic that could mix numbers."""
    return any(
        isinstance(part, Operation) and part.operator in NAMES and len(part.operands) == 2 for part in walk(node)
    )


def meant(error: Exception, mixed: TypeError) -> Exception:
    """What an error of the widened expression stands for; ``mixed`` is that of the expression as it was written."""
    text = str(error)
    if "widened_" not in text:
        return error
    if "ZeroDivisionError" in text:
        return ZeroDivisionError()
    return OverflowError() if "OverflowError" in text else mixed


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
    NAMES["+"]: _widening("+", operator.add),
    NAMES["-"]: _widening("-", operator.sub),
    NAMES["*"]: _widening("*", operator.mul),
    NAMES["/"]: _widening("/", _divide),
}
