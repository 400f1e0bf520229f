"""Snapshots: everything about a project now, as one JSON document with a schema."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Model

from orchestrator_site import clock
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from orchestrator_site.history.parts import chain_of
from orchestrator_site.history.verifying import one_view
from projects.errors import ProjectNotFound
from projects.models import (
    Approval,
    Attempt,
    Budget,
    Checkpoint,
    Decision,
    Dependency,
    Document,
    Phase,
    PlanVersion,
    Project,
    Reservation,
    Signal,
    Step,
    Timer,
)
from projects.services import results

FORMAT = "phasegate.snapshot/1"


def snapshot(*, project_id: UUID, with_documents: bool = False) -> dict[str, Any]:
    """The project with its blueprint, plan, phases, steps, attempts, approvals, documents and history.

    All of one moment. ``with_documents`` puts the content of documents in, in base64; their digests are there in any
    case. The document carries the SHA-256 of its own body under ``sha256``; its shape is that of
    ``schemas/snapshot-1.schema.json``. Raises ``ProjectNotFound``.
    """
    with transaction.atomic():
        one_view()
        return _taken(project_id, with_documents)


def _taken(project_id: UUID, with_documents: bool) -> dict[str, Any]:
    project = Project.objects.select_related("blueprint", "owner").filter(pk=project_id).first()
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    steps = Step.objects.filter(project=project).order_by("phase__position", "round", "parent_id", "position")
    body = {
        "project": _plain(project) | {"owner": project.owner.get_username() if project.owner else None},
        "blueprint": {
            "name": project.blueprint.name,
            "version": project.blueprint.version,
            "sha256": project.blueprint.digest,
            "source": project.blueprint.source,
        },
        "plan_versions": _all(PlanVersion.objects.filter(project=project)),
        "phases": _all(Phase.objects.filter(project=project)),
        "steps": _all(results.fill(steps)),
        "dependencies": _all(Dependency.objects.filter(step__project=project).order_by("id")),
        "attempts": _all(Attempt.objects.filter(step__project=project).order_by("id")),
        "approvals": _all(Approval.objects.filter(project=project).order_by("opened_at")),
        "decisions": [
            _plain(decision) | {"user": decision.user.get_username() if decision.user else None}
            for decision in Decision.objects.filter(approval__project=project).select_related("user")
        ],
        "budgets": _all(Budget.objects.filter(project=project).order_by("id")),
        "reservations": _all(Reservation.objects.filter(budget__project=project).order_by("id")),
        "signals": _all(Signal.objects.filter(project=project).order_by("id")),
        "timers": _all(Timer.objects.filter(project=project).order_by("id")),
        "documents": [_document(document, with_documents) for document in project.documents.order_by("position")],
        "checkpoints": _all(Checkpoint.objects.filter(project=project).defer("content"), but="content"),
        "history_chain": chain_of(project.pk),
        "history": [
            {
                "id": event.id,
                "at": event.at.isoformat(),
                "kind": event.kind,
                "actor": event.actor,
                "subject": event.subject,
                "data": event.data,
            }
            for event in history.events_of(project.pk).order_by("id")
        ],
    }
    return {
        "format": FORMAT,
        "taken_at": clock.now().isoformat(),
        "sha256": digest_of(body),
        **body,
    }


def _all(rows: Iterable[Model], but: str = "") -> list[dict[str, Any]]:
    return [_plain(row, but) for row in rows]


def _plain(row: Model, but: str = "") -> dict[str, Any]:
    """A row's columns as JSON can hold them, ``but`` one."""
    names = [field.attname for field in row._meta.concrete_fields if field.attname != but]
    return {name: _value(getattr(row, name)) for name in names}


def _value(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str, list, dict)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _document(document: Document, with_content: bool) -> dict[str, Any]:
    plain = {
        "id": str(document.pk),
        "name": document.name,
        "media_type": document.media_type,
        "sha256": document.content_id,
    }
    if with_content:
        plain["content_base64"] = base64.b64encode(bytes(document.content.content)).decode("ascii")
    return plain
