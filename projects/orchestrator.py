"""The door for Python code: ``from projects import orchestrator``.

Each verb has an ``a…`` twin for async code, after Django's convention. They are the same services that the commands,
the API and the admin call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.contrib.auth.models import User

from orchestrator_site.access.actors import Actor, system_actor
from projects.models import Approval, Checkpoint, ImportedSnapshot, Intervention, Project, Signal
from projects.models.approval import Verdict
from projects.reports.side_by_side import Comparison, side_by_side
from projects.services import (
    approvals,
    checkpoints,
    control,
    creating,
    importing,
    intake,
    interventions,
    notifying,
    previews,
    progressing,
    rerunning,
    restoring,
    signals,
    snapshots,
)
from projects.services.registration import find_blueprint
from projects.services.restore_plans import Preview

__all__ = [
    "acancel",
    "acheckpoint",
    "acompare",
    "acreate_project",
    "aimport_snapshot",
    "aintervene",
    "apause",
    "apreview_intervention",
    "apreview_restore",
    "aprogress",
    "arerun",
    "arestore",
    "aresume",
    "arun_project",
    "asignal",
    "asnapshot",
    "astart",
    "astart_together",
    "asubmit_approval",
    "cancel",
    "checkpoint",
    "compare",
    "create_project",
    "import_snapshot",
    "intervene",
    "pause",
    "preview_intervention",
    "preview_restore",
    "progress",
    "rerun",
    "restore",
    "resume",
    "run_project",
    "signal",
    "snapshot",
    "start",
    "start_together",
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


def start_together(projects: Iterable[Project | UUID], *, actor: Actor | None = None) -> list[Project]:
    """Begin several projects, which costs much less than one by one; those that could begin now."""
    return control.start_together([_id(project) for project in projects], actor=actor or system_actor())


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
    evidence_digest: str | None = None,
    content_digest: str | None = None,
) -> Approval:
    """One person's verdict. The digests are those of the approval as the person saw it.

    Where another of a quorum has edited the content, it is taken only with the present ``content_digest``:
    ``ContentChanged`` says who changed what.
    """
    return approvals.decide(
        approval_id=approval.pk if isinstance(approval, Approval) else approval,
        user=user,
        verdict=Verdict.APPROVE if approve else Verdict.REJECT,
        comment=comment,
        edits=edits,
        seen_digest=evidence_digest,
        seen_content=content_digest,
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


def checkpoint(project: Project | UUID, label: str = "", *, actor: Actor | None = None) -> Checkpoint:
    """Write down how a project stands now, to go back to."""
    return checkpoints.request(project_id=_id(project), actor=actor or system_actor(), label=label)


def preview_restore(
    project: Project | UUID, checkpoint: Checkpoint | int | None = None, *, event: int | None = None
) -> Preview:
    """What going back to a checkpoint, by its number, or to an event of the history would do."""
    return restoring.preview(project_id=_id(project), number=_number(checkpoint), event=event)


def restore(
    project: Project | UUID,
    checkpoint: Checkpoint | int | None = None,
    *,
    event: int | None = None,
    digest: str | None = None,
    actor: Actor | None = None,
    reason: str = "",
) -> Project:
    """Go back to a checkpoint, by its number, or to an event of the history; ``digest`` is that of the preview."""
    restored = restoring.restore(
        project_id=_id(project),
        actor=actor or system_actor(),
        number=_number(checkpoint),
        event=event,
        digest=digest,
        reason=reason,
    )
    return restored.project


def rerun(
    project: Project | UUID, from_step: str | None = None, *, actor: Actor | None = None, **options: Any
) -> Project:
    """The same job as a new project, begun; ``from_step`` keeps earlier results. ``options`` as for the service."""
    return rerunning.rerun(project_id=_id(project), from_step=from_step, actor=actor or system_actor(), **options)


def compare(a: Project, b: Project) -> Comparison:
    """Two projects side by side."""
    return side_by_side(a, b)


def import_snapshot(document: str | bytes | Mapping[str, Any], *, actor: Actor | None = None) -> ImportedSnapshot:
    """Keep a snapshot of another installation, to be looked at."""
    return importing.import_snapshot(document=document, actor=actor or system_actor()).snapshot


def _number(checkpoint: Checkpoint | int | None) -> int | None:
    return checkpoint.number if isinstance(checkpoint, Checkpoint) else checkpoint


def _id(project: Project | UUID) -> UUID:
    return project.pk if isinstance(project, Project) else project


acreate_project = sync_to_async(create_project)
astart = sync_to_async(start)
astart_together = sync_to_async(start_together)
arun_project = sync_to_async(run_project, thread_sensitive=False)
asignal = sync_to_async(signal)
asubmit_approval = sync_to_async(submit_approval)
apause = sync_to_async(pause)
aresume = sync_to_async(resume)
acancel = sync_to_async(cancel)
apreview_intervention = sync_to_async(preview_intervention)
aintervene = sync_to_async(intervene)
aprogress = sync_to_async(progress)
asnapshot = sync_to_async(snapshot)
acheckpoint = sync_to_async(checkpoint)
apreview_restore = sync_to_async(preview_restore)
arestore = sync_to_async(restore)
arerun = sync_to_async(rerun)
acompare = sync_to_async(compare)
aimport_snapshot = sync_to_async(import_snapshot)
