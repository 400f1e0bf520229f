"""Long lists taken a page at a time.

The library's ``map`` and ``filter`` copy all they have built at each item, which is quadratic. Where one of them is
evaluated in any case, it can run beforehand, over pages of the list, and its result be put into the expression under
a name: the value is the same, and the work grows with the list and no faster. Not so behind ``&&``, ``||`` or ``?:``,
where an error, or the whole of it, may not count.
"""

from __future__ import annotations

from dataclasses import dataclass

from projects.blueprints.cel_reading import Macro, macro_of, macros
from projects.blueprints.cel_syntax import Call, Index, ListOf, MapOf, Name, Node, Operation, Select

PAGE = 50  # items


@dataclass(frozen=True, slots=True)
class Stage:
    """A macro to run beforehand, over ``range``, for the name by which the expression reads its result."""

    name: str
    range: Node
    macro: Macro

    def page(self, name: str) -> Node:
        """The macro over the list of a name."""
        return Call(Name(name), self.macro.name, (Name(self.macro.variable), *self.macro.body))


@dataclass(frozen=True, slots=True)
class Plan:
    """Stages in the order in which they run, and what is left to evaluate then."""

    stages: tuple[Stage, ...]
    rest: Node


def planned(tree: Node) -> Plan:
    """What of a tree can run beforehand."""
    stages: list[Stage] = []
    return Plan(rest=_lift(tree, stages), stages=tuple(stages))


def _lift(node: Node, stages: list[Stage]) -> Node:
    macro = macro_of(node)
    if macro is not None:
        return _lift_macro(macro, stages)
    match node:
        case Select(base, field):
            return Select(_lift(base, stages), field)
        case Index(base, key):
            return Index(_lift(base, stages), _lift(key, stages))
        case ListOf(items):
            return ListOf(tuple(_lift(each, stages) for each in items))
        case MapOf(entries):
            return MapOf(tuple((_lift(key, stages), _lift(value, stages)) for key, value in entries))
        case Call(target, name, arguments):
            before = None if target is None else _lift(target, stages)
            return Call(before, name, tuple(_lift(each, stages) for each in arguments))
        case Operation("?:", (condition, yes, no)):
            return Operation("?:", (_lift(condition, stages), yes, no))
        case Operation(sign, operands) if sign not in ("&&", "||"):
            return Operation(sign, tuple(_lift(each, stages) for each in operands))
    return node


def _lift_macro(macro: Macro, stages: list[Stage]) -> Node:
    over = _lift(macro.range, stages)
    lifted = Macro(over, macro.name, macro.variable, macro.body)
    inner = any(True for part in macro.body for _ in macros(part))
    if macro.name not in ("map", "filter") or inner:
        return Call(over, macro.name, (Name(macro.variable), *macro.body))
    name = f"paged_{len(stages)}"
    stages.append(Stage(name, over, lifted))
    return Name(name)
