"""Documents made by hand, and a run of the blueprint's agents in one process, step after step, as the
engine would.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.definition import find_agent
from agents.library.requirements.creator import create
from agents.library.requirements.focus import Focus
from agents.library.requirements.opened import OpenDocument, open_document
from agents.library.requirements.reading import read_document
from agents.library.requirements.requirement import Citation, Modality, Requirement, key_of
from agents.library.requirements.review import review

PROJECT = "0192f3a0-0000-7000-8000-000000000001"


def opened_text(text: str, name: str = "text.txt", language: str = "auto") -> OpenDocument:
    """A plain text, read and opened."""
    content = text.encode()
    document = read_document(content, name=name)
    return open_document(
        document, document_id="document-1", sha256=hashlib.sha256(content).hexdigest(), language=language
    )


def candidates_in(text: str, **options: Any) -> tuple[Requirement, ...]:
    """What the creator makes of a text."""
    document = opened_text(text, **options)
    return create(document, 0, len(document.clauses) - 1)


def reviewed_in(text: str, **options: Any) -> tuple[Requirement, ...]:
    """What creator and validator together make of a text."""
    document = opened_text(text, **options)
    return review(create(document, 0, len(document.clauses) - 1), document, Focus())


def accepted_in(text: str, **options: Any) -> list[str]:
    """The statements that the review lets through."""
    return [one.statement for one in reviewed_in(text, **options) if one.live]


def reasons_in(text: str, **options: Any) -> list[str]:
    """The codes of the rejections in a text."""
    return [one.rejection.code for one in reviewed_in(text, **options) if one.rejection]


@dataclass
class Handle:
    """A document as the engine hands it over."""

    content: bytes
    name: str
    id: str = "0192f3a0-0000-7000-8000-00000000000d"
    media_type: str = "text/plain"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def read(self) -> bytes:
        return self.content


@dataclass
class Context:
    """An agent's context, filled in by hand."""

    documents: Sequence[Handle] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    intent: str = ""
    project_id: str = PROJECT
    step_key: str = "step"
    rework: Sequence[str] = ()
    idempotency_key: str = "key"
    attempt: int = 1
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("test"))

    def heartbeat(self, details: Mapping[str, Any] | None = None) -> None:
        pass

    def cancelled(self) -> bool:
        return False

    def cancelled_for(self) -> float | None:
        return None

    def emit(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        pass

    def record_usage(self, tokens_in: int = 0, tokens_out: int = 0, cost: float = 0.0) -> None:
        pass


def call(agent: str, **context: Any) -> Any:
    """One agent's result after a trip through JSON, as a step's result makes it."""
    importlib.import_module("agents.library.requirements.agents")
    return json.loads(json.dumps(find_agent(agent).function(Context(**context)), allow_nan=False))


def run_to_integration(
    documents: Sequence[Handle],
    *,
    inputs: Mapping[str, Any] | None = None,
    intent: str = "",
    rework: Sequence[str] = (),
) -> dict[str, Any]:
    """The results of all steps before the gate, by step key."""
    given: dict[str, Any] = {"documents": documents, "inputs": inputs or {}, "intent": intent}
    results: dict[str, Any] = {"outline": call("document-reader", **given)}
    parts = results["outline"]["parts"]
    results["create"] = [call("requirement-creator", params={"part": part}, **given) for part in parts]
    results["validate"] = [
        call("requirement-validator", params={"created": created}, **given) for created in results["create"]
    ]
    results["consolidate"] = call("requirement-integrator", results=results, rework=rework, **given)
    return results


def requirement(statement: str, **fields: Any) -> Requirement:
    """A requirement by its statement; its citation is of no document."""
    start = fields.pop("start", 0)
    section = fields.pop("section", "")
    citation = Citation("document-1", "text.txt", start, start + len(statement), statement, 1, section)
    fields.setdefault("modality", Modality.MUST)
    fields.setdefault("keyword", "must")
    return Requirement(key=key_of("digest", statement), statement=statement, citation=citation, **fields)
