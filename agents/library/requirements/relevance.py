"""Whether a statement touches the protection of personal data (GDPR) or the keeping of books (GoBD), and
why.

GDPR: Regulation (EU) 2016/679; the article named is the one that the words belong to. GoBD: the principles
of the German ministry of finance (letter of 28 November 2019, amended 11 March 2024) for electronic books
and records; the heading named is that of its parts. A statement is relevant by its words alone: this is a
pointer for a person who knows the law, not legal advice.
"""

# ruff: noqa: E501  (a row is one pattern with its subject, however long)

from __future__ import annotations

import re

_GDPR: tuple[tuple[str, str], ...] = (
    (r"\bconsent\b", "consent (Art. 6(1)(a) and 7)"),
    (r"\b(?:personal|private)\s+(?:data|information)|personally\s+identifiable|\bPII\b|personenbezogen\w*", "personal data (Art. 4(1))"),
    (r"\bdata\s+subjects?\b|betroffene\w*\s+Person", "data subjects and their rights (Art. 12 to 22)"),
    (r"\b(?:controllers?|processors?)\b.{0,60}\b(?:data|processing)\b|Auftragsverarbeiter\w*", "duties of controller or processor (Art. 24 to 28)"),
    (r"\b(?:erasure|right\s+to\s+be\s+forgotten|delete\w*\b.{0,30}\b(?:user|customer|personal|account)\b)", "erasure (Art. 17)"),
    (r"\bdata\s+portability\b", "data portability (Art. 20)"),
    (r"\b(?:rectification|rectified)\b", "rectification (Art. 16)"),
    (r"\bpseudonymi[sz]\w+|\banonymi[sz]\w+", "pseudonymisation (Art. 4(5) and 25)"),
    (r"\b(?:data\s+breach|breach\s+of\s+(?:security|personal))", "breach of personal data (Art. 33 and 34)"),
    (r"\b(?:privacy|data\s+protection|Datenschutz)\b", "data protection by design (Art. 25)"),
    (r"\b(?:health|medical|patient|biometric|genetic)\b.{0,30}\b(?:data|records?|information|files?)\b", "special categories of data (Art. 9)"),
    (r"\b(?:profiling|automated\s+decision)\b", "automated decisions (Art. 22)"),
    (r"\b(?:e-?mail|postal|home)\s+address(?:es)?\b|\bdate\s+of\s+birth\b|\bphone\s+numbers?\b", "contact data of a person (Art. 4(1))"),
    (r"\bresource\s+owner(?:'s)?\s+(?:password|credentials|identity|consent|approval)|\bend-user(?:'s)?\s+credentials", "credentials of a person (Art. 32)"),
)  # fmt: skip

_GOBD: tuple[tuple[str, str], ...] = (
    (r"\b(?:invoices?|receipts?|vouchers?|bookkeeping|accounting\s+records?|ledgers?|journal\s+entr\w+|Rechnung\w*|Beleg\w*|Buchung\w*)\b", "books, records and vouchers (part 1)"),
    (r"\b(?:tax|fiscal|VAT|Steuer\w*)\b.{0,50}\b(?:records?|data|laws?|audits?|documents?|calculations?)\b", "data relevant to tax (part 1 and 9)"),
    (r"\b(?:retention\s+periods?|retain(?:ed)?\b.{0,40}\byears|archiv(?:e|ed|ing)|Aufbewahrung\w*)\b", "retention (part 9)"),
    (r"\b(?:immutab\w+|unalterab\w+|tamper[- ]?(?:proof|evident)|append[- ]only|unver[aä]nder\w+)\b", "unalterability (part 8)"),
    (r"\b(?:audit\s+(?:trail|logs?)|traceab\w+|change\s+history|log(?:ged|ging)?\b.{0,30}\bchanges?|changes?\b.{0,40}\blogged|Nachvollzieh\w+|Protokoll\w*)\b", "traceability of changes (part 3 and 8)"),
    (r"\b(?:internal\s+control|segregation\s+of\s+duties|four[- ]eyes|Vier-Augen\w*)\b", "internal control (part 6)"),
    (r"\b(?:procedural\s+documentation|Verfahrensdokumentation)\b", "procedural documentation (part 10)"),
    (r"\b(?:payments?|bookings?\s+entr\w+|cash\s+register|Kassen\w*)\b.{0,50}\b(?:recorded|record|logged|stored|documented)\b", "entries in time and order (part 3)"),
)  # fmt: skip

_Rows = tuple[tuple[re.Pattern[str], str], ...]


def _compiled(rows: tuple[tuple[str, str], ...]) -> _Rows:
    return tuple((re.compile(pattern, re.IGNORECASE), subject) for pattern, subject in rows)


_GDPR_ROWS, _GOBD_ROWS = _compiled(_GDPR), _compiled(_GOBD)


def gdpr_reason(statement: str) -> str:
    """Why the statement touches personal data, or an empty text."""
    return _reason(_GDPR_ROWS, statement)


def gobd_reason(statement: str) -> str:
    """Why the statement touches books and records, or an empty text."""
    return _reason(_GOBD_ROWS, statement)


def _reason(rows: _Rows, statement: str) -> str:
    for pattern, subject in rows:
        if match := pattern.search(statement):
            return f"'{' '.join(match.group().split())[:50]}' touches {subject}"
    return ""
