"""Finding the words of Markdown's inline text in the source, without the marks of emphasis, code and links."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

from .flow import Span, flow_of

_MARKUP = frozenset(["em_open", "em_close", "strong_open", "strong_close", "s_open", "s_close"])
_LINK_TAIL = re.compile(r"\]\((?:[^()\\]|\\.|\([^()]*\))*\)|\]\[[^\]]*\]|\]|>")
_CODE = re.compile(r"(?P<ticks>`+)(?P<code>.*?)(?<!`)(?P=ticks)(?!`)", re.DOTALL)
_TAG = re.compile(
    r"</?(?:a|abbr|acronym|b|bdi|bdo|big|br|button|center|cite|code|data|del|details|dfn|div|em|font|i|img|input|ins|kbd|"
    r"label|mark|meter|object|output|p|picture|progress|q|rp|rt|ruby|s|samp|script|small|source|span|strike|strong|style|"
    r"sub|summary|sup|svg|table|td|th|time|tr|tt|u|var|wbr)\b|<[!?]",
    re.IGNORECASE,
)
_LONGEST_CODE = 20_000


def inline_pieces(text: str, within: Span, token: Token) -> tuple[Span, ...]:
    """The slices of ``text`` that hold the words of an inline token, which stands in the slice ``within``.

    Every child is looked for from the end of the one before; what cannot be found (an entity such as ``&shy;`` that the
    parser turned into another character) is left to the markup between.
    """
    pieces: list[Span] = []
    cursor, end = within
    for child in _flattened(token.children or []):
        cursor = _take(text, child, cursor, end, pieces)
    return _without_margins(text, pieces)


def _flattened(children: Sequence[Token]) -> Iterator[Token]:
    for child in children:
        if child.type == "image":
            yield from _flattened(child.children or [])
        else:
            yield child


def _take(text: str, child: Token, cursor: int, end: int, pieces: list[Span]) -> int:
    if child.type == "text":
        return _found(text, child.content, cursor, end, pieces)
    if child.type == "text_special":
        raw = child.markup or child.content
        at = text.find(raw, cursor, end)
        if at < 0:
            return cursor
        pieces.append((at + 1, at + len(raw)) if raw.startswith("\\") else (at, at + len(raw)))
        return at + len(raw)
    if child.type == "code_inline":
        found = _CODE.search(text, cursor, min(end, cursor + _LONGEST_CODE))
        if found is None:
            return _found(text, child.content, cursor, end, pieces)
        pieces.append(found.span("code"))
        return found.end()
    if child.type in _MARKUP and text.startswith(child.markup, cursor):
        return cursor + len(child.markup)
    if child.type == "link_close" and (tail := _LINK_TAIL.match(text, cursor, end)):
        return tail.end()
    if child.type == "html_inline":
        if not _is_markup(child.content):
            return _found(text, child.content, cursor, end, pieces)
        at = text.find(child.content, cursor, end)
        return at + len(child.content) if at >= 0 else cursor
    return cursor


def _is_markup(tag: str) -> bool:
    """Whether an inline tag is one of HTML and no placeholder such as ``<user name>``."""
    return bool(_TAG.match(tag))


def _found(text: str, content: str, cursor: int, end: int, pieces: list[Span]) -> int:
    content = content.strip("\r\n")
    at = text.find(content, cursor, end) if content else -1
    if at < 0:
        return cursor
    pieces.append((at, at + len(content)))
    return at + len(content)


def _without_margins(text: str, pieces: Sequence[Span]) -> tuple[Span, ...]:
    """The pieces without white space at the passage's ends, and without empty ones."""
    kept = [(start, end) for start, end in pieces if end > start]
    while kept and not text[kept[0][0] : kept[0][1]].strip():
        kept.pop(0)
    while kept and not text[kept[-1][0] : kept[-1][1]].strip():
        kept.pop()
    if not kept:
        return ()
    start, end = kept[0]
    kept[0] = (start + len(text[start:end]) - len(text[start:end].lstrip()), end)
    start, end = kept[-1]
    kept[-1] = (start, start + len(text[start:end].rstrip()))
    return tuple(kept)


def cell_spans(text: str, start: int, end: int) -> Iterator[Span]:
    """The spans of a table row's cells between its pipes, empty ones included."""
    row = text[start:end].strip()
    begin = start + len(text[start:end]) - len(text[start:end].lstrip())
    inner = row[1:] if row.startswith("|") else row
    begin += len(row) - len(inner)
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    at = 0
    for part in re.split(r"(?<!\\)\|", inner):
        yield begin + at, begin + at + len(part)
        at += len(part) + 1


def joined_text(text: str, pieces: Sequence[Span]) -> str:
    """The words of ``pieces`` as one string."""
    return flow_of(text, pieces).text
