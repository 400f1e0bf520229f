"""Starting and steering projects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from agents.knowledge.store import delete_graph
from orchestrator_site.access.actors import Actor
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects import sql
from projects.blueprints.expressions import render
from projects.blueprints.inputs import validate_inputs
from projects.blueprints.schema import Blueprint
from projects.errors import AfterNotFound, DocumentRefused, ProjectNotFound, RefusedInState
from projects.models import Approval, BlueprintVersion, Project, Step
from projects.models.project import Priority
from projects.services import advancing, intake, planting, publishing
from projects.services.registration import definition_of
from projects.states import Directive, ProjectState, StepState


@dataclass(frozen=True, slots=True)
class Created:
    """A project, and whether this call made it or found the one that does the same job."""

    project: Project
    is_new: bool


def create_project(
    *,
    blueprint: BlueprintVersion,
    actor: Actor,
    inputs: Mapping[str, Any] | None = None,
    intent: str = "",
    documents: Sequence[intake.Given] = (),
    title: str = "",
    priority: str = "normal",
    key: str | None = None,
    after: Sequence[UUID] = (),
    auto_approve: bool = False,
    rerun: bool = False,
) -> Created:
    """Make a project of a blueprint. Nothing is written unless everything is right.

    The same ``key`` gives the project that has it already. Where the blueprint says ``deduplicate``, the same inputs,
    intent and documents give the earlier project, unless that failed or was cancelled, or ``rerun`` is asked for.
    Raises ``InputsInvalid``, ``DocumentRefused`` or what reading a document says, ``AfterNotFound``.
    """
    definition = definition_of(blueprint)
    checked = validate_inputs(definition, dict(inputs or {}))
    given = _check_documents(definition, documents)
    digest = _job_digest(blueprint, checked, intent, given) if definition.deduplicate else ""
    variables = render(definition.variables, {"inputs": checked, "intent": intent})
    with transaction.atomic():
        earlier = _earlier(key, digest)
        if earlier is not None and (earlier.key == key is not None or not rerun):
            return Created(earlier, is_new=False)
        project = Project.objects.create(
            blueprint=blueprint,
            title=title or definition.title,
            inputs=checked,
            variables=variables,
            intent=intent,
            priority=Priority[priority.upper()],
            owner_id=actor.user_id,
            key=key,
            job_digest=digest,
            rerun_of=earlier,
            auto_approve=auto_approve,
        )
        project.after.set(_projects(after))
        planting.plant(project, definition, author=actor.name)
        intake.store(project, given)
        history.append(
            project.pk,
            "project.created",
            actor=actor.name,
            data={
                "blueprint": str(blueprint),
                "blueprint_sha256": blueprint.digest,
                "inputs_sha256": digest_of(checked),
                "intent": intent,
                "documents": [{"name": document.name, "sha256": document.sha256} for document in given],
                "auto_approve": auto_approve,
            },
        )
    return Created(project, is_new=True)


def start(*, project_id: UUID, actor: Actor) -> Project:
    """Begin a project; one that waits for others begins when they are completed.

    Raises ``RefusedInState`` where it has begun already or is over.
    """
    with transaction.atomic():
        project = _locked(project_id)
        if project.state != ProjectState.PENDING:
            raise RefusedInState(f"Project {project_id} is {project.state} already: it cannot be started again.")
        history.append(project.pk, "project.start_asked", actor=actor.name)
        if not project.after.exclude(state=ProjectState.COMPLETED).exists():
            _begin(project, actor.name)
        elif project.after.filter(state__in=(ProjectState.FAILED, ProjectState.CANCELLED)).exists():
            raise RefusedInState("A project that this one is to run after has failed or was cancelled.")
    return project


def start_if_its_turn(project: Project) -> bool:
    """Begin a project whose predecessors are all completed, cancel one of whose predecessors failed."""
    with transaction.atomic():
        locked = Project.objects.lock_for_control(project.pk)
        if locked is None or locked.state != ProjectState.PENDING:
            return False
        before = list(locked.after.values_list("state", flat=True))
        if all(state == ProjectState.COMPLETED for state in before):
            _begin(locked, "recovery")
            return True
        if any(state in (ProjectState.FAILED, ProjectState.CANCELLED) for state in before):
            reason = "A project that this one was to run after did not complete."
            Project.objects.filter(pk=locked.pk).update(failure_code="predecessor_failed", failure=reason)
            Project.objects.cancel(locked.pk)
            history.append(locked.pk, "project.cancelled", actor="recovery", data={"reason": reason})
    return False


def pause(*, project_id: UUID, actor: Actor, reason: str = "") -> Project:
    """No further step starts; those that run may finish, and their results count. Deadlines stand still.

    Raises ``RefusedInState`` where the project is not running, or is paused or being cancelled.
    """
    return _direct(project_id, Directive.PAUSE, "project.paused", actor, reason)


def resume(*, project_id: UUID, actor: Actor, reason: str = "") -> Project:
    """Go on after a pause; every deadline is moved by the length of the pause.

    Raises ``RefusedInState`` where the project is not paused.
    """
    with transaction.atomic():
        project = _locked(project_id)
        if project.directive != Directive.PAUSE or project.directive_since is None or project.is_over:
            raise RefusedInState(f"Project {project_id} is not paused ({_in_words(project)}): it cannot be resumed.")
        length = Now() - project.directive_since
        Approval.objects.open().filter(project=project, deadline__isnull=False).update(deadline=F("deadline") + length)
        Step.objects.filter(project=project, state=StepState.READY, available_at__isnull=False).update(
            available_at=F("available_at") + length
        )
        # What was sent before the pause was turned away by the claim: it is sent anew.
        Step.objects.filter(project=project, state=StepState.READY).update(published_at=None)
        Project.objects.direct(project.pk, Directive.RUN)
        project.refresh_from_db(fields=["directive", "directive_since"])
        history.append(project.pk, "project.resumed", actor=actor.name, data={"reason": reason})
        publishing.wake(project.pk)
    return project


def cancel(*, project_id: UUID, actor: Actor, reason: str = "", force: bool = False, cleanup: bool = False) -> Project:
    """End a project: nothing starts any more, and it is over once what runs has ended.

    ``force`` does not wait for what runs: its results are refused. ``cleanup`` also removes what the project built
    beside its history, such as its knowledge graph. Raises ``RefusedInState`` where it is over.
    """
    with transaction.atomic():
        project = _locked(project_id)
        if project.is_over:
            raise RefusedInState(f"Project {project_id} is {project.state}: there is nothing left to cancel.")
        Project.objects.direct(project.pk, Directive.CANCEL)
        history.append(
            project.pk,
            "project.cancel_asked",
            actor=actor.name,
            data={"reason": reason, "force": force, "cleanup": cleanup},
        )
        if force:
            _cut_off(project)
        if cleanup:
            _clean_up(project)
    advancing.wind_down_now(project.pk)
    project.refresh_from_db()
    return project


def find_project(*, project_id: str | UUID, actor: Actor) -> Project:
    """The project of an id, or of the last digits of one where they fit one only.

    Raises ``ProjectNotFound`` where there is none that the actor may see.
    """
    visible = Project.objects.visible_to(actor).select_related("blueprint", "owner")
    try:
        project = visible.filter(pk=UUID(str(project_id))).first()
    except ValueError:
        project = _by_ending(visible, str(project_id))
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    return project


def _by_ending(visible: Any, ending: str) -> Project | None:
    if len(ending) < 4 or not all(digit in "0123456789abcdef-" for digit in ending.lower()):
        return None
    found: list[Project] = list(visible.extra(where=["projects_project.id::text LIKE %s"], params=[f"%{ending}"])[:2])
    return found[0] if len(found) == 1 else None


def _locked(project_id: UUID) -> Project:
    project = Project.objects.lock_for_control(project_id)
    if project is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    return project


def _direct(project_id: UUID, directive: Directive, kind: str, actor: Actor, reason: str) -> Project:
    with transaction.atomic():
        project = _locked(project_id)
        if project.state != ProjectState.RUNNING or project.directive != Directive.RUN:
            raise RefusedInState(f"Project {project_id} is not running ({_in_words(project)}): it cannot be paused.")
        Project.objects.direct(project.pk, directive)
        project.refresh_from_db(fields=["directive", "directive_since"])
        history.append(project.pk, kind, actor=actor.name, data={"reason": reason})
    return project


def _begin(project: Project, by: str) -> None:
    if Project.objects.begin(project.pk):
        project.state = ProjectState.RUNNING
        history.append(project.pk, "project.started", actor=by)
        advancing.begin(project)


def _check_documents(definition: Blueprint, documents: Sequence[intake.Given]) -> tuple[intake.Given, ...]:
    wanted = definition.documents
    least, most = (wanted.min, wanted.max) if wanted is not None else (0, 0)
    if len(documents) < least:
        raise DocumentRefused(
            f"Blueprint {definition.name!r} needs {least} document{'s' if least > 1 else ''}: give --document PATH."
        )
    if most is not None and len(documents) > most:
        raise DocumentRefused(f"Blueprint {definition.name!r} takes at most {most} documents, not {len(documents)}.")
    return intake.check(documents)


def _job_digest(
    blueprint: BlueprintVersion, inputs: Mapping[str, Any], intent: str, documents: Sequence[intake.Given]
) -> str:
    return digest_of([blueprint.digest, inputs, intent.strip(), sorted(document.sha256 for document in documents)])


def _earlier(key: str | None, digest: str) -> Project | None:
    """The project that does this job already; two calls at once follow one another."""
    for name in filter(None, (key and f"key {key}", digest)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
    if key is not None:
        return Project.objects.select_related("blueprint").filter(key=key).first()
    if not digest:
        return None
    same = Project.objects.select_related("blueprint").filter(job_digest=digest)
    return same.exclude(state__in=(ProjectState.FAILED, ProjectState.CANCELLED)).order_by("-id").first()


def _projects(ids: Sequence[UUID]) -> list[Project]:
    found = list(Project.objects.filter(pk__in=ids))
    missing = set(ids) - {project.pk for project in found}
    if missing:
        raise AfterNotFound(f"There is no project {', '.join(map(str, sorted(missing)))} to run after.")
    return found


def _cut_off(project: Project) -> None:
    """Take the leases of what runs: its results will be refused by their attempt number."""
    running = Step.objects.filter(project=project, state=StepState.RUNNING)
    for step, attempt in running.values_list("pk", "attempt"):
        sql.rows("cancel_attempt", step=step, attempt=attempt, actor="system")


def _clean_up(project: Project) -> None:
    removed = delete_graph(project.pk)
    history.append(project.pk, "project.cleaned_up", actor="system", data={"graph_nodes": removed})


def _in_words(project: Project) -> str:
    words = {Directive.PAUSE: "paused", Directive.CANCEL: "being cancelled"}
    if project.is_over or project.state == ProjectState.PENDING:
        return project.state
    return words.get(Directive(project.directive), project.state)
