"""Running again: a new project that does the same job, from the start or from a step on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from agents.knowledge.store import read_graph, write_graph
from orchestrator_site.access.actors import Actor
from orchestrator_site.access.roles import Capability
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects.blueprints.expressions import render
from projects.blueprints.schema import Blueprint, PhaseSpec
from projects.errors import ProjectNotFound, RefusedInState, StepNotFound
from projects.models import Approval, Document, Phase, PlanVersion, Project, Step
from projects.planning.rewinding import NewRound, NotReached, rerun_from
from projects.services import carrying, checkpoints, control, planting
from projects.services.previews import Spent, check_digest, spent_by
from projects.services.registration import definition_of
from projects.standing import steered_by
from projects.states import PhaseState, StepState


@dataclass(frozen=True, slots=True)
class RerunPreview:
    """What running again would do: steps that are kept, and that are done again; lists under their own key.

    ``cost`` is what those that are done again have used in the earlier run, which is what they may use once more.
    """

    project: str
    from_step: str | None
    plan_version: int
    kept: tuple[str, ...]
    again: tuple[str, ...]
    approvals_kept: tuple[str, ...]
    cost: Spent
    digest: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        told = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return told | {"cost": asdict(self.cost) | {"cost": float(self.cost.cost)}}


def preview(*, project_id: UUID, actor: Actor, from_step: str | None = None) -> RerunPreview:
    """What ``rerun`` would do now, and the digest to confirm it by; raises what that raises. Nothing is made."""
    actor.require(Capability.PROJECT_START)
    earlier = _earlier(project_id)
    return _previewed(earlier, from_step, _carried(earlier, from_step))


def rerun(
    *,
    project_id: UUID,
    actor: Actor,
    from_step: str | None = None,
    auto_approve: bool = False,
    started: bool = True,
    preview_digest: str | None = None,
) -> Project:
    """A new project of the same blueprint version, inputs and documents, whose ``rerun_of`` is the earlier one.

    With ``from_step`` it goes by the plan that the earlier one has now, and everything that does not come after that
    step is carried, results and approvals. With ``preview_digest`` it is done only if its preview would still be the
    same. Raises ``ProjectNotFound``, ``StepNotFound``, ``ProjectChanged``, and ``RefusedInState`` where the earlier one
    has not come as far as the step.
    """
    earlier = _earlier(project_id)
    with transaction.atomic():
        rounds = _carried(earlier, from_step)
        if preview_digest is not None:
            check_digest(_previewed(earlier, from_step, rounds), preview_digest)
        definition = definition_of(earlier.blueprint)
        project = _made(earlier, definition, actor, auto_approve=auto_approve, keeps=bool(rounds))
        if rounds:
            definition = _with_plan_of(earlier, definition)
        planting.plant(project, definition, author=actor.name, bare={each.key for each in rounds})
        _note(project, earlier, actor, from_step)
        if rounds:
            _carry(project, earlier, definition, rounds, actor)
        if started:
            control.start(project_id=project.pk, actor=actor)
    return Project.objects.select_related("blueprint", "owner").get(pk=project.pk)


def _earlier(project_id: UUID) -> Project:
    found = Project.objects.select_related("blueprint").filter(pk=project_id).first()
    if found is None:
        raise ProjectNotFound(f"There is no project {project_id}.")
    return found


def _previewed(earlier: Project, from_step: str | None, rounds: tuple[NewRound, ...]) -> RerunPreview:
    kept = [step.key for each in rounds for step in each.steps if step.is_kept and step.state is not StepState.WAITING]
    steps = Step.objects.filter(project=earlier, parent=None, round=F("phase__round"))
    in_order = steps.order_by("phase__position", "position", "id").values_list("key", flat=True)
    again = tuple(key for key in in_order if key not in set(kept))
    approvals = [UUID(each.approval) for each in rounds if each.approval is not None]
    shown = RerunPreview(
        project=str(earlier.pk),
        from_step=from_step,
        plan_version=earlier.plan_version if rounds else 1,
        kept=tuple(kept),
        again=again,
        approvals_kept=tuple(Approval.objects.filter(pk__in=approvals).order_by("id").values_list("title", flat=True)),
        cost=spent_by(earlier, again),
    )
    return replace(shown, digest=digest_of([shown.to_json(), steered_by(earlier)]))


def _carried(earlier: Project, from_step: str | None) -> tuple[NewRound, ...]:
    if from_step is None:
        return ()
    try:
        return rerun_from(from_step, checkpoints.read_now(earlier.pk).mark.phases)
    except KeyError:
        what = "an item of a list is done with its list" if "[" in from_step else "its steps are in its graph"
        raise StepNotFound(f"Project {earlier.pk} has no step {from_step!r} in its plan: {what}.") from None
    except NotReached as error:
        raise RefusedInState(
            f"Project {earlier.pk} never came to step {from_step!r}: phase {str(error)!r} before it was not completed. "
            "Name a step of that phase, or run it again from the start."
        ) from None


def _made(earlier: Project, definition: Blueprint, actor: Actor, *, auto_approve: bool, keeps: bool) -> Project:
    variables = render(definition.variables, {"inputs": earlier.inputs, "intent": earlier.intent})
    project = Project.objects.create(
        blueprint=earlier.blueprint,
        title=earlier.title,
        inputs=earlier.inputs,
        variables=earlier.variables if keeps else variables,
        intent=earlier.intent,
        priority=earlier.priority,
        owner_id=actor.user_id,
        job_digest=earlier.job_digest,
        rerun_of=earlier,
        auto_approve=auto_approve,
    )
    Document.objects.bulk_create(
        Document(
            project=project,
            position=each.position,
            name=each.name,
            media_type=each.media_type,
            content_id=each.content_id,
        )
        for each in earlier.documents.order_by("position")
    )
    return project


def _with_plan_of(earlier: Project, definition: Blueprint) -> Blueprint:
    """The definition with the phases of the plan that the earlier project has now, interventions and all."""
    plan = PlanVersion.objects.get(project=earlier, number=earlier.plan_version).plan
    phases = tuple(PhaseSpec.model_validate(each) for each in plan)
    return definition.model_copy(update={"phases": phases})


def _carry(
    project: Project, earlier: Project, definition: Blueprint, rounds: tuple[NewRound, ...], actor: Actor
) -> None:
    phases = {phase.key: phase for phase in Phase.objects.filter(project=project)}
    specs = {spec.key: spec for spec in definition.phases}
    carrying.make_rounds(
        project,
        [carrying.Round(phases[each.key], 1, each.source, each.steps, specs[each.key]) for each in rounds],
        source=earlier,
        actor=actor.name,
    )
    for each in rounds:
        if each.state is PhaseState.COMPLETED:
            Phase.objects.filter(pk=phases[each.key].pk).update(
                state=PhaseState.COMPLETED,
                quality=list(each.quality),
                comments=list(each.comments),
                started_at=Now(),
                finished_at=Now(),
            )
    now = {phase.key: phase for phase in Phase.objects.filter(project=project)}
    approved = [(now[each.key], each.source, UUID(each.approval)) for each in rounds if each.approval is not None]
    carrying.carry_approvals(project, approved, actor=actor.name)
    # What carried steps built beside their results is theirs too.
    graph = read_graph(earlier.pk)
    if graph.nodes:
        write_graph(project.pk, graph.nodes, graph.edges)


def _note(project: Project, earlier: Project, actor: Actor, from_step: str | None) -> None:
    history.append(
        project.pk,
        "project.created",
        actor=actor.name,
        data={
            "blueprint": str(project.blueprint),
            "blueprint_sha256": project.blueprint.digest,
            "inputs_sha256": digest_of(project.inputs),
            "intent": project.intent,
            "documents": [
                {"name": name, "sha256": sha256}
                for name, sha256 in project.documents.order_by("position").values_list("name", "content_id")
            ],
            "auto_approve": project.auto_approve,
            "rerun_of": str(earlier.pk),
            "from_step": from_step,
        },
    )
