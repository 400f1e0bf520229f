"""What an agent gets to see: inputs, parameters, the results it may read, and the ways to speak to the engine."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from agents.definition import DocumentHandle
from orchestrator_site.history import services as history
from projects.models import Attempt, Document, Phase, Project, Step
from projects.models.approval import Purpose
from projects.services import results
from projects.services.workers import Held
from projects.states import Directive, ProjectState, StepState


class Results(Mapping[str, Any]):
    """Results by step key, read when they are asked for, the latest round of each.

    Of a ``for_each`` step it is the list of its items' results, ``None`` for an item without one; of a step that did
    not complete it is ``None``; a step that is not there is a ``KeyError``.
    """

    def __init__(self, project_id: UUID) -> None:
        self._project_id = project_id
        self._known: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._known:
            self._known[key] = self._read(key)
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    @cached_property
    def _keys(self) -> list[str]:
        steps = Step.objects.filter(project_id=self._project_id, parent=None)
        return list(dict.fromkeys(steps.order_by("phase__position", "position").values_list("key", flat=True)))

    def _read(self, key: str) -> Any:
        step = (
            Step.objects.filter(project_id=self._project_id, key=key, parent=None)
            .order_by("-round")
            .values("id", "state", "result", "result_blob_id", "spec")
            .first()
        )
        if step is None:
            raise KeyError(key)
        if (step["spec"] or {}).get("for_each") is not None and step["state"] == StepState.COMPLETED:
            items = Step.objects.filter(parent_id=step["id"]).order_by("position")
            return results.of_rows(list(items.values("result", "result_blob_id")))
        return results.of_rows([step])[0]


@dataclass(frozen=True)
class StoredDocument:
    """A document of the project; its content is read when it is asked for."""

    id: str
    name: str
    media_type: str
    sha256: str

    def read(self) -> bytes:
        """The content."""
        row = Document.objects.select_related("content").get(pk=self.id)
        return bytes(row.content.content)


def documents_of(project_id: UUID) -> tuple[StoredDocument, ...]:
    """The project's documents, in the order in which they were given."""
    rows = Document.objects.filter(project_id=project_id).order_by("position")
    return tuple(
        StoredDocument(str(row["id"]), row["name"], row["media_type"], row["content_id"])
        for row in rows.values("id", "name", "media_type", "content_id")
    )


def expression_context(project: Project, results: Mapping[str, Any], phase: Phase | None = None) -> dict[str, Any]:
    """What expressions of a project may refer to, by root; ``item`` and ``index`` are added by who has them."""
    return {
        "inputs": project.inputs,
        "results": results,
        "values": {},
        "variables": project.variables,
        "approvals": _approved_contents(project.pk),
        "rework": {"round": phase.round, "comments": list(phase.comments)} if phase else {"round": 1, "comments": []},
        "documents": [
            {
                "id": document.id,
                "name": document.name,
                "media_type": document.media_type,
                "sha256": document.sha256,
            }
            for document in documents_of(project.pk)
        ],
        "project": {"id": str(project.pk), "title": project.title, "priority": project.priority_name},
        "intent": project.intent,
    }


def _approved_contents(project_id: UUID) -> dict[str, Any]:
    phases = Phase.objects.filter(
        project_id=project_id, approvals__state="approved", approvals__purpose=Purpose.GATE
    ).order_by("approvals__round")
    return dict(phases.values_list("key", "approvals__content"))


@dataclass
class StepContext:
    """The context of one attempt; see ``agents.definition.AgentContext`` for what each part means."""

    inputs: Mapping[str, Any]
    params: Mapping[str, Any]
    results: Mapping[str, Any]
    values: Mapping[str, Any]
    documents: Sequence[DocumentHandle]
    intent: str
    project_id: str
    step_key: str
    rework: Sequence[str]
    idempotency_key: str
    attempt: int
    logger: logging.Logger
    held: Held
    actor: str
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0
    _asked_at: float = 0.0

    def heartbeat(self, details: Mapping[str, Any] | None = None) -> None:
        """Keep what the agent says about its progress; the lease itself is renewed by the worker."""
        Attempt.objects.filter(step_id=self.held.step, number=self.attempt, finished_at=None).update(
            details=dict(details or {})
        )

    def cancelled(self) -> bool:
        """Whether to stop; asks the database at most once a second."""
        if not self.held.cancelled.is_set() and time.monotonic() - self._asked_at >= 1:
            self._asked_at = time.monotonic()
            project = Project.objects.filter(pk=self.project_id).values_list("state", "directive").first()
            if project is None or project[0] != ProjectState.RUNNING or project[1] == Directive.CANCEL:
                self.held.cancelled.set()
        return self.held.cancelled.is_set() or self.held.lost.is_set()

    def emit(self, kind: str, data: Mapping[str, Any] | None = None) -> None:
        """Add an event to the project's history, under ``agent.``."""
        history.append(
            UUID(self.project_id),
            f"agent.{kind}",
            actor=self.actor,
            subject=self.step_key,
            data=dict(data or {}),
        )

    def record_usage(self, tokens_in: int = 0, tokens_out: int = 0, cost: float = 0.0) -> None:
        """Book usage; it is committed with the result."""
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.cost += cost


def idempotency_key(step_id: UUID) -> str:
    """The same for every attempt at a step, and no other step's."""
    return hashlib.sha256(f"phasegate step {step_id}".encode()).hexdigest()[:32]
