"""The blocks a document is made of: what every format's reader finds, and what clauses are made from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .flow import Span
from .marks import Mark


class Role(StrEnum):
    """What a block is."""

    PARAGRAPH = "paragraph"
    ITEM = "item"
    HEADING = "heading"
    TABLE_CELL = "table_cell"
    CODE = "code"
    CONTENTS = "contents"
    REFERENCE = "reference"
    FURNITURE = "furniture"


@dataclass(frozen=True, slots=True)
class Block:
    """A passage of one role.

    ``pieces`` are the slices of the document that hold its words, without its mark, page furniture and markup.
    ``indent`` says how deep it stands, in columns, ``inner`` how deep its continuation must stand. ``level`` is a
    heading's level, 1 the highest; ``number`` a heading's number or a table row's id; ``legal`` tells the heading of an
    article, by which its paragraphs are cited.
    """

    role: Role
    pieces: tuple[Span, ...]
    indent: int = 0
    inner: int = 0
    mark: Mark | None = None
    level: int = 0
    number: str = ""
    legal: bool = False

    @property
    def start(self) -> int:
        return self.pieces[0][0]
