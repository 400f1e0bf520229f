"""``kind: project``: a project that a step starts, and whose end it waits for unless it is not awaited.

The child is made, started and linked in the transaction in which the step begins to wait, under a key that is made of
the step's id: a crash leaves both or neither, and never two. It has the priority, the owner and the intent of the
project above; a pause and a cancel of that one reach it (``trees``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from orchestrator_site.access.actors import system_actor
from orchestrator_site.conf import conf
from orchestrator_site.errors import PhasegateError
from orchestrator_site.history import services as history
from projects import sql
from projects.blueprints.expressions import render_to_keep
from projects.blueprints.schema import ChildSpec
from projects.errors import TooDeep
from projects.models import Project, Step
from projects.services import beginning, creating, publishing, trees
from projects.services.contexts import Results
from projects.services.kinds.specification import specification_of
from projects.services.registration import find_registered
from projects.states import ProjectState, StepState

if TYPE_CHECKING:
    from projects.services.kinds import Work

ACTOR = "system"


class ProjectKind:
    """Starts a project, and waits for its end."""

    def begin(self, work: Work, step: Step) -> None:
        """Make and start the child. The step stays pending while somebody pauses or cancels the project."""
        if not sql.rows("hold_still", project=work.project.pk):
            return
        spec = ChildSpec.model_validate(specification_of(step)["project"])
        inputs = render_to_keep(spec.inputs, work.context(), "What it is given")
        try:
            with transaction.atomic():
                child = _child_of(work.project, step, spec, inputs)
        except PhasegateError as error:
            work.fail(step, error.code, f"The project of {spec.blueprint!r} cannot be started: {error}")
            return
        if spec.awaited:
            work.wait(step)
        else:
            work.complete(step, {"id": str(child.pk), "state": child.state})

    def over(self, steps: Sequence[Step]) -> Collection[UUID]:
        """Those that have no live child."""
        live = set(Project.objects.live().filter(parent_step__in=steps).values_list("parent_step", flat=True))
        return [step.pk for step in steps if step.pk not in live]

    def look(self, work: Work, step: Step) -> None:
        """Take the child's results, or its reason."""
        child = Project.objects.filter(parent_step=step).first()
        if child is None:
            work.fail(step, "child_gone", "The project that the step started is not there any more.")
        elif child.state == ProjectState.COMPLETED:
            work.complete(step, {"id": str(child.pk), "state": child.state, "results": _results_of(child)})
        elif child.is_over:
            ended = "was cancelled" if child.state == ProjectState.CANCELLED else "failed"
            why = f": {child.failure}" if child.failure else ""
            work.fail(step, f"child_{child.state}", f"Project {child.pk} ({child.title}) {ended}{why}")

    def stop(self, step: Step) -> None:
        """Tell the child to end; the step does not wait for that."""
        child = Project.objects.live().filter(parent_step=step).select_for_update(of=("self",)).first()
        if child is None:
            return
        reason = f"The step {step.key!r} that started it was cancelled."
        data = {"reason": reason, "force": False, "cleanup": False, "because_of": str(step.project_id)}
        for project_id in trees.cancel(child, actor=ACTOR, data=data):
            publishing.wake(project_id)


def _child_of(above: Project, step: Step, spec: ChildSpec, inputs: dict[str, Any]) -> Project:
    """The step's child, made and started. Raises what making a project raises, and ``TooDeep``."""
    _check_depth(above)
    version = find_registered(spec.blueprint)
    _let_go(step)
    created = creating.create_project(
        blueprint=version,
        actor=system_actor(),
        inputs=inputs,
        intent=above.intent,
        priority=above.priority_name,
        key=_free_key(step),
        auto_approve=above.auto_approve,
        parent_step=step,
    )
    child = Project.objects.select_for_update(of=("self",)).get(pk=created.project.pk)
    if beginning.begin(child.pk, by=ACTOR):
        child.state = ProjectState.RUNNING
        publishing.wake(child.pk)
    data = {"child": str(child.pk), "blueprint": str(version), "awaited": spec.awaited, "round": step.round}
    history.append(above.pk, "step.child_started", actor=ACTOR, subject=step.key, data=data)
    return child


def _check_depth(above: Project) -> None:
    most = conf().child_depth
    chain = sql.rows("ancestors", project=above.pk, most=most + 1)
    if len(chain) + 1 > most:
        raise TooDeep(
            f"Project {above.pk} has {len(chain)} projects above it, so that one below it would have more than {most}. "
            "Is a blueprint starting itself without end? PHASEGATE_CHILD_DEPTH sets the limit."
        )


def _let_go(step: Step) -> None:
    """An operator tries a failed step again: its earlier child, which is over, is no longer the step's own."""
    Project.objects.filter(parent_step=step).exclude(pk__in=Project.objects.live().values("pk")).update(
        parent_step=None
    )


def _free_key(step: Step) -> str:
    """A key that is the step's alone; each further try at the step has one of its own."""
    for number in count(1):
        key = f"step:{step.pk}" if number == 1 else f"step:{step.pk}:{number}"
        if not Project.objects.filter(key=key).exists():
            return key
    raise AssertionError("count() has no end")  # pragma: no cover


def _results_of(child: Project) -> dict[str, Any]:
    """The results of its last phase, by step."""
    last = child.phases.order_by("-position").first()
    steps = Step.objects.filter(phase=last, parent=None, round=F("phase__round"), state=StepState.COMPLETED)
    results = Results(child.pk)
    return {key: results[key] for key in steps.order_by("position").values_list("key", flat=True)}
