"""Requirement smells: wording that makes a statement hard to test or to read in one way only.

The groups follow the language criteria of ISO/IEC/IEEE 29148 (5.2.7: superlatives, subjective language,
vague pronouns, ambiguous adverbs and adjectives, open-ended and non-verifiable terms, comparatives,
loopholes, negatives) and the smells measured by Femmer et al., "Rapid quality assurance with Requirements
Smells", Journal of Systems and Software 123 (2017).
"""

# ruff: noqa: E501  (a row is one list of words, however long)

from __future__ import annotations

import re

from agents.library.requirements.requirement import Finding, Severity

_ROWS: tuple[tuple[str, str, Severity, str], ...] = (
    ("vague", "The wording is subjective or vague: state what can be observed or measured.", Severity.MINOR,
     r"\b(?:user[- ]friendly|easy\s+to\s+use|intuitive|adequate(?:ly)?|sufficient(?:ly)?|reasonabl[ey]|appropriate(?:ly)?|"
     r"suitabl[ey]|significant(?:ly)?|approximately|roughly|timely|promptly|quickly|easily|efficient(?:ly)?|robust|flexible|"
     r"state[- ]of[- ]the[- ]art|good|bad|modern|nice|attractive|some|several|many|few|various|minimal|properly|normal(?:ly)?|"
     r"generally|usually|often|almost|nearly)\b"),
    ("superlative", "A superlative or absolute cannot be shown to hold.", Severity.MINOR,
     r"\b(?:best|worst|most\s+\w+(?:ly)?|fastest|highest|lowest|maximi[sz]e|minimi[sz]e|always|never\s+ever|100\s*%)\b"),
    ("comparative", "A comparison needs to say with what.", Severity.MINOR,
     r"\b(?:better|faster|slower|higher|lower|larger|smaller|easier|more\s+(?:secure|efficient|reliable|usable|flexible))\b"
     r"(?!\s+than\b)"),
    ("open_ended", "The list is open: the reader cannot know what else belongs to it.", Severity.MINOR,
     r"\b(?:etc\.?|and\s+so\s+(?:on|forth)|including\s+but\s+not\s+limited\s+to|but\s+not\s+limited\s+to|and/or|"
     r"as\s+a\s+minimum|TBD|TBC|to\s+be\s+(?:defined|determined|decided))(?!\w)"),
    ("loophole", "The wording leaves a way around the obligation.", Severity.MINOR,
     r"\b(?:if\s+(?:possible|practicable|feasible|appropriate|necessary|needed|applicable)|as\s+(?:appropriate|applicable|"
     r"needed|required\s+by\s+the\s+situation)|where\s+(?:possible|practicable|feasible|appropriate|applicable|technically\s+feasible)|"
     r"as\s+far\s+as\s+(?:possible|practicable)|to\s+the\s+extent\s+(?:possible|practical)|unless\s+\w+\s+impossible|"
     r"when\s+(?:possible|appropriate))\b"),
    ("unverifiable", "It asks for an effort or an ability that no test can show.", Severity.MINOR,
     r"\b(?:provide\s+support\s+for|best\s+efforts?|make\s+every\s+effort|strive|attempt\s+to|try\s+to|be\s+aware\s+of|"
     r"consider(?:ation)?|take\s+into\s+account|discourage|encourage)\b"),
)  # fmt: skip

_COMPILED = tuple((code, text, severity, re.compile(words, re.IGNORECASE)) for code, text, severity, words in _ROWS)
_PASSIVE = re.compile(
    r"\b(?:must|shall|should|may|is\s+required\s+to)\s+(?:not\s+|only\s+|also\s+)?be\s+(?:\w+ly\s+)?"
    r"(?P<verb>\w+ed|built|kept|sent|made|shown|given|held|written|taken|put|set|drawn|done|met)\b(?!.*\bby\s+(?:the|a|an)\b)",
    re.IGNORECASE,
)
_NEGATIVE_TWICE = re.compile(r"\bnot\b.{0,40}\b(?:without|unless|except|no|un\w+ed)\b", re.IGNORECASE)
_MOST_WORDS = 60


def smells(statement: str) -> tuple[Finding, ...]:
    """The smells of a statement, each with the wording that shows it."""
    found = [
        Finding(code, message, severity, match.group())
        for code, message, severity, pattern in _COMPILED
        if (match := pattern.search(statement))
    ]
    found.extend(_structural(statement))
    return tuple(found)


def _structural(statement: str) -> list[Finding]:
    found = []
    if passive := _PASSIVE.search(statement):
        text = "It is in the passive voice and names no actor: who has to do it is left open."
        found.append(Finding("passive", text, Severity.NOTE, passive.group()))
    if negative := _NEGATIVE_TWICE.search(statement):
        text = "A negative within an exception is easily read the wrong way round."
        found.append(Finding("double_negative", text, Severity.NOTE, negative.group()))
    if len(statement.split()) > _MOST_WORDS:
        text = f"The statement has {len(statement.split())} words; above {_MOST_WORDS} it is hard to test as one."
        found.append(Finding("long", text, Severity.NOTE))
    return found
