"""Finding where sentences end, in English and German prose, in time linear in its length.

A full stop ends a sentence unless it belongs to an abbreviation, an initial or an ordinal, stands inside brackets or a
quotation, or is followed by a small letter.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from .abbreviations import MAY_END, MONTHS, NEVER_END, NUMBERED, OPENERS, RARELY_END
from .flow import Span
from .limits import MAX_CLAUSE_CHARACTERS

_CLOSERS = "\"'”\u2019“»)\\]"
_END = re.compile(rf"(?P<stop>[.!?…]+)(?P<close>[{_CLOSERS}]*)(?=(?P<gap>\s+)(?P<next>\S))|(?P<wide>[。！？；]+)")  # noqa: RUF001
_PAIRS = re.compile(r"[()\[\]“”„»«\"]")
_CLOSES = {")": "(", "]": "[", '"': '"„', "”": "“„", "“": "„", "«": "»", "»": "«"}
_DEEPEST_PAIR = 8
_LONGEST_PAIR = 600
_BEFORE_A_LETTER = re.compile(
    r"(?:appendix|annex|section|figure|table|class|type|option|step|part|part(?:y|ies)|level|group|category|anhang|teil|"
    r"klasse|typ|schedule|plan|phase|exhibit|box|variant|mode|zone|grade)s?\s+\S+\Z",
    re.IGNORECASE,
)
_UNIT = re.compile(r"[0-9]\s?[a-z]\Z|\Wx\Z")
"""A small letter that may end a sentence: the unit in "within 5 s."."""
_NUMBER = re.compile(r"[0-9]|[IVX]+\b|[A-Za-z]\b|§")
_WORD_BEFORE = re.compile(r"[^\s(\[\"'“„/]*\Z")
_LOOK_BACK = 40


def sentence_spans(passage: str) -> Iterator[Span]:
    """The spans of the sentences of ``passage``, without white space at their ends."""
    start = 0
    brackets = _bracketed(passage)
    for end in _ends(passage, brackets):
        if end <= start:
            continue
        yield from _pieces(passage, start, end)
        start = end
    yield from _pieces(passage, start, len(passage))


def _ends(passage: str, brackets: list[Span]) -> Iterator[int]:
    opens = [opening for opening, _ in brackets]
    begun = 0
    for found in _END.finditer(passage):
        if _inside(found.start(), opens, brackets, begun, passage):
            continue
        if found["wide"] or _ends_here(passage, found):
            begun = found.start("next") if found["next"] else found.end()
            yield found.end()


def _ends_here(passage: str, found: re.Match[str]) -> bool:
    following = found["next"]
    if found["stop"] != "." or found["close"][:1] in ('"', "”", "“"):
        return not following.islower() and not (found["stop"][0] == "…" and following.islower())
    spaced_as_sentence_end = len(found["gap"]) > 1 and "\n" not in found["gap"]
    if following.islower() and not spaced_as_sentence_end:
        return False
    if following in ",;:)]–—":  # noqa: RUF001
        return False
    before = passage[max(0, found.start() - _LOOK_BACK) : found.start()]
    return bool(found["close"]) or not _is_abbreviation(before, passage, found)


def _is_abbreviation(before: str, passage: str, found: re.Match[str]) -> bool:
    """Whether the full stop after ``before`` belongs to its last word and does not end the sentence."""
    word = _WORD_BEFORE.search(before)
    last = word[0] if word else ""
    lowered = last.lower()
    following = passage[found.end("gap") : found.end("gap") + 20]
    if lowered in MAY_END:
        return not following[:1].isupper()
    if lowered in RARELY_END:
        return not _begins_sentence(following)
    if lowered in NUMBERED:
        return bool(_NUMBER.match(following))
    if lowered in NEVER_END:
        return True
    if len(last) == 1 and last.isalpha():
        known = _BEFORE_A_LETTER if last.isupper() else _UNIT
        return not known.search(before)
    if last.isdigit() and len(last) <= 2:
        return following.split(" ")[0].rstrip(".,") in MONTHS
    return False


def _begins_sentence(following: str) -> bool:
    word = re.match(r"[\"“(]?\w+", following)
    return bool(word) and word[0].strip('"“(') in OPENERS  # type: ignore[index]


def _bracketed(passage: str) -> list[Span]:
    """Outermost bracketed and quoted spans, each short enough to lie within one sentence, in order."""
    pairs: list[Span] = []
    stack: list[tuple[str, int]] = []
    for found in _PAIRS.finditer(passage):
        sign, place = found[0], found.start()
        depth = _depth_closed(sign, stack)
        if depth is None:
            stack.append((sign, place))
            del stack[:-_DEEPEST_PAIR]
            continue
        begun = stack[depth][1]
        del stack[depth:]
        if place - begun <= _LONGEST_PAIR:
            while pairs and pairs[-1][0] > begun:
                pairs.pop()
            pairs.append((begun, place))
    return pairs


def _depth_closed(sign: str, stack: list[tuple[str, int]]) -> int | None:
    """The place in ``stack`` of the sign that ``sign`` closes, or None if it closes none."""
    closes = _CLOSES.get(sign, "")
    for depth in range(len(stack) - 1, -1, -1):
        if stack[depth][0] in closes:
            return depth
    return None


def _inside(place: int, opens: list[int], brackets: list[Span], begun: int, passage: str) -> bool:
    """Whether ``place`` lies in brackets that the sentence begun at ``begun`` opened after its first word."""
    index = bisect_right(opens, place) - 1
    if index < 0:
        return False
    opening, closing = brackets[index]
    if not opening < place < closing:
        return False
    return opening > begun and bool(passage[place + 1 : closing].strip("\"'”\u2019.!?"))


def cut_spans(passage: str) -> Iterator[Span]:
    """The span of ``passage`` without white space at its ends, in pieces if it is longer than a clause may be."""
    yield from _pieces(passage, 0, len(passage))


def _pieces(passage: str, start: int, end: int) -> Iterator[Span]:
    """The span ``start:end`` without white space at its ends, cut at white space where it is too long."""
    while start < end and passage[start].isspace():
        start += 1
    while end > start and passage[end - 1].isspace():
        end -= 1
    while end - start > MAX_CLAUSE_CHARACTERS:
        cut = _cut(passage, start, start + MAX_CLAUSE_CHARACTERS)
        yield start, cut
        start = cut
        while start < end and passage[start].isspace():
            start += 1
    if end > start:
        yield start, end


def _cut(passage: str, start: int, limit: int) -> int:
    for cut in range(limit, limit - 1_000, -1):
        if passage[cut].isspace() and not passage[cut - 1].isspace():
            return cut
    return limit
