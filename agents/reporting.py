"""What a report is made of, whatever it is about: sections of facts, tables, text and lists, and the data
beside them.

A blueprint's report is built as such a value; rendering it as text, Markdown or HTML is somebody else's
work, and the same for every blueprint. All of it is plain enough to be written as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, one each: the figures of a summary."""

    kind: ClassVar[str] = "facts"
    title: str
    facts: tuple[tuple[str, Cell], ...]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "title": self.title, "facts": [list(fact) for fact in self.facts]}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column headings; ``empty`` is what to say where there are none."""

    kind: ClassVar[str] = "table"
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str = "None."

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "title": self.title,
            "columns": list(self.columns),
            "rows": [list(row) for row in self.rows],
            "empty": self.empty,
        }


@dataclass(frozen=True, slots=True)
class Text:
    """Paragraphs, separated by an empty line."""

    kind: ClassVar[str] = "text"
    title: str
    text: str

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "title": self.title, "text": self.text}


@dataclass(frozen=True, slots=True)
class Items:
    """A list of one-line statements."""

    kind: ClassVar[str] = "list"
    title: str
    items: tuple[str, ...]
    empty: str = "None."

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "title": self.title, "items": list(self.items), "empty": self.empty}


Section = Facts | Table | Text | Items


@dataclass(frozen=True, slots=True)
class ReportContent:
    """A report: what a person reads, in order, and the same as data for a program."""

    title: str
    sections: tuple[Section, ...]
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "sections": [section.to_json() for section in self.sections],
            "data": dict(self.data),
        }


class ReportBuilder(Protocol):
    """Builds a report from the steps' results by key, the steps' states by key, and what agents used."""

    def __call__(
        self,
        results: Mapping[str, Any],
        states: Mapping[str, str],
        *,
        usage: Mapping[str, Mapping[str, float]] | None = None,
    ) -> ReportContent: ...


def counted(title: str, name: str, counts: Mapping[str, int]) -> Table:
    """A table of counts, largest first."""
    rows: Sequence[tuple[str, int]] = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Table(title, (name, "Number"), tuple((key.replace("_", " "), number) for key, number in rows))
