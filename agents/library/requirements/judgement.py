"""Whether a normative word in a sentence binds anyone, and why not where it does not.

A word may be used to describe ("this may cause"), to guess ("must have been"), to speak to the reader ("it
should be noted"), inside a condition ("if the client is required to"), or be spoken about ("the key words
MUST …"). Each such use has its own reason, worded for the person who reads the list of rejections.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from agents.library.requirements.conventions import Conventions
from agents.library.requirements.descriptive import (
    attribute,
    condition,
    guess,
    illustration,
    past_or_hypothetical,
    to_the_reader,
)
from agents.library.requirements.keywords import Family, KeyWord
from agents.library.requirements.requirement import Rejection

Judge = Callable[[str, KeyWord, Conventions], Rejection | None]

_QUOTED_KEY_WORD = re.compile(
    r"[\"“'\u2018](?:MUST|SHALL|SHOULD|MAY|REQUIRED|RECOMMENDED|OPTIONAL)(?: NOT)?[\"”'\u2019]"
)
_LONGEST_SENTENCE = 3000
_MONTH = re.compile(r"(?:\d{1,2}(?:st|nd|rd|th)?\s+(?:of\s+)?|\b(?:in|of|since|by|until|from)\s+)$")
_YEAR_OR_DAY = re.compile(r"^[\s,]*\d{1,4}\b")


def judge(sentence: str, word: KeyWord, conventions: Conventions) -> Rejection | None:
    """The reason why ``word`` binds nobody in ``sentence``, or ``None`` where it does."""
    sentence, word = _near(sentence, word)
    for rule in _RULES:
        if (rejection := rule(sentence, word, conventions)) is not None:
            return rejection
    return None


def _near(sentence: str, word: KeyWord) -> tuple[str, KeyWord]:
    """The words around ``word``, in a passage longer than any sentence that people write."""
    if len(sentence) <= _LONGEST_SENTENCE:
        return sentence, word
    start = max(0, word.start - _LONGEST_SENTENCE // 2)
    moved = replace(word, start=word.start - start, end=word.end - start)
    return sentence[start : word.end + _LONGEST_SENTENCE // 2], moved


def _defines_key_words(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    quoted = _QUOTED_KEY_WORD.findall(sentence)
    if len(quoted) >= 3 or (quoted and re.search(r"key\s*words?", sentence, re.IGNORECASE)):
        return Rejection("key_word_definition", "It defines the key words themselves and asks nothing of anyone.")
    around = sentence[max(0, word.start - 1) : word.end + 1]
    if len(around) == len(word.text) + 2 and around[0] in "\"“'\u2018`" and around[-1] in "\"”'\u2019`":
        return Rejection("quoted_word", f"The word {word.text!r} is quoted here: it is spoken about, not used.")
    return None


def _month(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    if word.text != "May":
        return None
    before, after = sentence[: word.start], sentence[word.end :]
    if _MONTH.search(before) or _YEAR_OR_DAY.match(after):
        return Rejection("month", "'May' is the month here.")
    return None


def _lower_case(_: str, word: KeyWord, conventions: Conventions) -> Rejection | None:
    if not conventions.capitals_only or word.capital:
        return None
    return Rejection(
        "lower_case",
        f"The document declares its key words (RFC 2119/8174) and writes them in capitals; {word.text!r} is "
        "not in capitals, so it is ordinary English here.",
    )


def _weak(sentence: str, word: KeyWord, conventions: Conventions) -> Rejection | None:
    if word.family is not Family.WEAK or conventions.requirement_list:
        return None
    if word.text.lower().startswith("will"):
        return Rejection("future", "'will' tells what comes; this document binds by other words.")
    return Rejection("capability", f"'{word.text}' says what is possible; it neither demands nor permits.")


_RULES: tuple[Judge, ...] = (
    _defines_key_words,
    _month,
    _lower_case,
    _weak,
    to_the_reader,
    illustration,
    guess,
    past_or_hypothetical,
    condition,
    attribute,
)

_OF_KIND = {
    "heading": ("heading", "It is a heading: it names a subject and asks nothing."),
    "code": (
        "quoted_matter",
        "It is an example, a figure or a formal grammar, not the text of the document.",
    ),
    "contents": ("contents", "It is an entry of the table of contents."),
    "reference": ("reference", "It is an entry of the list of references."),
    "furniture": ("furniture", "It is a page header or footer."),
}


def judge_kind(kind: str) -> Rejection | None:
    """The reason why nothing in a clause of that kind is a rule, or ``None`` for prose."""
    return Rejection(*_OF_KIND[kind]) if kind in _OF_KIND else None
