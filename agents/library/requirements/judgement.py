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
from agents.library.requirements.keywords import Family, KeyWord
from agents.library.requirements.requirement import Modality, Rejection

Judge = Callable[[str, KeyWord, Conventions], Rejection | None]

_QUOTED_KEY_WORD = re.compile(
    r"[\"“'\u2018](?:MUST|SHALL|SHOULD|MAY|REQUIRED|RECOMMENDED|OPTIONAL)(?: NOT)?[\"”'\u2019]"
)
_SUBORDINATORS = (
    r"if|when|whenever|where|wherever|whether|unless|while|whilst|since|because|although|though|until|once|"
    r"before|after|as\s+long\s+as|in\s+case|in\s+so\s+far\s+as|insofar\s+as|provided\s+that|to\s+the\s+extent\s+that"
)
_OPENS_WITH_CONDITION = re.compile(rf"^(?:and|or|but|however,)?\s*(?:{_SUBORDINATORS})\b", re.IGNORECASE)
_CONDITION_BEFORE = re.compile(
    rf"(?:^|[\s,;(])(?:even\s+|only\s+)?(?:{_SUBORDINATORS})\s+(?P<between>[^,;:()]*)$", re.IGNORECASE
)
_PREPOSITION = re.compile(r"(?:before|after|until|since|once)\b", re.IGNORECASE)
_DETERMINER = re.compile(r"(?:the|an?|any|each|it|they|he|she|this)\s", re.IGNORECASE)
_LONGEST_SENTENCE = 3000
_MONTH = re.compile(r"(?:\d{1,2}(?:st|nd|rd|th)?\s+(?:of\s+)?|\b(?:in|of|since|by|until|from)\s+)$")
_YEAR_OR_DAY = re.compile(r"^[\s,]*\d{1,4}\b")
_PERFECT = re.compile(r"^(?:\s+\w+)?\s+have\s+(?:been|had|\w+(?:ed|en|t|ne|wn))\b", re.IGNORECASE)
_TO_THE_READER = re.compile(
    r"^\s+(?:(?:also|again|further|first|however)\s+)?(?:be\s+)?"
    r"(?:note|noted|observed|remembered|emphasi[sz]ed|stressed|pointed\s+out|borne\s+in\s+mind|"
    r"mentioned|admit|bear\s+in\s+mind|remember|recall|assume\s+that|conclude|understand\s+that|obvious|clear\s+that|evident|seen\s+that|kept\s+in\s+mind|admitted|recalled)\b",
    re.IGNORECASE,
)
_GUESS = re.compile(
    r"^\s+(?:not\s+)?(?:also\s+|well\s+|even\s+|sometimes\s+|then\s+|still\s+|or\s+may\s+not\s+)*"
    r"(?:cause|lead|result|occur|arise|happen|vary|differ|appear|seem|depend|affect|become|suffer|fail|prevent|"
    r"help|enable|expose|indicate|suggest|imply|reflect|need|have\s+to|want|wish|"
    r"be\s+(?:able|due|possible|impossible|necessary|useful|difficult|hard|easier|desirable|appropriate|aware|the\s+case|"
    r"subject\s+to\s+(?:attack|abuse)|vulnerable|susceptible|effective|caused|exposed|attempting|affected|confused))\b",
    re.IGNORECASE,
)
_ABSTRACT_SUBJECT = re.compile(
    r"(?:^|[,;]\s*|\s)(?:this|these|which|that|there)\s+$"
    r"|(?:^|[,;]\s*|\s)(?:doing\s+so|lack|failure|attacks?|an\s+attack(?:er)?|attackers?|the\s+attackers?|"
    r"a\s+malicious\s+\w+)(?:\s+\w+){0,4}\s+$",
    re.IGNORECASE,
)
_DEFINES_TERM = re.compile(
    r"^\s+(?:mean|refer\s+to|denote|have\s+the\s+(?:same\s+)?meaning|be\s+understood\s+as)\b"
)
_PAST = re.compile(r"^(?:had|needed)\s", re.IGNORECASE)
_HYPOTHETICAL = re.compile(
    r"\b(?:would|might|could|may|will)\s+(?:also\s+|then\s+|still\s+)?$", re.IGNORECASE
)
_WAS = re.compile(r"\b(?:was|were|been|had)\s+(?:\w+ly\s+|not\s+|also\s+)?$", re.IGNORECASE)
_AUTHOR = re.compile(r"\b(?:I|[Ww]e)\s+$")
_DISCOURSE = re.compile(
    r"^\s+(?:now\s+|also\s+)?(?:consider|assume|discuss|describe|distinguish|expect|show|see|ask)\b"
)
_ILLUSTRATION = re.compile(r"^(?:for\s+(?:example|instance)|e\.g\.)[,\s]", re.IGNORECASE)
_PREDICATE = re.compile(
    r"\b(?:is|are|be|being)\s+(?:also\s+|only\s+|not\s+|hereby\s+|strictly\s+)?$", re.IGNORECASE
)
_AFTER_PREDICATE = re.compile(
    r"\b(?:may|might|can|could|would|if|when|where)\s+(?:\w+\s+)?(?:be|is|are)\s+$", re.IGNORECASE
)
_UNDER_MODAL = re.compile(r"\b(?:must|shall|should)\s+(?:not\s+|also\s+)?be\s+$", re.IGNORECASE)
_HEADS_ENTRY = re.compile(r"\s*(?:[.:;,)]|$|(?:if|when|unless|only|for|as|in)\b)", re.IGNORECASE)
_OPENS_STATUS = re.compile(r"^\W*(?:[A-Za-z_][\w.-]*\W+){0,3}$")


