"""Telling examples, figures and formal grammars from prose."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .lines import Line

_CODE_LINE = re.compile(
    r"""(?:GET|POST|PUT|DELETE|HEAD|OPTIONS|PATCH|CONNECT)\s+\S+(?:\s+HTTP/\d)?$|HTTP/\d(?:\.\d)?\s\d{3}\b   # HTTP
    |[A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)+:\s\S|(?:Host|Location|Pragma|Accept|Authorization|Cookie|ETag|Date):\s\S
    |[A-Za-z][\w-]*\s*=/?\s+(?:\S.*)?(?:%x|\d\*|\*\(|[*"/|(]|[A-Z]{2,}\b|[a-z-]+\s/|[a-z]+-[a-z])             # ABNF
    |[{}\[\]()]+[,;]?$|"[\w.@$-]+"\s*:\s*\S|<[/!?]?[a-zA-Z][^<>]*>                                          # JSON, XML
    |(?:\S*[a-z]\(.*\)\s*[;{]$)|\S+\s*[:=]{0,2}=\s*\S+;?$|[&?][\w.~-]+=\S+|\S*%[0-9A-F]{2}\S*$   # code
    |(?:def|class|import|from|return|function|var|let|const|public|private|if\s?\(|for\s?\(|while\s?\()\b.*[:;{(]$
    |(?:SELECT|INSERT|UPDATE|CREATE|DELETE|ALTER)\s.+;?$|\$\s\S|>>>\s|\#\s?include|//\s|/\*
    |(?:[0-9A-Fa-f]{2}\s){3,}|\S{60,}$
    |%x[0-9A-F]""",
    re.VERBOSE,
)
_DRAWN = re.compile(
    r"[+|^<>v'`.\\/_-]{3,}|-->|<--|\|\s\s|\s\s\||^[|^v](?:\s+[|^v])*$|^\([A-Z]\)\s+\([A-Z]\)|[─│┌┐└┘├┤┬┴┼═║╔╗╚╝]"
)
_CAPTION = re.compile(
    r"(?:Figure|Fig\.|Table|Abbildung|Tabelle|Listing)\s*[0-9A-Z]+(?:[-.][0-9]+)*\s*[.:\u2013\u2014-]?(?:\s|$)"
)
_WORD = re.compile(r"[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ'\u2019-]*[,.;:)]?$")
_SMALL_WORDS = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "to",
        "in",
        "is",
        "are",
        "be",
        "and",
        "or",
        "for",
        "with",
        "by",
        "on",
        "at",
        "as",
        "that",
        "this",
        "it",
        "from",
        "not",
        "if",
        "when",
        "shall",
        "must",
        "should",
        "may",
        "can",
        "will",
        "der",
        "die",
        "das",
        "und",
        "oder",
        "ist",
        "sind",
        "ein",
        "eine",
        "von",
        "zu",
        "mit",
        "für",
        "auf",
        "im",
        "nicht",
        "wird",
        "werden",
        "muss",
    ]
)
_ENDED = re.compile(r"[.!?:;][\"')\]]*$")


def is_caption(group: Sequence[Line], body: int) -> bool:
    """Whether the lines are the caption of a figure or table, set apart from running text."""
    first = group[0]
    return (
        len(group) <= 2
        and bool(_CAPTION.match(first.content))
        and (
            first.indent > body + 4
            or (len(group) == 1 and not _ENDED.search(first.content) and len(first.content) < 100)
        )
    )


def looks_drawn(line: Line) -> bool:
    """Whether a line is part of a drawing or of a formal notation."""
    return bool(_DRAWN.search(line.content)) and not reads_as_prose(line.content)


def is_figure(group: Sequence[Line]) -> bool:
    """Whether most lines of a group are drawn or written in a notation, and it is no prose."""
    odd = sum(1 for line in group if _CODE_LINE.match(line.content) or looks_drawn(line))
    return odd * 2 >= len(group) and not _is_prose(group)


def is_display(group: Sequence[Line]) -> bool:
    """Whether a group that is set deeper than the text announcing it is quoted matter and no sentence."""
    return not _is_prose(group)


def reads_as_prose(content: str) -> bool:
    """Whether a line is words, with small words among them."""
    tokens = content.split()
    words = sum(1 for token in tokens if _WORD.match(token))
    return words >= 5 and words * 4 >= len(tokens) * 3 and any(token.lower() in _SMALL_WORDS for token in tokens)


def _is_prose(group: Sequence[Line]) -> bool:
    tokens = " ".join(line.content for line in group).split()
    words = sum(1 for token in tokens if _WORD.match(token.lstrip("(\"'“„")))
    small = sum(1 for token in tokens if token.lower() in _SMALL_WORDS)
    return words * 3 >= len(tokens) * 2 and (
        small * 8 >= len(tokens) or (words > 2 and bool(_ENDED.search(group[-1].content)))
    )
