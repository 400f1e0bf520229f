"""Words that a line end parted: "authoriza-\\ntion" is one word, "third-\\nparty" keeps its hyphen."""

from __future__ import annotations

import re

from .flow import fold

_PARTED = re.compile(r"(?P<head>\w+)(?P<hyphen>[-\u2010\u00ad])\s*\n\s*(?P<tail>\w+)")
_WORD = re.compile(r"\w+(?:-\w+)*")


class Dehyphenation:
    """Joins parted words as the rest of the document writes them."""

    def __init__(self, document: str) -> None:
        self._words = {word.casefold() for word in _WORD.findall(document)}

    def fold(self, passage: str) -> str:
        """``passage`` with white space folded and parted words joined."""
        return fold(_PARTED.sub(self._joined, passage)) if "\n" in passage else fold(passage)

    def join(self, first: str, second: str) -> str:
        """Two pieces of one cell as one."""
        return self.fold(f"{first}\n{second}")

    def _joined(self, found: re.Match[str]) -> str:
        head, hyphen, tail = found["head"], found["hyphen"], found["tail"]
        if hyphen == "\u00ad":
            return head + tail
        if not tail[0].islower() or not head[-1].islower():
            return f"{head}-{tail}"
        if (head + tail).casefold() in self._words:
            return head + tail
        known_parted = f"{head}-{tail}".casefold() in self._words
        return f"{head}-{tail}" if known_parted else head + tail
