"""YAML read into plain values, each with its line and column, and nothing else that YAML can do.

Scalars follow the core schema of YAML 1.2: ``yes``, ``on``, ``010`` and ``2026-01-01`` are text or a decimal number,
not truth, octal or a date. Tags, merge keys, more than one document, tabs as indentation and aliases that multiply are
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from orchestrator_site.storable import why_not
from projects.blueprints.errors import BlueprintInvalid, Problem
from projects.blueprints.paths import Place, written

LARGEST = 256 * 1024  # bytes
DEEPEST = 40
MOST_VALUES = 50_000  # aliases expanded

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml where it was built in: twenty times as fast
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CONSTANTS = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Mark:
    """Line and column, from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Tree:
    """The values of a document, where each stands, and where the key of each stands."""

    value: Any = None
    marks: dict[Place, Mark] = field(default_factory=dict)
    keys: dict[Place, Mark] = field(default_factory=dict)

    def mark(self, place: Place) -> Mark:
        """Where a value stands; where it is missing, where that stands in which it is missing."""
        while place and place not in self.marks:
            place = place[:-1]
        return self.marks.get(place, Mark(1, 1))


@dataclass(slots=True)
class _Node:
    mark: Mark
    value: Any  # a scalar, list[_Node], or dict[str, tuple[Mark, _Node]]


def read_tree(source: str, origin: str) -> Tree:
    """The document of a text. Raises ``BlueprintInvalid`` with all that can be said before its content is looked at."""
    _refuse_text(source, origin)
    composer = _Composer(source, origin)
    root = composer.compose()
    if composer.problems:
        composer.problems.sort(key=lambda problem: (problem.line, problem.column))
        raise BlueprintInvalid(problems=composer.problems)
    if root.value is None:
        raise _empty(origin)
    tree = Tree()
    _Spreader(tree, origin).spread(root, ())
    return tree


