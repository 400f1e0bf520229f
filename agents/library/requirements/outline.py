"""A document's outline: parts of about fifty clauses that one step can work through, along the document's
sections.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from agents.library.requirements.opened import OpenDocument

PART_CLAUSES = 50
_LONGEST = 60
MOST_CLAUSES = 100_000
"""Of all documents of a project: what its integrator can hold in memory at once, with room to spare."""


def describe(document: OpenDocument) -> dict[str, Any]:
    """What is known of a document once it is read, as JSON values."""
    text = document.text
    return {
        "id": document.id,
        "name": document.name,
        "number": document.number,
        "media_type": text.media_type,
        "title": text.title,
        "characters": len(text.text),
        "clauses": len(text.clauses),
        "sha256": document.sha256,
        "conventions": document.conventions.to_json(),
    }


def parts_of(document: OpenDocument) -> list[dict[str, Any]]:
    """The parts of a document, as JSON values: positions of first and last clause, both inclusive."""
    return [
        {
            "document": document.number,
            "part": part,
            "first_clause": first,
            "last_clause": last,
            "section": document.clauses[first].section,
        }
        for part, (first, last) in enumerate(_runs(document))
    ]


def _runs(document: OpenDocument) -> Iterator[tuple[int, int]]:
    """Runs of clauses: a run ends where a section does once it is long enough, and at the latest at 60
    clauses.
    """
    clauses = document.clauses
    first = 0
    for position in range(len(clauses)):
        length = position + 1 - first
        last = position == len(clauses) - 1
        boundary = last or clauses[position + 1].section != clauses[position].section
        if last or (boundary and length >= PART_CLAUSES) or length >= _LONGEST:
            yield first, position
            first = position + 1
