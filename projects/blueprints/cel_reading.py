"""What an expression reads and calls, known from its tree before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from projects.blueprints.cel_syntax import Call, Index, Literal, Name, Node, Select, children, walk
from projects.blueprints.errors import ExpressionInvalid
from projects.blueprints.suggestions import did_you_mean

Path = tuple[str, ...]

# Calls by name: how many values each takes, what stands before the dot counted.
FUNCTIONS = {
    "size": 1,
    "int": 1,
    "uint": 1,
    "double": 1,
    "string": 1,
    "bytes": 1,
    "type": 1,
    "dyn": 1,
    "timestamp": 1,
    "duration": 1,
}
METHODS = {
    "size": 1,
    "contains": 2,
    "startsWith": 2,
    "endsWith": 2,
    "matches": 2,
    **dict.fromkeys(("getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear"), 1),
    **dict.fromkeys(("getHours", "getMinutes", "getSeconds", "getMilliseconds"), 1),
}
MACROS = {"all": (2,), "exists": (2,), "exists_one": (2,), "filter": (2,), "map": (2, 3)}
TYPES = frozenset({"int", "uint", "double", "string", "bytes", "bool", "list", "map", "null_type"})


@dataclass(frozen=True, slots=True)
class Macro:
    """A call that goes through a list or a map: ``range.name(variable, …body)``."""

    range: Node
    name: str
    variable: str
    body: tuple[Node, ...]


def references(node: Node, bound: frozenset[str] = frozenset()) -> Iterator[Path]:
    """The paths read, in order, such as ``("results", "market", "confidence")``; loop variables are none.

    A path ends where what follows is only known when the expression runs (``results.items[index]``).
    """
    path = path_of(node)
    if path is not None:
        if path[0] not in bound and path[0] not in TYPES:
            yield path
        return
    for part, names in _parts(node, bound):
        yield from references(part, names)


def asked(node: Node) -> frozenset[Path]:
    """The paths that ``has()`` asks for."""
    calls = (part for part in walk(node) if isinstance(part, Call) and part.name == "has" and part.target is None)
    return frozenset(path for call in calls for each in call.arguments if (path := path_of(each)) is not None)


def macros(node: Node, nesting: int = 1) -> Iterator[tuple[Macro, int]]:
    """The list macros, those outside before those inside, each with how deep it stands in others (1: in none)."""
    macro = macro_of(node)
    if macro is None:
        for child in children(node):
            yield from macros(child, nesting)
        return
    yield macro, nesting
    yield from macros(macro.range, nesting)
    for part in macro.body:
        yield from macros(part, nesting + 1)


def macro_of(node: Node) -> Macro | None:
    """The node as a macro, None where it is none, or one whose variable is no name."""
    match node:
        case Call(target, name, (Name(variable), *body)) if target is not None and name in MACROS:
            return Macro(target, name, variable, tuple(body))
    return None


def path_of(node: Node) -> Path | None:
    """``a.b["c"]`` as ``("a", "b", "c")``; None for what is no such path."""
    match node:
        case Name(name):
            return (name,)
        case Select(base, field):
            before = path_of(base)
            return None if before is None else (*before, field)
        case Index(base, Literal("string", text)) if (key := plain_text(text)) is not None:
            before = path_of(base)
            return None if before is None else (*before, key)
    return None


def plain_text(literal: str) -> str | None:
    """What a string constant without escapes says; None for all others."""
    if literal[0] not in "'\"" or "\\" in literal or literal[:3] in ("'''", '"""'):
        return None
    return literal[1:-1]


def check_calls(node: Node, roots: frozenset[str]) -> None:
    """Refuse unknown functions, wrong numbers of values, and loop variables that hide a root. ``ExpressionInvalid``."""
    for part in walk(node):
        if isinstance(part, Call):
            _check_call(part, roots)


def _check_call(call: Call, roots: frozenset[str]) -> None:
    given = len(call.arguments) + (call.target is not None)
    if call.target is not None and call.name in MACROS:
        _check_macro(call, roots)
        return
    if call.name == "has" and call.target is None:
        if given != 1 or not isinstance(call.arguments[0], Select):
            raise ExpressionInvalid("has() takes one field, such as has(results.market.confidence)")
        return
    known = FUNCTIONS if call.target is None else METHODS
    if call.name not in known:
        raise ExpressionInvalid(_no_function(call))
    if given != known[call.name]:
        wanted = known[call.name] - (call.target is not None)
        raise ExpressionInvalid(f"{call.name}() takes {wanted} value{'s' if wanted != 1 else ''} in its brackets")


def _check_macro(call: Call, roots: frozenset[str]) -> None:
    if len(call.arguments) not in MACROS[call.name]:
        raise ExpressionInvalid(f"{call.name}() takes a variable and an expression, such as .{call.name}(i, i > 0)")
    variable = call.arguments[0]
    if not isinstance(variable, Name):
        raise ExpressionInvalid(f"the first value of {call.name}() is the name of a variable, such as i")
    if variable.name in roots:
        raise ExpressionInvalid(f"the variable of {call.name}() must not be named {variable.name!r}: that is a root")


def _no_function(call: Call) -> str:
    if call.target is None and call.name in {*METHODS, *MACROS}:
        return f"{call.name}() is written after its value: VALUE.{call.name}(…)"
    if call.target is not None and call.name in FUNCTIONS:
        return f"{call.name}() is written around its value: {call.name}(VALUE)"
    every = sorted({*FUNCTIONS, "has"} if call.target is None else {*METHODS, *MACROS})
    return f"there is no function {call.name}(). {did_you_mean(call.name, every, known_as='There are')}".rstrip(" .")


def _parts(node: Node, bound: frozenset[str]) -> Iterator[tuple[Node, frozenset[str]]]:
    """The nodes below with the loop variables that they see."""
    macro = macro_of(node)
    if macro is None:
        yield from ((child, bound) for child in children(node))
        return
    yield macro.range, bound
    yield from ((part, bound | {macro.variable}) for part in macro.body)
