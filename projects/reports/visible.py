"""Making unseen characters seen: text out of documents must not steer a terminal or turn a line around."""

from __future__ import annotations

import re
import unicodedata

from agents.reporting import Cell

# Control characters but tab and newline; line and paragraph separators; bidi marks, embeddings, overrides
# and isolates; other characters of no width that hide or reorder text; tags; halves of surrogate pairs.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """The text with each character that cannot be seen as its code, ``[U+202E]``; tabs and line ends stay."""
    return _UNSEEN.sub(lambda found: f"[U+{ord(found.group()):04X}]", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The text as one visible line."""
    return visible(" ".join(text.replace("\r", " ").split()))


def cell(value: Cell | None) -> str:
    """A cell as text: whole numbers as they are, others rounded to four digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 10_000 else f"{value:.0f}"
    return one_line(str(value))


def width(text: str) -> int:
    """How many columns of a terminal a text takes: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_width_of(character) for character in text)


def _width_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
