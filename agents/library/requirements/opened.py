"""A document opened for analysis: its text, its conventions, and the ways between its clauses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agents.library.requirements.clauses import Clause, ClauseKind, DocumentText
from agents.library.requirements.conventions import Conventions, conventions_of
from agents.library.requirements.requirement import Citation

_MARKER = re.compile(r"(?:^|\n)[ \t]*(?:[-*•◦‣+]|o(?= )|\(?[0-9a-zA-Z]{1,5}[.)]|[0-9]+(?:\.[0-9]+)+)[ \t]+$")
_DEEPEST_LEAD_IN = 4


@dataclass(frozen=True)
class OpenDocument:
    """One document of a project, read; ``number`` is its place among the project's documents, from 0."""

    id: str
    number: int
    sha256: str
    text: DocumentText
    conventions: Conventions
    index: dict[str, int] = field(repr=False, default_factory=dict)
    children: dict[str, tuple[Clause, ...]] = field(repr=False, default_factory=dict)

    @property
    def name(self) -> str:
        return self.text.name

    @property
    def clauses(self) -> Sequence[Clause]:
        return self.text.clauses

    def lead_ins(self, clause: Clause) -> tuple[Clause, ...]:
        """The clauses that open the lists which ``clause`` stands in, outermost first."""
        chain: list[Clause] = []
        while clause.lead_in and clause.lead_in in self.index and len(chain) < _DEEPEST_LEAD_IN:
            clause = self.clauses[self.index[clause.lead_in]]
            chain.insert(0, clause)
        return tuple(chain)

    def items_of(self, clause: Clause) -> tuple[Clause, ...]:
        """The items of the list that ``clause`` opens."""
        return self.children.get(clause.id, ())

    def before(self, clause: Clause) -> Clause | None:
        """The clause before ``clause`` in reading order."""
        position = self.index[clause.id]
        return self.clauses[position - 1] if position else None

    def opens_item(self, clause: Clause) -> bool:
        """Whether a list item's clause is its first sentence: after a marker or a new paragraph."""
        previous = self.before(clause)
        if previous is None or previous.kind is not ClauseKind.LIST_ITEM or previous.lead_in != clause.lead_in:
            return True
        if previous.number != clause.number:
            return True
        gap = self.text.text[previous.end : clause.start]
        line_start = self.text.text.rfind("\n", 0, clause.start) + 1
        own = self.text.text[line_start : clause.start + len(clause.text[:4])]
        return bool(_MARKER.search(gap)) or "\n\n" in gap or bool(_MARKER.match(own))

    def cite(self, first: Clause, last: Clause | None = None) -> Citation:
        """The passage from ``first`` to ``last`` (or ``first`` alone) as a citation, verbatim."""
        end = (last or first).end
        return Citation(
            document_id=self.id,
            document=self.name,
            start=first.start,
            end=end,
            quote=self.text.text[first.start : end],
            line=first.line,
            section=first.section,
            number=first.number,
            page=first.page,
        )


def open_document(
    text: DocumentText, *, document_id: str, sha256: str, number: int = 0, language: str = "auto"
) -> OpenDocument:
    """Make a read document ready for analysis."""
    children: dict[str, list[Clause]] = {}
    for clause in text.clauses:
        if clause.lead_in:
            children.setdefault(clause.lead_in, []).append(clause)
    return OpenDocument(
        id=document_id,
        number=number,
        sha256=sha256,
        text=text,
        conventions=conventions_of(text, language),
        index={clause.id: position for position, clause in enumerate(text.clauses)},
        children={opener: tuple(items) for opener, items in children.items()},
    )
