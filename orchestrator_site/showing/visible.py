"""Text of agents and documents as a person may trust to see it: escaped, the unseen shown by its code.

An agent writes what the approver reads, so it must not be able to reorder it, hide a part of it or end a line
that goes on. Characters that only control others (Unicode categories Cc, Cf, Cs, Co, Cn, Zl, Zp) and the few
letters and marks without any shape are replaced by their code points in a box.
"""

from __future__ import annotations

import unicodedata

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# Hindi, Persian and many an emoji are not spelt right without these, and they move nothing.
JOINERS = "\u200c\u200d\ufe0e\ufe0f"
_CONTROLLING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_HARMLESS = frozenset("\n\t")
# Letters, marks and symbols that have no shape of their own: grapheme joiner, Hangul fillers, Khmer inherent
# vowels, Mongolian selectors, the empty Braille pattern, variation selectors.
_SHAPELESS = frozenset(
    chr(code)
    for code in (
        0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0,
        *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
    )
)  # fmt: skip


def is_hidden(character: str) -> bool:
    """Whether a reader would not see the character, or it would change how others are seen."""
    if character in _HARMLESS:
        return False
    return character in _SHAPELESS or unicodedata.category(character) in _CONTROLLING


def has_hidden(text: str) -> bool:
    """Whether any character of the text is hidden."""
    return any(map(is_hidden, text))


def shown_plainly(text: str, *, but: str = "") -> str:
    """The text with hidden characters written as ``[U+202E]``, for places that hold no markup.

    ``but`` names hidden characters that may stay.
    """
    if not has_hidden(text):
        return text
    return "".join(f"[{_code(c)}]" if is_hidden(c) and c not in but else c for c in text)


def shown(text: str) -> SafeString:
    """The text as HTML: escaped, hidden characters as boxes with their code, and their name as title."""
    if not has_hidden(text):
        return format_html("{}", text)
    return format_html_join("", "{}", ((_piece(piece),) for piece in _pieces(text)))


def visible(text: str) -> str:
    """Text for a terminal or a file, each character that cannot be seen as its code; tabs and line ends stay."""
    return shown_plainly(text.replace("\r\n", "\n"), but=JOINERS)


def one_line(text: str) -> str:
    """The text as one visible line."""
    return visible(" ".join(text.replace("\r", " ").split()))


def _pieces(text: str) -> list[str]:
    """Runs of visible characters, and each hidden one by itself."""
    pieces: list[str] = [""]
    for character in text:
        if is_hidden(character):
            pieces += [character, ""]
        else:
            pieces[-1] += character
    return [piece for piece in pieces if piece]


def _piece(piece: str) -> SafeString:
    if len(piece) > 1 or not is_hidden(piece):
        return format_html("{}", piece)
    name = unicodedata.name(piece, "a character without a name").lower()
    return format_html('<span class="code-point" title="{}">{}</span>', name, _code(piece))


def _code(character: str) -> str:
    return f"U+{ord(character):04X}"
