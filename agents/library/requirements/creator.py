"""The creator: from clauses to candidates, each a statement with its citation, or a rejection with its
reason.

Every clause with a normative word leaves at least one candidate behind, so that nothing is lost without a
word; an independent scan (``ledger``) checks that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from agents.library.requirements.classification import classify
from agents.library.requirements.clauses import Clause, ClauseKind
from agents.library.requirements.focus import Focus
from agents.library.requirements.hanging import named_statement
from agents.library.requirements.judgement import judge, judge_kind
from agents.library.requirements.keywords import Family, KeyWord, key_words
from agents.library.requirements.lists import announces_alternatives, merged_alternatives
from agents.library.requirements.mentions import messages_in, objects_in
from agents.library.requirements.opened import OpenDocument
from agents.library.requirements.relevance import gdpr_reason, gobd_reason
from agents.library.requirements.requirement import Citation, Modality, Rejection, Requirement, key_of
from agents.library.requirements.wording import clean, ended, joined, parse, title_of, without_tail

_NOBODY = re.compile(r"(?:no|neither|none|nobody|nothing|nor|kein\w*|niemand)\b", re.IGNORECASE)
_IN_NO_CASE = re.compile(r"(?:in|under|at)\s+no\s+(?:event|case|circumstances?|time)\b", re.IGNORECASE)
_LONGEST_CITED_LIST = 4000


@dataclass(frozen=True, slots=True)
class Source:
    """Where a statement comes from, and the key word that makes it binding."""

    statement: str
    word: KeyWord
    citation: Citation
    context: Citation | None = None


def create(document: OpenDocument, first: int, last: int, focus: Focus | None = None) -> tuple[Requirement, ...]:
    """The candidates of clauses ``first`` to ``last`` (inclusive positions), in document order."""
    found: list[Requirement] = []
    for clause in document.clauses[first : last + 1]:
        found.extend(_candidates(document, clause, focus or Focus()))
    return tuple(found)


def build(document: OpenDocument, source: Source, focus: Focus) -> Requirement:
    """A candidate with everything that can be read off its statement: type, relevance, mentions, title."""
    section = source.citation.section
    kind, evidence = classify(source.statement, section, legal_text=document.conventions.legal_text)
    return Requirement(
        key=key_of(document.sha256, source.statement),
        statement=source.statement,
        modality=modality_of(source.statement, source.word),
        keyword=source.word.text,
        title=title_of(source.statement, source.word),
        type=kind,
        type_evidence=evidence,
        citation=source.citation,
        context=source.context,
        gdpr=gdpr_reason(source.statement),
        gobd=gobd_reason(source.statement),
        objects=objects_in(source.statement),
        messages=messages_in(source.statement),
        in_focus=focus.holds(kind, source.statement, section),
    )


def modality_of(statement: str, word: KeyWord) -> Modality:
    """The modality of a key word in its sentence: "No client MUST …" forbids."""
    before = statement[: word.start]
    forbids = bool(_NOBODY.match(parse(statement, word).subject) or _IN_NO_CASE.match(before))
    if forbids and word.modality in (Modality.MUST, Modality.MAY):
        return Modality.MUST_NOT
    return Modality.SHOULD_NOT if forbids and word.modality is Modality.SHOULD else word.modality


def operative_words(document: OpenDocument, sentence: str) -> tuple[KeyWord, ...]:
    """The key words of a sentence that bind somebody."""
    words = _key_words(document, sentence)
    return tuple(word for word in words if judge(sentence, word, document.conventions) is None)


def _key_words(document: OpenDocument, sentence: str) -> tuple[KeyWord, ...]:
    """Key words worth a candidate: "will" tells the future in all but a list of requirements."""
    conventions = document.conventions
    found = key_words(sentence, conventions.language)
    if conventions.requirement_list:
        return found
    return tuple(word for word in found if not word.text.lower().startswith("will"))


def _candidates(document: OpenDocument, clause: Clause, focus: Focus) -> Iterator[Requirement]:
    sentence = clean(clause.text)
    words = _key_words(document, sentence)
    if clause.kind is ClauseKind.LIST_ITEM and (source := _joined_item(document, clause, words)):
        yield build(document, source, focus)
        return
    if not words:
        return
    if (rejection := judge_kind(clause.kind)) is not None:
        yield _refused(document, clause, sentence, words[0], rejection)
        return
    if document.items_of(clause):
        yield from _opening(document, clause, sentence, words, focus)
        return
    yield _own_statement(document, clause, sentence, words, focus)


def _own_statement(
    document: OpenDocument, clause: Clause, sentence: str, words: Sequence[KeyWord], focus: Focus
) -> Requirement:
    """A clause that says something by itself; of several rejections the first word's reason is given."""
    refusals = [judge(sentence, word, document.conventions) for word in words]
    for word, refusal in zip(words, refusals, strict=True):
        if refusal is None:
            statement = ended(without_tail(sentence) if clause.kind is ClauseKind.LIST_ITEM else sentence)
            source = Source(statement, word, document.cite(clause))
            return build(document, named_statement(document, clause, source), focus)
    return _refused(document, clause, sentence, words[0], refusals[0] or Rejection("no_rule", "It states no rule."))


