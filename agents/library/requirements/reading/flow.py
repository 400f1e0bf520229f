"""A running passage put together from slices of the document, and the way back from it to places in the document.

A paragraph is rarely one slice: indentation, page furniture and markup lie between its words. A ``Flow`` holds the
words as one string, in which sentences are found, and maps an offset in that string to the document's text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Span = tuple[int, int]
"""Start and end offset in the document's text."""

_LINE_END = re.compile(r"[\r\n\f\v\x85\u2028\u2029\t]")


def fold(text: str) -> str:
    """``text`` with every run of white space as one space, and none at its ends."""
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class Flow:
    """``text`` is the passage; piece i begins at ``offsets[i]`` in it and at ``places[i]`` in the document."""

    text: str
    offsets: tuple[int, ...]
    places: tuple[int, ...]
    broken_after: frozenset[int] = frozenset()
    """The pieces after which a line end was put in."""

    def place(self, offset: int) -> int:
        """Where the character at ``offset`` of the passage stands in the document."""
        piece = bisect_right(self.offsets, offset) - 1
        return self.places[piece] + offset - self.offsets[piece]

    def span(self, start: int, end: int) -> Span:
        """The document's span of the non-empty passage slice ``start:end``."""
        return self.place(start), self.place(end - 1) + 1

    def slices(self, start: int, end: int) -> Iterator[Span]:
        """The document's slices that the passage slice ``start:end`` was put together from."""
        piece = max(bisect_right(self.offsets, start) - 1, 0)
        while piece < len(self.offsets) and self.offsets[piece] < end:
            begun = self.offsets[piece]
            within = self.offsets[piece + 1] if piece + 1 < len(self.offsets) else len(self.text)
            length = min(end, within - self._gap_after(piece)) - max(start, begun)
            if length > 0:
                place = self.places[piece] + max(start - begun, 0)
                yield place, place + length
            piece += 1

    def _gap_after(self, piece: int) -> int:
        """1 if a line end was put in after ``piece``, else 0."""
        return int(piece in self.broken_after)


def flow_of(document: str, pieces: Iterable[Span]) -> Flow:
    """The passage made of ``pieces``, in order: joined directly where they touch or only markup lies between, by a line
    end where one (or a tab) lies between."""
    words: list[str] = []
    offsets: list[int] = []
    places: list[int] = []
    broken: set[int] = set()
    length = 0
    previous = None
    for start, end in pieces:
        if previous is not None and _LINE_END.search(document, previous, start):
            words.append("\n")
            broken.add(len(places) - 1)
            length += 1
        words.append(document[start:end])
        offsets.append(length)
        places.append(start)
        length += end - start
        previous = end
    return Flow("".join(words), tuple(offsets), tuple(places), frozenset(broken))
