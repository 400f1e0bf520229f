"""A running passage put together from slices of the document, and the way back from it to places in the document.

A paragraph is rarely one slice: indentation, page furniture and markup lie between its words. A ``Flow`` holds the
words as one string, in which sentences are found, and maps an offset in that string to the document's text.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

Span = tuple[int, int]
"""Start and end offset in the document's text."""


def fold(text: str) -> str:
    """``text`` with every run of white space as one space, and none at its ends."""
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class Flow:
    """``text`` is the passage; piece i begins at ``offsets[i]`` in it and at ``places[i]`` in the document."""

    text: str
    offsets: tuple[int, ...]
    places: tuple[int, ...]

    def place(self, offset: int) -> int:
        """Where the character at ``offset`` of the passage stands in the document."""
        piece = bisect_right(self.offsets, offset) - 1
        return self.places[piece] + offset - self.offsets[piece]

    def span(self, start: int, end: int) -> Span:
        """The document's span of the non-empty passage slice ``start:end``."""
        return self.place(start), self.place(end - 1) + 1


def flow_of(document: str, pieces: Iterable[Span]) -> Flow:
    """The passage made of ``pieces``, in order: joined directly where they touch or only markup lies between, by the
    line end where one lies between."""
    words: list[str] = []
    offsets: list[int] = []
    places: list[int] = []
    length = 0
    previous = None
    for start, end in pieces:
        if previous is not None and any(character.isspace() for character in document[previous:start]):
            words.append("\n")
            length += 1
        words.append(document[start:end])
        offsets.append(length)
        places.append(start)
        length += end - start
        previous = end
    return Flow("".join(words), tuple(offsets), tuple(places))
