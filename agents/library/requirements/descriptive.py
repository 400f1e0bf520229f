"""Uses of a normative word that describe, guess, tell or set a scene, and bind nobody.

Each rule looks at one use and gives its own reason; ``judgement`` asks them in turn.
"""

from __future__ import annotations

import re

from agents.library.requirements.conventions import Conventions
from agents.library.requirements.keywords import Family, KeyWord
from agents.library.requirements.requirement import Modality, Rejection

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
_DEFINES_TERM = re.compile(r"^\s+(?:mean|refer\s+to|denote|have\s+the\s+(?:same\s+)?meaning|be\s+understood\s+as)\b")
_EMBEDDED = re.compile(r"\w\s+(?:what|how)\s+(?:\w+\s+){1,4}$", re.IGNORECASE)
_PAST = re.compile(r"^(?:had|needed)\s", re.IGNORECASE)
_HYPOTHETICAL = re.compile(r"\b(?:would|might|could|may|will)\s+(?:also\s+|then\s+|still\s+)?$", re.IGNORECASE)
_WAS = re.compile(r"\b(?:was|were|been|had)\s+(?:\w+ly\s+|not\s+|also\s+)?$", re.IGNORECASE)
_AUTHOR = re.compile(r"\b(?:I|[Ww]e)\s+$")
_DISCOURSE = re.compile(
    r"^\s+(?:now\s+|also\s+)?(?:consider|assume|discuss|describe|distinguish|expect|show|see|ask)\b"
)
_ILLUSTRATION = re.compile(r"^(?:for\s+(?:example|instance)|e\.g\.)[,\s]", re.IGNORECASE)
_PREDICATE = re.compile(r"\b(?:is|are|be|being)\s+(?:also\s+|only\s+|not\s+|hereby\s+|strictly\s+)?$", re.IGNORECASE)
_AFTER_PREDICATE = re.compile(
    r"\b(?:may|might|can|could|would|if|when|where)\s+(?:\w+\s+)?(?:be|is|are)\s+$", re.IGNORECASE
)
_UNDER_MODAL = re.compile(r"\b(?:must|shall|should)\s+(?:not\s+|also\s+)?be\s+$", re.IGNORECASE)
_HEADS_ENTRY = re.compile(r"\s*(?:[.:;,)]|$|(?:if|when|unless|only|for|as|in)\b)", re.IGNORECASE)
_OPENS_STATUS = re.compile(r"^\W*(?:[A-Za-z_][\w.-]*\W+){0,3}$")


def to_the_reader(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    if _TO_THE_READER.match(sentence[word.end :]):
        return Rejection("rhetorical", "It speaks to the reader of the document and asks nothing of the system.")
    if _AUTHOR.search(sentence[: word.start]) and (
        word.family is Family.PHRASE or _DISCOURSE.match(sentence[word.end :])
    ):
        return Rejection("authors", "The authors speak of themselves here, not of the system.")
    if word.family is Family.MODAL and _DEFINES_TERM.match(sentence[word.end :]):
        return Rejection("definition", "It says what a term means; it asks nothing of anyone.")
    if not word.capital and sentence.rstrip().endswith("?"):
        return Rejection("question", "It is a question.")
    return None


def illustration(sentence: str, _: KeyWord, __: Conventions) -> Rejection | None:
    if _ILLUSTRATION.match(sentence):
        return Rejection("example", "It is an example that illustrates, not a rule.")
    return None


def guess(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    before, after = sentence[: word.start], sentence[word.end :]
    if word.family is Family.MODAL and _PERFECT.match(after):
        return Rejection("epistemic", f"'{word.text} have …' concludes or supposes something about the past.")
    if word.capital or not word.text.lower().startswith("may"):
        return None
    if _GUESS.match(after) or (word.modality is Modality.MAY and _ABSTRACT_SUBJECT.search(before)):
        return Rejection("epistemic", "'may' says what can happen here; it permits nothing.")
    return None


def past_or_hypothetical(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    before = sentence[: word.start]
    if word.family is Family.PHRASE and _HYPOTHETICAL.search(before):
        return Rejection("hypothetical", "It says what would or might be needed, not what is.")
    if _PAST.match(word.text) or (word.family is not Family.MODAL and not word.capital and _WAS.search(before)):
        return Rejection("past", "It tells what was needed or was the case, and asks nothing now.")
    return None


def condition(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
    """A key word inside the condition of a sentence sets the scene; the rule is in the main clause."""
    before = sentence[: word.start]
    if word.text.lower() == "should" and not before.strip():
        return Rejection("condition", "'Should …' opens a condition here (if …), it is not the rule itself.")
    if not word.capital and word.family is not Family.STATUS and _EMBEDDED.search(before):
        return Rejection("embedded", f"'{word.text}' stands in an indirect question; it tells what is asked elsewhere.")
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
    verb = r"\b(?:is|are|was|were|has|have|does|do|exists?|fails?|occurs?|requires?|uses?|receives?|contains?)\b"
    return bool(re.search(verb + r".*\b(?:the|a|an|any|each|every|all)\s+[\w\s-]+$", between, re.IGNORECASE))


def attribute(sentence: str, word: KeyWord, _: Conventions) -> Rejection | None:
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
    return Rejection("attribute", f"'{word.text}' describes a noun here or refers to a rule stated elsewhere.")
