"""What a document is once it has been read: its text, and its clauses with their places in that text.

The contract between reading (``reading/``: bytes of any supported format to these values) and analysis (everything
else in this package).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ClauseKind(StrEnum):
    """What a clause is in its document."""

    SENTENCE = "sentence"
    """A sentence of a paragraph."""
    LEAD_IN = "lead_in"
    """The opening of a list ("The client shall:"), which its items complete."""
    LIST_ITEM = "list_item"
    """A list item, or one sentence of a long one; ``lead_in`` names the clause that opens the list, if any."""
    TABLE_CELL = "table_cell"
    HEADING = "heading"
    CODE = "code"
    """An example, a figure, a formal grammar: quoted matter, not prose."""
    CONTENTS = "contents"
    """An entry of a table of contents or an index."""
    REFERENCE = "reference"
    """An entry of a list of references."""
    FURNITURE = "furniture"
    """A running page header or footer."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A passage that can be cited.

    ``start`` and ``end`` are code-point offsets into ``DocumentText.text``; they begin after a list mark or an id,
    which is in ``number`` only. ``text`` is that slice with white space folded, and with markup and page furniture
    taken out. ``line`` is 1-based in ``DocumentText.text``; ``page`` is 1-based where the
    format has pages. ``section`` is the heading it stands under, with its number ("4.1.3 Access Token Request"), and
    ``section_path`` all headings from the top. ``number`` is its own number in a numbered list or article
    ("Article 5(1)(a)", "2.", "(b)"), if any.
    """

    id: str
    kind: ClauseKind
    start: int
    end: int
    text: str
    line: int
    section: str = ""
    section_path: tuple[str, ...] = ()
    number: str = ""
    lead_in: str = ""
    page: int | None = None


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A document's text as read, and its clauses in reading order.

    Every word of the text lies in one clause, or is a list mark, an id or markup; only page furniture in the middle of
    a sentence lies in two, its own and the sentence's.

    For plain text and Markdown ``text`` is the decoded file itself, so that offsets hold in the original; for HTML,
    PDF and DOCX it is the text extracted, which is kept beside the document so that citations can be checked.
    """

    name: str
    media_type: str
    text: str
    title: str
    clauses: tuple[Clause, ...]

    def quote(self, clause: Clause) -> str:
        """The clause verbatim, line breaks and page furniture included."""
        return self.text[clause.start : clause.end]
