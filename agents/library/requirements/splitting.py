"""Taking a compound statement apart: "The server MUST answer and MAY log" becomes two statements that stand
alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agents.library.requirements.keywords import Family, KeyWord
from agents.library.requirements.wording import capitalised, ended, parse

_SEAM = re.compile(
    r"(?P<paren>\()|(?P<semicolon>;\s+(?:and\s+|or\s+|but\s+|however,?\s+)?)"
    r"|(?P<relative>,\s+(?:(?:and|but)\s+)?which\s+(?:also\s+)?)"
    r"|(?P<conjunction>,?\s+(?:and|but|or)(?:\s+then)?\s+(?:thus\s+|therefore\s+|also\s+)?)|(?P<colon>:\s+)",
    re.IGNORECASE,
)
_ANTECEDENT = re.compile(
    r"(?:^|\s)((?:an?|the|any|each|every|its|their|such)\s+(?:(?!\b(?:an?|the)\s).)+)$", re.IGNORECASE
)
_PARENTHESIS = re.compile(r"\s*\([^()]*\)")
_HANGING = re.compile(r"[\s,;:(]+(?:and|or|but)?\s*$")


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement taken out of a compound one; ``word_start`` is the offset of its key word in
    ``statement``.
    """

    statement: str
    word: KeyWord


@dataclass(frozen=True, slots=True)
class _Seam:
    kind: str
    start: int
    end: int


def split(statement: str, words: Sequence[KeyWord]) -> tuple[Piece, ...]:
    """One piece for each operative key word; the statement itself, alone, where it cannot be taken apart
    safely.
    """
    seams = [_seam_before(statement, earlier, word) for earlier, word in pairwise(words)]
    if not seams or any(seam is None for seam in seams):
        return (Piece(statement, words[0]),)
    parsed = parse(statement, words[0])
    bounds = [seam for seam in seams if seam is not None]
    if any(seam.kind == "paren" for seam in bounds[:-1]):
        return (Piece(statement, words[0]),)
    if _shares_its_object(statement, words):
        return (Piece(statement, words[0]),)
    pieces = [_first(statement, words[0], bounds[0])]
    for position, seam in enumerate(bounds):
        end = bounds[position + 1].start if position + 1 < len(bounds) else len(statement)
        pieces.append(_later(statement, words[position + 1], seam, end, parsed.condition, parsed.subject))
    return tuple(pieces)


def _seam_before(statement: str, earlier: KeyWord, word: KeyWord) -> _Seam | None:
    """The last place between two key words where a new statement can begin, or ``None``."""
    found = None
    for match in _SEAM.finditer(statement, earlier.end, word.start + 1):
        if match.end() <= word.start:
            kind = str(match.lastgroup)
            if not _reaches(statement[match.start() : word.start], kind):
                continue
            own_subject = statement[match.end() : word.start].strip()
            if own_subject.lower().startswith("otherwise"):
                return None
            if kind != "conjunction" or _may_start(own_subject):
                found = _Seam(kind, match.start(), match.end())
    return found


def _reaches(between: str, kind: str) -> bool:
    """Whether a seam and the key word after it stand on one level of brackets."""
    opened = between.count("(") - between.count(")")
    return opened == (1 if kind == "paren" else 0)


def _may_start(subject: str) -> bool:
    """Whether words between a conjunction and a key word are a subject, or nothing (the subject is carried
    on).
    """
    plain = _PARENTHESIS.sub("", subject)
    return not plain or (len(plain.split()) <= 12 and "," not in plain)


def _shares_its_object(statement: str, words: Sequence[KeyWord]) -> bool:
    """Whether one verb follows two key words and only the second has an end: "must require A and should
    require B to …".
    """
    for mine, other in pairwise(words):
        verb = statement[mine.end :].split(None, 1)[:1]
        same = verb == statement[other.end :].split(None, 1)[:1] and verb not in (["be"], [])
        if same and " to " not in statement[mine.end : other.start] and " to " in statement[other.end :]:
            return True
    return False


def _first(statement: str, word: KeyWord, seam: _Seam) -> Piece:
    """What stands before the first seam; a parenthesis is taken out and the words after it are kept."""
    body = statement[: seam.start]
    if seam.kind == "paren":
        closing = statement.find(")", seam.end)
        body += statement[closing + 1 :] if closing >= 0 else ""
    return Piece(ended(_HANGING.sub("", body)), word)


def _later(statement: str, word: KeyWord, seam: _Seam, end: int, condition: str, subject: str) -> Piece:
    own = statement[seam.end : word.start].strip()
    rest = statement[word.start : end]
    if seam.kind == "paren":
        rest = rest.split(")", 1)[0]
        condition = ""
    if seam.kind == "semicolon":
        condition = ""
    if seam.kind == "relative":
        own, condition = _antecedent(statement[: seam.start]), ""
    rest = _HANGING.sub("", rest)
    opening = f"{condition}, " if condition else ""
    head = f"{opening}{own or subject} "
    if word.family is Family.STATUS and not own:
        head = f"{opening}{subject} is "
    text = capitalised(head + rest)
    start = len(head)
    return Piece(ended(text), KeyWord(start, start + len(word.text), word.text, word.modality, word.family))


def _antecedent(before: str) -> str:
    plain = _PARENTHESIS.sub("", before).rstrip(" ,")
    match = _ANTECEDENT.search(plain)
    return match.group(1).strip() if match else " ".join(plain.split()[-4:])
