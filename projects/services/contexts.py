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
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects.blueprints.errors import ExpressionFailed
from projects.models import Approval, Attempt, Document, Phase, Project, Step
from projects.models.approval import AT_A_GATE
from projects.planning.gating import AT_THE_LIMIT
from projects.services.workers import Held
from projects.states import ApprovalState, Directive, ProjectState, StepState


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
            .values("id", "state", "result", "spec")
            .first()
        )
        if step is None:
            raise KeyError(key)
        if (step["spec"] or {}).get("for_each") is not None and step["state"] == StepState.COMPLETED:
            items = Step.objects.filter(parent_id=step["id"]).order_by("position")
            return list(items.values_list("result", flat=True))
        return step["result"]


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


class ApprovedContents(Mapping[str, Any]):
    """Contents of approvals by phase key, read when they are asked for, of the latest round that was approved.

    What is handed out is what was decided: its digest must be the one that the event of the decision holds. Raises
    ``ExpressionFailed`` where it is another. ``but`` leaves out the present round of a phase that is at its gate.
    """

    def __init__(self, project_id: UUID, but: Phase | None = None) -> None:
        self._project_id = project_id
        self._but = but

    def __getitem__(self, key: str) -> Any:
        approval = self._approved[key]
        content = approval["content"]
        if not is_decided(self._project_id, approval["id"], digest_of(content)):
            raise ExpressionFailed(
                f"the content of the approval of {key!r} is not what was decided: it was changed in the database"
            )
        return {name: value for name, value in content.items() if name != AT_THE_LIMIT}

    def __iter__(self) -> Iterator[str]:
        return iter(self._approved)

    def __len__(self) -> int:
        return len(self._approved)

    def __contains__(self, key: object) -> bool:
        return key in self._approved

    @cached_property
    def _approved(self) -> dict[str, dict[str, Any]]:
        approved = Approval.objects.filter(
            project_id=self._project_id, state=ApprovalState.APPROVED, purpose__in=AT_A_GATE
        )
        if self._but is not None:
            approved = approved.exclude(phase=self._but, round__gte=self._but.round)
        in_order = approved.order_by("phase__position", "round", "opened_at")
        return {row["phase__key"]: dict(row) for row in in_order.values("phase__key", "id", "content")}


_KNOWN: dict[tuple[UUID, str], None] = {}
_KNOWN_AT_MOST = 4096


def is_decided(project_id: UUID, approval_id: UUID, digest: str) -> bool:
    """Whether people decided content of this digest, by the event of the decision, which never changes.

    A yes is kept, so that the history is read once a process and not once a step. Decisions of before the digest was
    kept say nothing of it, and are believed; so is a history that was archived, when its project is brought back.
    """
    if (approval_id, digest) in _KNOWN:
        return True
    events = history.events_of(project_id, kinds=["approval.approved"], subject=str(approval_id))
    event = events.order_by("-id").first()
    if event is None:
        return bool(history.archives_of(project_id))
    decided = bool(event.data.get("content_sha256", digest) == digest)
    if decided:
        if len(_KNOWN) >= _KNOWN_AT_MOST:
            _KNOWN.clear()
        _KNOWN[approval_id, digest] = None
    return decided


def expression_context(
    project: Project, results: Mapping[str, Any], phase: Phase | None = None, *, at_gate: bool = False
) -> dict[str, Any]:
    """What expressions of a project may refer to, by root; ``item`` and ``index`` are added by who has them.

    ``at_gate``: for the gate of the phase, which cannot rest on what is decided there.
    """
    return {
        "inputs": project.inputs,
        "results": results,
        "values": {},
        "variables": project.variables,
        "approvals": ApprovedContents(project.pk, phase if at_gate else None),
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