def judge(sentence: str, word: KeyWord, conventions: Conventions) -> Rejection | None:
    """The reason why ``word`` binds nobody in ``sentence``, or ``None`` where it does."""
    sentence, word = _near(sentence, word)
    for rule in _RULES:
        if (rejection := rule(sentence, word, conventions)) is not None:
            return rejection
    return None


def _near(sentence: str, word: KeyWord) -> tuple[str, KeyWord]:
    """The words around ``word`` in a passage so long that only a broken document can hold it as one
    sentence.
    """
    if len(sentence) <= _LONGEST_SENTENCE:
        return sentence, word
    start = max(0, word.start - _LONGEST_SENTENCE // 2)
    moved = replace(word, start=word.start - start, end=word.end - start)
    return sentence[start : word.end + _LONGEST_SENTENCE // 2], moved


def _defines_key_words(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    quoted = _QUOTED_KEY_WORD.findall(sentence)
    if len(quoted) >= 3 or (quoted and re.search(r"key\s*words?", sentence, re.IGNORECASE)):
        return Rejection(
            "key_word_definition", "It defines the key words themselves and asks nothing of anyone."
        )
    around = sentence[max(0, word.start - 1) : word.end + 1]
    if len(around) == len(word.text) + 2 and around[0] in "\"“'\u2018`" and around[-1] in "\"”'\u2019`":
        return Rejection(
            "quoted_word", f"The word {word.text!r} is quoted here: it is spoken about, not used."
        )
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


def _to_the_reader(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    if _TO_THE_READER.match(sentence[word.end :]):
        return Rejection(
            "rhetorical", "It speaks to the reader of the document and asks nothing of the system."
        )
    if _AUTHOR.search(sentence[: word.start]) and (
        word.family is Family.PHRASE or _DISCOURSE.match(sentence[word.end :])
    ):
        return Rejection("authors", "The authors speak of themselves here, not of the system.")
    if word.family is Family.MODAL and _DEFINES_TERM.match(sentence[word.end :]):
        return Rejection("definition", "It says what a term means; it asks nothing of anyone.")
    if not word.capital and sentence.rstrip().endswith("?"):
        return Rejection("question", "It is a question.")
    return None


def _illustration(sentence: str, _: KeyWord, __: Conventions) -> Rejection | None:
    if _ILLUSTRATION.match(sentence):
        return Rejection("example", "It is an example that illustrates, not a rule.")
    return None


def _guess(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    before, after = sentence[: word.start], sentence[word.end :]
    if word.family is Family.MODAL and _PERFECT.match(after):
        return Rejection("epistemic", f"'{word.text} have …' concludes or supposes something about the past.")
    if word.capital or not word.text.lower().startswith("may"):
        return None
    if _GUESS.match(after) or (word.modality is Modality.MAY and _ABSTRACT_SUBJECT.search(before)):
        return Rejection("epistemic", "'may' says what can happen here; it permits nothing.")
    return None


def _past_or_hypothetical(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    before = sentence[: word.start]
    if word.family is Family.PHRASE and _HYPOTHETICAL.search(before):
        return Rejection("hypothetical", "It says what would or might be needed, not what is.")
    if _PAST.match(word.text) or (
        word.family is not Family.MODAL and not word.capital and _WAS.search(before)
    ):
        return Rejection("past", "It tells what was needed or was the case, and asks nothing now.")
    return None


def _condition(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    """A key word inside the condition of a sentence sets the scene; the rule is in the main clause."""
    before = sentence[: word.start]
    if word.text.lower() == "should" and not before.strip():
        return Rejection("condition", "'Should …' opens a condition here (if …), it is not the rule itself.")
    inside = _CONDITION_BEFORE.search(before)
    if inside is None or _main_clause_between(inside.group("between")):
        return None
    if _PREPOSITION.match(inside.group().strip(" ,;(")) and not _DETERMINER.match(inside.group("between")):
        return None
    if word.capital and not _OPENS_WITH_CONDITION.match(sentence):
        return None
    return Rejection("condition", f"'{word.text}' stands in the condition of the sentence, not in a rule.")


def _main_clause_between(between: str) -> bool:
    """Whether the words after a subordinator look as if the main clause had begun without a comma."""
    verb = (
        r"\b(?:is|are|was|were|has|have|does|do|exists?|fails?|occurs?|requires?|uses?|receives?|contains?)\b"
    )
    return bool(re.search(verb + r".*\b(?:the|a|an|any|each|every|all)\s+[\w\s-]+$", between, re.IGNORECASE))


def _attribute(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    """REQUIRED and its like bind as a predicate or at the head of an entry, not as an attribute of a noun."""
    if word.family is not Family.STATUS:
        return None
    before = sentence[: word.start]
    if before.strip() and word.text.istitle():
        return Rejection("heading", f"'{word.text}' is written as headings are: it names a subject.")
    if _UNDER_MODAL.search(before):
        return Rejection("attribute", f"'{word.text}' belongs to the verb before it, which is the rule.")
    if _AFTER_PREDICATE.search(before) and not word.capital:
        return Rejection("hypothetical", f"It says that something may be {word.text}, not that it is.")
    if _PREDICATE.search(before):
        return None
    if _OPENS_STATUS.match(before) and _HEADS_ENTRY.match(sentence[word.end :]):
        return None
    return Rejection(
        "attribute", f"'{word.text}' describes a noun here or refers to a rule stated elsewhere."
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
    _to_the_reader,
    _illustration,
    _guess,
    _past_or_hypothetical,
    _condition,
    _attribute,
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
