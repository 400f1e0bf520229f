"""CEL expressions as trees: what the static checks, the limits and the widening of numbers look at.

The grammar is that of the CEL specification (google/cel-spec, doc/langdef.md) without message construction. The
library that evaluates parses the text itself; this tree is for knowing beforehand what it would read and do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from projects.blueprints.cel_tokens import Token, tokens
from projects.blueprints.errors import ExpressionInvalid

DEEPEST = 24  # brackets within one another; the library gives up at about 90
LONGEST_CHAIN = 100  # operators, fields or calls one upon another: what walks the tree goes that deep
_BINARY = (("||",), ("&&",), ("<", "<=", ">=", ">", "==", "!=", "in"), ("+", "-"), ("*", "/", "%"))
_CONSTANTS = ("true", "false", "null")
_RESERVED = frozenset(
    (
        *("as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop"),
        *("namespace", "package", "return", "var", "void", "while"),
    )
)


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant, as it was written. ``kind`` is string, int, float or constant."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """``base.field``."""

    base: Node
    field: str


@dataclass(frozen=True, slots=True)
class Index:
    """``base[key]``."""

    base: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Call:
    """``name(…)``, or ``target.name(…)``."""

    target: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator with its operands: one for ``!`` and ``-`` before, two, or three for ``?:``."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    """``[a, b]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    """``{a: b}``."""

    entries: tuple[tuple[Node, Node], ...]


Node: TypeAlias = Literal | Name | Select | Index | Call | Operation | ListOf | MapOf


@lru_cache(maxsize=2048)
def parse(source: str) -> Node:
    """The tree of an expression. Raises ``ExpressionInvalid``, saying what was found and what would fit."""
    node = _Parser(tokens(source)).whole()
    _refuse_high(node)
    return node


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below."""
    match node:
        case Select(base, _):
            return (base,)
        case Index(base, key):
            return (base, key)
        case Call(target, _, arguments):
            return arguments if target is None else (target, *arguments)
        case Operation(_, operands):
            return operands
        case ListOf(items):
            return items
        case MapOf(entries):
            return tuple(part for entry in entries for part in entry)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, a node before its own."""
    yield node
    for child in children(node):
        yield from walk(child)


def _refuse_high(node: Node) -> None:
    level, height = [node], 0
    while level:
        height += 1
        if height > LONGEST_CHAIN:
            raise ExpressionInvalid(f"more than {LONGEST_CHAIN} operators, fields or calls stand one upon another")
        level = [child for each in level for child in children(each)]


class _Parser:
    def __init__(self, words: tuple[Token, ...]) -> None:
        self._words = words
        self._position = 0
        self._depth = 0

    def whole(self) -> Node:
        if self._next.kind == "end":
            raise ExpressionInvalid("the expression is empty")
        node = self._expression()
        if self._next.kind != "end":
            raise self._unexpected("an operator or the end")
        return node

    @property
    def _next(self) -> Token:
        return self._words[self._position]

    def _take(self) -> Token:
        word = self._next
        self._position += 1
        return word

    def _at(self, *marks: str) -> bool:
        return self._next.kind in ("mark", "name") and self._next.text in marks

    def _accept(self, mark: str) -> bool:
        if self._at(mark):
            self._position += 1
            return True
        return False

    def _require(self, mark: str) -> None:
        if not self._accept(mark):
            raise self._unexpected(f"`{mark}`")

    def _unexpected(self, wanted: str) -> ExpressionInvalid:
        word = self._next
        found = "the expression ends" if word.kind == "end" else f"`{word.text}` stands at character {word.start + 1}"
        return ExpressionInvalid(f"{found} where {wanted} should be")

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionInvalid(f"the expression is nested more than {DEEPEST} deep")
        condition = self._binary(0)
        if self._accept("?"):
            yes = self._binary(0)
            self._require(":")
            condition = Operation("?:", (condition, yes, self._expression()))
        self._depth -= 1
        return condition

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while self._at(*_BINARY[level]):
            operator = self._take().text
            left = Operation(operator, (left, self._binary(level + 1)))
        return left

    def _unary(self) -> Node:
        signs = []
        while self._at("!", "-"):
            signs.append(self._take().text)
        node = self._member()
        for sign in reversed(signs):
            node = Operation(sign, (node,))
        return node

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self._accept("."):
                node = self._selected(node)
            elif self._accept("["):
                node = Index(node, self._expression())
                self._require("]")
            else:
                return node

    def _selected(self, base: Node) -> Node:
        if self._next.kind != "name":
            raise self._unexpected("the name of a field")
        name = self._take().text
        return Call(base, name, self._arguments()) if self._accept("(") else Select(base, name)

    def _primary(self) -> Node:
        word = self._next
        if word.kind in ("string", "int", "float"):
            self._position += 1
            return Literal(word.kind, word.text)
        if word.kind == "name":
            return self._named()
        if self._accept("("):
            node = self._expression()
            self._require(")")
            return node
        if self._accept("["):
            return ListOf(self._items("]"))
        if self._accept("{"):
            return MapOf(self._entries())
        raise self._unexpected("a value")

    def _named(self) -> Node:
        word = self._take()
        if word.text in _CONSTANTS:
            return Literal("constant", word.text)
        if word.text in _RESERVED:
            raise ExpressionInvalid(f"`{word.text}` is a reserved word of CEL and no variable")
        return Call(None, word.text, self._arguments()) if self._accept("(") else Name(word.text)

    def _arguments(self) -> tuple[Node, ...]:
        return self._items(")")

    def _items(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._accept(end):
            items.append(self._expression())
            if not self._at(end):
                self._require(",")
        return tuple(items)

    def _entries(self) -> tuple[tuple[Node, Node], ...]:
        entries: list[tuple[Node, Node]] = []
        while not self._accept("}"):
            key = self._expression()
            self._require(":")
            entries.append((key, self._expression()))
            if not self._at("}"):
                self._require(",")
        return tuple(entries)
