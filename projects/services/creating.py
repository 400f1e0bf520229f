"""Making a project of a blueprint: everything is checked before anything is written, and the same job is recognised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents.library.documents import media_type_of
from orchestrator_site.access.actors import Actor
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from orchestrator_site.storable import refuse_unstorable, why_not
from projects.blueprints.durations import HOW_TO, parse_duration
from projects.blueprints.errors import InputsInvalid
from projects.blueprints.expressions import render_to_keep
from projects.blueprints.inputs import validate_inputs
from projects.blueprints.schema import Blueprint
from projects.errors import AfterNotFound, DeadlineInvalid, DocumentRefused, KeyTaken
from projects.models import BlueprintVersion, Project, Step
from projects.models.project import Priority
from projects.services import intake, planting, timers
from projects.services.budgets import with_limits
from projects.services.registration import definition_of
from projects.states import ProjectState


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
    deadline: float | str | None = None,
    parent_step: Step | None = None,
    budgets: Mapping[str, Any] | None = None,
) -> Created:
    """Make a project of a blueprint. Nothing is written unless everything is right.

    The same ``key`` gives the project that has it already. Where the blueprint says ``deduplicate``, the same inputs,
    intent and documents give the earlier project, unless that failed or was cancelled, or ``rerun`` is asked for.
    ``deadline`` is within how long from now it is to be over, in seconds or as ``2h``. With ``parent_step`` it is the
    child of that step, and belongs to whom the project above belongs. ``budgets`` go over those of the blueprint, see
    ``services.budgets.with_limits``, which says what it refuses. Raises ``InputsInvalid``, ``DocumentRefused`` or
    what reading a document says, ``AfterNotFound``, ``KeyTaken``, ``DeadlineInvalid``,
    ``InvalidInput`` for text that cannot be kept.
    """
    refuse_unstorable(intent=intent, title=title, key=key)
    definition = definition_of(blueprint)
    if budgets:
        definition = with_limits(definition, budgets, actor)
    checked = _check_inputs(definition, inputs)
    given = _check_documents(definition, documents)
    within = _check_deadline(deadline)
    digest = _job_digest(blueprint, checked, intent, given) if definition.deduplicate else ""
    with transaction.atomic():
        earlier = _with_key(key, blueprint, checked, intent, actor) if key is not None else _same_job(digest, actor)
        if earlier is not None and (key is not None or not rerun):
            return Created(earlier, is_new=False)
        project = _row(
            definition,
            actor,
            parent_step,
            blueprint=blueprint,
            title=title or definition.title,
            inputs=checked,
            intent=intent,
            priority=Priority[priority.upper()],
            key=key,
            job_digest=digest,
            rerun_of=earlier,
            auto_approve=auto_approve,
        )
        if within is not None:
            timers.set_deadline(project, within)
        project.after.set(_projects(after))
        planting.plant(project, definition, author=actor.name)
        intake.store(project, given)
        _note(project, actor, given)
    return Created(project, is_new=True)


def _check_inputs(definition: Blueprint, inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    checked = validate_inputs(definition, dict(inputs or {}))
    if why := why_not(checked):
        raise InputsInvalid(f"The inputs cannot be kept: {why}.")
    return checked


def _row(definition: Blueprint, actor: Actor, parent_step: Step | None, **fields: Any) -> Project:
    given = {"inputs": fields["inputs"], "intent": fields["intent"]}
    return Project.objects.create(
        variables=render_to_keep(definition.variables, given, "Its variables"),
        owner_id=actor.user_id if parent_step is None else parent_step.project.owner_id,
        parent_step=parent_step,
        **fields,
    )


def _note(project: Project, actor: Actor, documents: Sequence[intake.Given]) -> None:
    history.append(
        project.pk,
        "project.created",
        actor=actor.name,
        data={
            "blueprint": str(project.blueprint),
            "blueprint_sha256": project.blueprint.digest,
            "inputs_sha256": digest_of(project.inputs),
            "intent": project.intent,
            "documents": [{"name": document.name, "sha256": document.sha256} for document in documents],
            "auto_approve": project.auto_approve,
            **_whence(project),
        },
    )


def _whence(project: Project) -> dict[str, Any]:
    """What history says of its beginning where there is something to say: the step above, the deadline given."""
    said: dict[str, Any] = {}
    if project.parent_step is not None:
        said["parent"] = {"project": str(project.parent_step.project_id), "step": project.parent_step.key}
    if project.deadline is not None:
        said["deadline"] = project.deadline
    return said


def _check_deadline(given: float | str | None) -> float | None:
    if given is None:
        return None
    try:
        seconds = parse_duration(given)
    except ValueError as error:
        raise DeadlineInvalid(f"The deadline cannot be used: {error}. {HOW_TO}") from None
    if not seconds:
        raise DeadlineInvalid(f"The deadline {given} is no time at all. {HOW_TO}")
    return seconds


def _check_documents(definition: Blueprint, documents: Sequence[intake.Given]) -> tuple[intake.Given, ...]:
    wanted = definition.documents
    least, most = (wanted.min, wanted.max) if wanted is not None else (0, 0)
    if len(documents) < least:
        raise DocumentRefused(
            f"Blueprint {definition.name!r} needs {least} document{'s' if least > 1 else ''}: give --document PATH."
        )
    if most is not None and len(documents) > most:
        raise DocumentRefused(f"Blueprint {definition.name!r} takes at most {most} documents, not {len(documents)}.")
    given = intake.check(documents)
    accepted = wanted.media_types if wanted is not None else ()
    for document in given:
        found = media_type_of(document.content, document.name)
        if accepted and found not in accepted:
            raise DocumentRefused(f"{document.name} is {found}; {definition.name!r} takes {', '.join(accepted)}.")
    return given


def _job_digest(
    blueprint: BlueprintVersion, inputs: Mapping[str, Any], intent: str, documents: Sequence[intake.Given]
) -> str:
    return digest_of([blueprint.digest, inputs, intent.strip(), sorted(document.sha256 for document in documents)])


def _with_key(
    key: str, blueprint: BlueprintVersion, inputs: Mapping[str, Any], intent: str, actor: Actor
) -> Project | None:
    """The project that has the key. Raises ``KeyTaken`` where it is one of another job."""
    _one_at_a_time(f"key {key}")
    project = Project.objects.select_related("blueprint").filter(key=key).first()
    if project is None:
        return None
    if not Project.objects.visible_to(actor).filter(pk=project.pk).exists():
        raise KeyTaken()
    if (project.blueprint.name, project.inputs, project.intent) != (blueprint.name, inputs, intent):
        raise KeyTaken(
            f"The key {key!r} is that of project {project.pk}, which has another blueprint, other inputs or another "
            "intent. Give this job a key of its own."
        )
    return project


def _same_job(digest: str, actor: Actor) -> Project | None:
    """The latest project that does this very job, that has not failed or been cancelled, and that the actor may see."""
    if not digest:
        return None
    _one_at_a_time(digest)
    same = Project.objects.visible_to(actor).select_related("blueprint").filter(job_digest=digest)
    return same.exclude(state__in=(ProjectState.FAILED, ProjectState.CANCELLED)).order_by("-id").first()


def _one_at_a_time(name: str) -> None:
    """Two calls for the same job at once follow one another, so that the second finds what the first made."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _projects(ids: Sequence[UUID]) -> list[Project]:
    found = list(Project.objects.filter(pk__in=ids))
    missing = set(ids) - {project.pk for project in found}
    if missing:
        raise AfterNotFound(f"There is no project {', '.join(map(str, sorted(missing)))} to run after.")
    return found