def scalar(text: str) -> Any:
    """The value of a plain scalar after the core schema of YAML 1.2, without infinities."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if len(text) <= 40:
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and any(digit in text for digit in "0123456789"):
            return float(text)
    return text


def _refuse_text(source: str, origin: str) -> None:
    def refuse(message: str, hint: str, line: int = 1, column: int = 1) -> BlueprintInvalid:
        return BlueprintInvalid(problems=[Problem(origin, line, column, "", message, hint)])

    size = len(source.encode("utf-8", "surrogatepass"))
    if size > LARGEST:
        raise refuse(
            f"the blueprint has {size} bytes, and at most {LARGEST} are read",
            "Give large data to the project as inputs or documents.",
        )
    found = _UNPRINTABLE.search(source.removeprefix("\ufeff"))
    if found is not None:
        before = source.removeprefix("\ufeff")[: found.start()]
        line, column = before.count("\n") + 1, found.start() - before.rfind("\n")
        raise refuse(
            f"the character U+{ord(found[0]):04X} cannot stand in YAML", "Save the file as plain UTF-8.", line, column
        )


def _empty(origin: str) -> BlueprintInvalid:
    hint = "Begin with `name:`, `version:`, `title:` and `phases:`."
    return BlueprintInvalid(problems=[Problem(origin, 1, 1, "", "the blueprint is empty", hint)])


class _Composer:
    """Nodes out of events, without recursion, so that neither depth nor aliases can do harm."""

    def __init__(self, source: str, origin: str) -> None:
        self._lines = source.splitlines()
        self._events = self._read(source.removeprefix("\ufeff"))
        self._origin = origin
        self._anchors: dict[str, _Node] = {}
        self._documents = 0
        self.problems: list[Problem] = []

    def compose(self) -> _Node:
        """The first document."""
        root: _Node | None = None
        open_nodes: list[tuple[_Node, list[_Node], str | None]] = []
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._begin_document(event)
            node = self._node(event)
            if node is not None and isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append((node, [], event.anchor))
                if len(open_nodes) > DEEPEST:
                    raise self._refused(event, f"values are nested more than {DEEPEST} deep", "Flatten them.")
                continue
            if isinstance(event, yaml.CollectionEndEvent):
                node, parts, anchor = open_nodes.pop()
                node.value = self._filled(node, parts, isinstance(event, yaml.MappingEndEvent))
                if anchor:
                    self._anchors[anchor] = node
            if node is None:
                continue
            if open_nodes:
                open_nodes[-1][1].append(node)
            elif root is None:
                root = node
        return root or _Node(Mark(1, 1), None)

    def _read(self, source: str) -> Iterator[Any]:
        try:
            yield from yaml.parse(source, Loader=_LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            raise BlueprintInvalid(
                problems=[*self.problems, Problem(self._origin, line, column, "", *self._syntax(error, line))]
            ) from None
        except yaml.YAMLError as error:
            raise BlueprintInvalid(
                problems=[*self.problems, Problem(self._origin, 1, 1, "", f"this is no YAML: {error}", "")]
            ) from None

    def _syntax(self, error: yaml.MarkedYAMLError, line: int) -> tuple[str, str]:
        text = self._lines[line - 1] if line <= len(self._lines) else ""
        if "\t" in text[: len(text) - len(text.lstrip())] or "'\\t'" in str(error.problem):
            return "a tab stands where YAML wants spaces", "Indent with spaces."
        reason = ", ".join(str(part) for part in (error.context, error.problem) if part)
        hint = "Put text that holds `: `, ` #`, or that begins with a mark such as @ or *, between quotes."
        return f"this is no YAML: {reason}", hint

    def _begin_document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            raise self._refused(
                event, "a second YAML document begins here", "Write one blueprint a file; remove the line `---`."
            )

    def _node(self, event: Any) -> _Node | None:
        """The node that an event begins; None for events that begin none."""
        if not isinstance(event, yaml.NodeEvent):
            return None
        mark = _mark(event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._refused(
                    event, f"the alias *{event.anchor} stands for nothing before it", "Define &NAME above."
                )
            return _Node(mark, self._anchors[event.anchor].value)
        tag = getattr(event, "tag", None)
        if tag is not None:
            self.problems.append(
                Problem(
                    self._origin, mark.line, mark.column, "", f"the YAML tag {_tag(tag)} is not allowed", "Remove it."
                )
            )
        if isinstance(event, yaml.ScalarEvent):
            if why := why_not(event.value):  # it was written as an escape
                self.problems.append(
                    Problem(
                        self._origin, mark.line, mark.column, "", f"the text cannot be kept: {why}", "Leave it out."
                    )
                )
            node = _Node(mark, scalar(event.value) if event.implicit[0] and not event.style else event.value)
            if event.anchor:
                self._anchors[event.anchor] = node
            return node
        return _Node(mark, None)

    def _filled(self, node: _Node, parts: list[_Node], is_mapping: bool) -> Any:
        if not is_mapping:
            return parts
        entries: dict[str, tuple[Mark, _Node]] = {}
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            problem = self._key_problem(key, entries)
            if problem is None:
                entries[key.value] = (key.mark, value)
            else:
                self.problems.append(Problem(self._origin, key.mark.line, key.mark.column, "", *problem))
        return entries

    def _key_problem(self, key: _Node, entries: dict[str, tuple[Mark, _Node]]) -> tuple[str, str] | None:
        if isinstance(key.value, list | dict):
            return "a key is text, and this is a list or an object", "If it was meant as text, put it between quotes."
        if not isinstance(key.value, str):
            return f"a key is text, and {key.value!r} is not", f'Write "{key.value}": with quotes.'
        if key.value == "<<":
            return "merge keys (<<) are not part of the language", "Write the entries out, or use `defaults`."
        if key.value in entries:
            first = entries[key.value][0]
            return f"the key {key.value!r} is here a second time", f"The first one is in line {first.line}."
        return None

    def _refused(self, event: Any, message: str, hint: str) -> BlueprintInvalid:
        mark = _mark(event)
        return BlueprintInvalid(
            problems=[*self.problems, Problem(self._origin, mark.line, mark.column, "", message, hint)]
        )


class _Spreader:
    """Values and marks out of nodes; each use of an alias counts as if it were written out."""

    def __init__(self, tree: Tree, origin: str) -> None:
        self._tree = tree
        self._origin = origin
        self._values = 0

    def spread(self, node: _Node, place: Place) -> Any:
        self._values += 1
        if self._values > MOST_VALUES or len(place) > DEEPEST:
            message = f"the blueprint has more than {MOST_VALUES} values or {DEEPEST} levels, aliases written out"
            hint = "Use fewer aliases (*NAME), or give large data to the project as inputs or documents."
            problem = Problem(self._origin, node.mark.line, node.mark.column, written(place), message, hint)
            raise BlueprintInvalid(problems=[problem])
        self._tree.marks[place] = node.mark
        value = self._plain(node, place)
        if not place:
            self._tree.value = value
        return value

    def _plain(self, node: _Node, place: Place) -> Any:
        if isinstance(node.value, list):
            return [self.spread(each, (*place, index)) for index, each in enumerate(node.value)]
        if isinstance(node.value, dict):
            values = {}
            for key, (mark, each) in node.value.items():
                self._tree.keys[(*place, key)] = mark
                values[key] = self.spread(each, (*place, key))
            return values
        return node.value


def _tag(tag: str) -> str:
    """As it is mostly written."""
    return tag.replace("tag:yaml.org,2002:", "!!")[:60]


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
