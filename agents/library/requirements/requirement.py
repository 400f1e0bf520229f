"""What a requirement is: a statement that stands alone, its kind, the passage it comes from, and what is
known of it.

A value goes through the steps of a project as JSON, so that every class here has ``to_json`` and
``from_json``; fields that are empty are left out, since hundreds travel in one result.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Self


class Modality(StrEnum):
    """How binding a statement is, in the five degrees of RFC 2119 (shall reads as must)."""

    MUST = "must"
    MUST_NOT = "must_not"
    SHOULD = "should"
    SHOULD_NOT = "should_not"
    MAY = "may"


class RequirementType(StrEnum):
    """What a requirement is about: a closed list.

    The quality types follow the characteristics of ISO/IEC 25010, the others the kinds of ISO/IEC/IEEE
    29148. The comment names the label that published collections of typed requirements use for it.
    """

    FUNCTIONAL = "functional"  # F: functional suitability
    DATA = "data"  # F: what is stored or exchanged, its format and values (29148: data definition)
    INTERFACE = "interface"  # F: what passes between two parties (29148: interface; 25010: interoperability)
    PERFORMANCE = "performance"  # PE: performance efficiency
    SECURITY = "security"  # SE: confidentiality, integrity, authenticity, accountability, resistance
    LEGAL = "legal"  # L: laws, standards, licences (29148: constraint)
    AVAILABILITY = "availability"  # A: a part of reliability in 25010, kept apart as most labels do
    RELIABILITY = "reliability"  # FT: fault tolerance, recoverability
    USABILITY = "usability"  # US: interaction capability
    LOOK_AND_FEEL = "look_and_feel"  # LF: appearance and style (25010: user engagement)
    OPERATIONAL = "operational"  # O: the environment it works in (29148: environmental condition)
    MAINTAINABILITY = "maintainability"  # MN
    SCALABILITY = "scalability"  # SC: capacity and growth (25010: flexibility)
    PORTABILITY = "portability"  # PO: flexibility: adaptability, installability
    DOCUMENTATION = "documentation"  # none: what must be written down for people


class Priority(StrEnum):
    """How much depends on it, read from the modality."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Status(StrEnum):
    """Where a requirement is in its review."""

    PENDING = "pending"
    """Created; no validator has seen it."""
    VALIDATING = "validating"
    """A validator has seen it and found nothing that rejects it; it waits to be integrated with the others.
    """
    INTEGRATED = "integrated"
    """Accepted: it has its id, and a node in the knowledge graph."""
    REJECTED = "rejected"
    """Not a requirement, or not one to keep; the reason says why."""
    FAILED = "failed"
    """The creator could not mend within the rounds allowed what the validator refuses to accept."""


PRIORITY_OF = {
    Modality.MUST: Priority.HIGH,
    Modality.MUST_NOT: Priority.HIGH,
    Modality.SHOULD: Priority.MEDIUM,
    Modality.SHOULD_NOT: Priority.MEDIUM,
    Modality.MAY: Priority.LOW,
}


@dataclass(frozen=True, slots=True)
class Citation:
    """The passage of a document that a requirement comes from.

    ``quote`` is verbatim: code points ``start`` to ``end`` of the document's text. ``line`` and ``page``
    count from 1.
    """

    document_id: str
    document: str
    start: int
    end: int
    quote: str
    line: int
    section: str = ""
    number: str = ""
    page: int | None = None

    def to_json(self) -> dict[str, Any]:
        return _without_empty(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(**data)

    def place(self) -> str:
        """Where it is, for people: "rfc.txt, 4.1 Authorization Code Grant, line 1204"."""
        page = f"page {self.page}" if self.page else ""
        parts = (self.document, self.section, self.number, page, f"line {self.line}")
        return ", ".join(part for part in parts if part)


class Severity(StrEnum):
    """What a finding means for the requirement."""

    NOTE = "note"
    MINOR = "minor"
    MAJOR = "major"


@dataclass(frozen=True, slots=True)
class Finding:
    """A defect that the validator saw in a statement; ``evidence`` is the wording that shows it."""

    code: str
    message: str
    severity: Severity = Severity.MINOR
    evidence: str = ""

    def to_json(self) -> dict[str, Any]:
        return _without_empty(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        return cls(data["code"], data["message"], Severity(data["severity"]), data.get("evidence", ""))


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a candidate is no requirement, or not one to keep: a code for programs, a sentence for people."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """A normative statement, from its first finding to its integration or rejection.

    ``key`` is the same in every run over the same document: a digest of the document's digest and of the
    statement. ``id`` is given on integration (REQ-0001, in document order). ``keyword`` is the normative
    word as written. ``gdpr`` and ``gobd`` hold the reason for that relevance, or nothing. ``also`` are
    further passages that say the same. ``confidence`` is between 0 and 1, ``doubts`` says what lowers it.
    """

    key: str
    statement: str
    modality: Modality
    keyword: str
    citation: Citation
    id: str = ""
    title: str = ""
    type: RequirementType = RequirementType.FUNCTIONAL
    type_evidence: tuple[str, ...] = ()
    status: Status = Status.PENDING
    rejection: Rejection | None = None
    context: Citation | None = None
    also: tuple[Citation, ...] = ()
    gdpr: str = ""
    gobd: str = ""
    objects: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    confidence: float = 1.0
    doubts: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    retries: int = 0
    in_focus: bool = False

    @property
    def priority(self) -> Priority:
        return PRIORITY_OF[self.modality]

    @property
    def live(self) -> bool:
        """Whether it still counts as a requirement."""
        return self.status not in (Status.REJECTED, Status.FAILED)

    def rejected(self, code: str, reason: str) -> Requirement:
        """This candidate, rejected for that reason."""
        return replace(self, status=Status.REJECTED, rejection=Rejection(code, reason))

    def to_json(self) -> dict[str, Any]:
        return _without_empty(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        known = {field.name for field in fields(cls)}
        values: dict[str, Any] = {name: value for name, value in data.items() if name in known}
        values["modality"] = Modality(data["modality"])
        values["citation"] = Citation.from_json(data["citation"])
        values["type"] = RequirementType(data.get("type", RequirementType.FUNCTIONAL))
        values["status"] = Status(data.get("status", Status.PENDING))
        if rejection := data.get("rejection"):
            values["rejection"] = Rejection(**rejection)
        if context := data.get("context"):
            values["context"] = Citation.from_json(context)
        values["also"] = tuple(Citation.from_json(one) for one in data.get("also", ()))
        values["findings"] = tuple(Finding.from_json(one) for one in data.get("findings", ()))
        for name in ("type_evidence", "objects", "messages", "doubts"):
            values[name] = tuple(data.get(name, ()))
        return cls(**values)


_NOT_A_WORD = re.compile(r"\W+")


def normalised(statement: str) -> str:
    """A statement without case, punctuation and articles: what two wordings of the same sentence share."""
    words = _NOT_A_WORD.sub(" ", statement.lower()).split()
    return " ".join(word for word in words if word not in {"a", "an", "the"})


def key_of(document_sha256: str, statement: str) -> str:
    """The stable key of a statement in a document: 16 hexadecimal digits."""
    return hashlib.sha256(f"{document_sha256}\n{normalised(statement)}".encode()).hexdigest()[:16]


def _without_empty(value: Any) -> dict[str, Any]:
    """A dataclass as JSON values, without its empty fields (0 and 0.0 are not empty)."""
    data = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return {name: item for name, item in data.items() if item not in ("", None, []) and item is not False}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Rejection):
        return {"code": value.code, "reason": value.reason}
    return value
