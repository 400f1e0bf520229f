"""The door for Python code: ``from projects import orchestrator``.

Each verb has an ``a…`` twin for async code, after Django's convention. They are the same services that the commands,
the API and the admin call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from orchestrator_site.access.actors import Actor, system_actor
from projects.models import Approval, Project, Signal
from projects.models.approval import Verdict
from projects.services import approvals, control, creating, intake, notifying, progressing, signals, snapshots
from projects.services.registration import find_blueprint

__all__ = [
    "acancel",
    "acreate_project",
    "apause",
    "aprogress",
    "aresume",
    "arun_project",
    "asignal",
    "asnapshot",
    "astart",
    "asubmit_approval",
    "cancel",
    "create_project",
    "pause",
    "progress",
    "resume",
    "run_project",
    "signal",
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
    return notifying.wait_for(project.pk, timeout)


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
) -> Project:
    """End a project."""
    return control.cancel(
        project_id=_id(project), actor=actor or system_actor(), reason=reason, force=force, cleanup=cleanup
    )


def signal(
    project: Project | UUID, name: str, payload: Any = None, *, key: str | None = None, actor: Actor | None = None
) -> Signal:
    """Send a signal to a project, which keeps it until a step waits for it; the same ``key`` is the same signal."""
    sent = signals.send(
        project_id=_id(project), name=name, payload=payload, key=key or "", actor=actor or system_actor()
    )
    return sent.signal


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
asignal = sync_to_async(signal)
asubmit_approval = sync_to_async(submit_approval)
apause = sync_to_async(pause)
aresume = sync_to_async(resume)
acancel = sync_to_async(cancel)
aprogress = sync_to_async(progress)
asnapshot = sync_to_async(snapshot)
