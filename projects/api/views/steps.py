"""The steps of a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import F, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api.operations import answered, operation
from orchestrator_site.api.pagination import Order, limit_of, links, page_of
from projects.api import examples
from projects.api.filters import RoundQuery, StepQuery
from projects.api.resource import ListResource, Resource
from projects.api.serializers.insight import StepDetailSerializer, StepSerializer
from projects.errors import StepNotFound
from projects.models import Dependency, Project, Step
from projects.services import progressing, results
from projects.services.kinds import is_list
from projects.services.performers import NOBODY, performers_of
from projects.services.searches import search_of

IN_ORDER = Order("order", ("phase__position", "round", "position", "id"))
ITEMS = Order("items", ("position", "id"))


class StepList(ListResource):
    """`projects/{project_id}/steps`."""

    tag = "steps"

    @operation(
        "steps_list",
        "List the steps of a project",
        "In the order of the plan, those of the present round of each phase, without the items of lists.",
        parameters=[StepQuery],
        responses={200: StepSerializer(many=True)},
        examples=[answered(examples.STEP)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """A page of steps."""
        query = self.query(StepQuery)
        project = self.project(project_id)
        rows = _wanted(project, query).select_related("phase").defer("result", "item")
        return self.paged(rows, StepSerializer, order=IN_ORDER, told=lambda page: _with_causes(project, page))


class StepDetail(Resource):
    """`projects/{project_id}/steps/{key}`."""

    tag = "steps"

    @operation(
        "steps_read",
        "Read a step",
        "Its parameters, result, attempts and errors, its rounds, and the items of a `for_each` by pages.",
        parameters=[RoundQuery, *ListResource.paging()],
        responses={200: StepDetailSerializer},
        examples=[answered(examples.STEP_DETAIL)],
    )
    def get(self, request: Request, project_id: str, key: str) -> Response:
        """One step."""
        query = self.query(RoundQuery)
        project = self.project(project_id)
        rounds = Step.objects.filter(project=project, key=key).select_related("project", "phase", "parent")
        wanted = rounds.filter(round=query["round"]) if "round" in query else rounds
        step = wanted.order_by("-round").first()
        if step is None:
            raise StepNotFound(f"Project {project.pk} has no step {key!r}{_in_round(query)}.")
        return Response(StepDetailSerializer(self._whole(step, rounds)).data)

    def _whole(self, step: Step, rounds: QuerySet[Step]) -> Step:
        """The step with what its shape tells beside its columns."""
        spec = (step.parent.spec if step.parent is not None else step.spec) or {}
        told: dict[str, Any] = {
            "params": spec.get("params", {}),
            "when": spec.get("when"),
            "needs": list(
                Dependency.objects.filter(step=step.parent or step).order_by("id").values_list("needs__key", flat=True)
            ),
            "rounds": rounds.order_by("round"),
        }
        results.fill([step])
        whole = _Told(step, told)
        whole.told["attempts"] = step.attempts.order_by("number")
        whole.told["performing"] = performers_of([step]).get(step.pk, NOBODY)
        whole.told["why"] = progressing.why(step.project, [step]).get(step.pk)
        whole.told["items"] = self._items(step) if is_list(step) else None
        whole.told["search"] = search_of(step)
        return whole  # type: ignore[return-value] # it answers for the step and for what is told beside it

    def _items(self, step: Step) -> dict[str, Any]:
        cursor = self.request.query_params.get("cursor")
        page = page_of(step.items.all(), ITEMS, limit=limit_of(self.request), cursor=cursor)
        return {**links(self.request, page), "results": results.fill(page.rows)}


class _Told:
    """A step, and facts about it that are no columns."""

    def __init__(self, step: Step, told: dict[str, Any]) -> None:
        self.step, self.told = step, told

    def __getattr__(self, name: str) -> Any:
        return self.told[name] if name in self.told else getattr(self.step, name)


def _with_causes(project: Project, steps: Sequence[Step]) -> list[_Told]:
    """A page of steps, each with why it does not run, and who has it."""
    sentences, performing = progressing.why(project, steps), performers_of(steps)
    return [
        _Told(step, {"why": sentences.get(step.pk), "performing": performing.get(step.pk, NOBODY)}) for step in steps
    ]


def _wanted(project: Project, query: dict[str, Any]) -> QuerySet[Step]:
    rows = Step.objects.filter(project=project, parent=None)
    rows = rows.filter(round=query["round"]) if "round" in query else rows.filter(round=F("phase__round"))
    if "phase" in query:
        rows = rows.filter(phase__key=query["phase"])
    return rows.filter(state__in=query["state"]) if query.get("state") else rows


def _in_round(query: dict[str, Any]) -> str:
    return f" in round {query['round']}" if "round" in query else ""
