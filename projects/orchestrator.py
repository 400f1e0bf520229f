"""The door for Python code: ``from projects import orchestrator``.

Each verb has an ``a…`` twin for async code, after Django's convention. They are the same services that the commands,
the API and the admin call.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from orchestrator_site.access.actors import Actor, system_actor
from projects.models import Approval, Intervention, Project
from projects.models.approval import Verdict
from projects.services import (
    approvals,
    control,
    creating,
    intake,
    interventions,
    previews,
    progressing,
    snapshots,
)
from projects.services.registration import find_blueprint
from projects.states import PROJECT

__all__ = [
    "acancel",
    "acreate_project",
    "aintervene",
    "apause",
    "apreview_intervention",
    "aprogress",
    "aresume",
    "arun_project",
    "asnapshot",
    "astart",
    "asubmit_approval",
    "cancel",
    "create_project",
    "intervene",
    "pause",
    "preview_intervention",
    "progress",
    "resume",
    "run_project",
    "snapshot",
    "start",
    "submit_approval",
]


def create_project(
    blueprint: str,
    inputs: Mapping[str, Any] | None = None,
    *,
    documents: Sequence[str | Path | intake.Given] = (),
    actor: Actor | None = None,
    **options: Any,
) -> Project:
    """A project of the blueprint of that name, not yet begun; ``options`` as for ``services.control``."""
    given = [
        document if isinstance(document, intake.Given) else intake.from_path(Path(document)) for document in documents
    ]
    created = creating.create_project(
        blueprint=find_blueprint(blueprint),
        inputs=inputs,
        documents=given,
        actor=actor or system_actor(),
        **options,
    )
    return created.project


def start(project: Project | UUID, *, actor: Actor | None = None) -> Project:
    """Begin a project."""
    return control.start(project_id=_id(project), actor=actor or system_actor())


def run_project(
    blueprint: str, inputs: Mapping[str, Any] | None = None, *, timeout: float | None = None, **options: Any
) -> Project:
    """Create, begin and wait. ``timeout`` in seconds; raises ``TimeoutError`` after it, and the project goes on."""
    project = create_project(blueprint, inputs, **options)
    if project.state == "pending":
        project = start(project)
    until = None if timeout is None else time.monotonic() + timeout
    while project.state not in PROJECT.terminal:
        if until is not None and time.monotonic() > until:
            raise TimeoutError(f"Project {project.pk} is not over after {timeout:g} s; it goes on.")
        time.sleep(0.1)
        project.refresh_from_db()
    return project


def submit_approval(
    approval: Approval | UUID,
    *,
    user: User,
    approve: bool = True,
    comment: str = "",
    edits: Mapping[str, Any] | None = None,
) -> Approval:
    """One person's verdict."""
    return approvals.decide(
        approval_id=approval.pk if isinstance(approval, Approval) else approval,
        user=user,
        verdict=Verdict.APPROVE if approve else Verdict.REJECT,
        comment=comment,
        edits=edits,
        via="python",
    )


def pause(project: Project | UUID, *, actor: Actor | None = None, reason: str = "") -> Project:
    """No further step starts."""
    return control.pause(project_id=_id(project), actor=actor or system_actor(), reason=reason)


def resume(project: Project | UUID, *, actor: Actor | None = None, reason: str = "") -> Project:
    """Go on after a pause."""
    return control.resume(project_id=_id(project), actor=actor or system_actor(), reason=reason)


def cancel(
    project: Project | UUID,
    *,
    actor: Actor | None = None,
    reason: str = "",
    force: bool = False,
    cleanup: bool = False,
    preview_digest: str | None = None,
) -> Project:
    """End a project."""
    return control.cancel(
        project_id=_id(project),
        actor=actor or system_actor(),
        reason=reason,
        force=force,
        cleanup=cleanup,
        preview_digest=preview_digest,
    )


def preview_intervention(
    project: Project | UUID, change: str, step: str = "", *, actor: Actor | None = None, **arguments: Any
) -> previews.Preview:
    """What a change of a live project's plan would do now; ``arguments`` as for ``intervene``."""
    return interventions.preview(
        project_id=_id(project), actor=actor or system_actor(), change=change, step=step, arguments=arguments
    )


def intervene(
    project: Project | UUID,
    change: str,
    step: str = "",
    *,
    actor: Actor | None = None,
    reason: str = "",
    preview_digest: str | None = None,
    **arguments: Any,
) -> Intervention:
    """Change the plan of a live project: retry, skip, modify, add, remove or reorder a step.

    ``intervene(project, "skip", "brief", result={"text": "…"})``; see ``services.interventions.intervene``.
    """
    return interventions.intervene(
        project_id=_id(project),
        actor=actor or system_actor(),
        change=change,
        step=step,
        arguments=arguments,
        preview_digest=preview_digest,
        reason=reason,
    )


def progress(project: Project | UUID) -> progressing.Progress:
    """How far a project is, and why it does not move where it does not."""
    return progressing.progress(project_id=_id(project))


def snapshot(project: Project | UUID) -> dict[str, Any]:
    """Everything about a project now, as one JSON document."""
    return snapshots.snapshot(project_id=_id(project))


def _id(project: Project | UUID) -> UUID:
    return project.pk if isinstance(project, Project) else project


acreate_project = sync_to_async(create_project)
astart = sync_to_async(start)
arun_project = sync_to_async(run_project, thread_sensitive=False)
asubmit_approval = sync_to_async(submit_approval)
apause = sync_to_async(pause)
aresume = sync_to_async(resume)
acancel = sync_to_async(cancel)
apreview_intervention = sync_to_async(preview_intervention)
aintervene = sync_to_async(intervene)
aprogress = sync_to_async(progress)
asnapshot = sync_to_async(snapshot)