def _refused(document: OpenDocument, clause: Clause, sentence: str, word: KeyWord, rejection: Rejection) -> Requirement:
    return Requirement(
        key=key_of(document.sha256, sentence),
        statement=sentence,
        modality=word.modality,
        keyword=word.text,
        title=title_of(sentence, word),
        citation=document.cite(clause),
    ).rejected(rejection.code, rejection.reason)


def _joined_item(document: OpenDocument, clause: Clause, words: Sequence[KeyWord]) -> Source | None:
    """A list item completed by the normative lead-in above it; ``None`` where it stands for itself."""
    if not document.opens_item(clause):
        return None
    for opener in reversed(document.lead_ins(clause)):
        binding = operative_words(document, clean(opener.text))
        if binding:
            return None if _stands_alone(document, clause, words) else _join(document, clause, opener, binding[0])
    return None


def _stands_alone(document: OpenDocument, clause: Clause, words: Sequence[KeyWord]) -> bool:
    """Whether an item has a rule of its own: its own subject and verb, or an entry's REQUIRED or OPTIONAL."""
    sentence = clean(clause.text)
    binding = [word for word in words if judge(sentence, word, document.conventions) is None]
    return any(word.family is Family.STATUS or word.start > 0 for word in binding)


def _join(document: OpenDocument, clause: Clause, opener: Clause, word: KeyWord) -> Source | None:
    """The openers between the normative one and the item are joined too; alternatives belong to their
    opener.
    """
    chain = document.lead_ins(clause)
    chain = chain[chain.index(opener) :]
    if any(announces_alternatives(one.text) for one in chain) or document.items_of(clause):
        return None
    statement = clause.text
    for one in reversed(chain):
        statement = joined(one.text, statement)
    return Source(statement, _found_again(statement, word, document), document.cite(clause), document.cite(chain[0]))


def _found_again(statement: str, word: KeyWord, document: OpenDocument) -> KeyWord:
    words = key_words(statement, document.conventions.language)
    return next((one for one in words if one.text == word.text), replace(word, start=0, end=0))


def _opening(
    document: OpenDocument, clause: Clause, sentence: str, words: Sequence[KeyWord], focus: Focus
) -> Iterator[Requirement]:
    """A lead-in that binds is said by its items; one that offers alternatives is one requirement with all
    of them.
    """
    binding = operative_words(document, sentence)
    if not binding or not _completed_by_items(document, clause):
        yield _own_statement(document, clause, sentence, words, focus)
    elif announces_alternatives(clause.text):
        items = document.items_of(clause)
        citation = document.cite(clause, items[-1])
        if len(citation.quote) > _LONGEST_CITED_LIST:
            citation = document.cite(clause)
        statement = merged_alternatives(clause.text, [item.text for item in items])
        yield build(document, Source(statement, _found_again(statement, binding[0], document), citation), focus)
    else:
        reason = "It opens a list; each item, joined to it, is a requirement of its own."
        yield _refused(document, clause, sentence, binding[0], Rejection("list_opening", reason))


def _completed_by_items(document: OpenDocument, clause: Clause) -> bool:
    """Whether the items say the rule that a lead-in opens, and are no rules of their own."""
    items = [item for item in document.items_of(clause) if document.opens_item(item)]
    return any(not _stands_alone(document, item, _key_words(document, clean(item.text))) for item in items)
