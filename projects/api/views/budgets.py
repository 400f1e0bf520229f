"""The budgets of a project."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import answered, asked, operation
from projects.api import examples
from projects.api.resource import Resource
from projects.api.serializers.budgets import BudgetChangeSerializer, BudgetListSerializer, BudgetSerializer
from projects.errors import BudgetNotFound
from projects.services import budgets

_LARGEST_ID = 2**63 - 1


class BudgetList(Resource):
    """`projects/{project_id}/budgets`."""

    tag = "budgets"

    @operation(
        "budgets_list",
        "List the budgets of a project",
        "Of the project, of its phases and of agents: what is spent, what attempts that run have reserved, and the "
        "limits.",
        responses={200: BudgetListSerializer},
        examples=[answered({"results": [examples.BUDGET]})],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """All of them."""
        self.query()
        project = self.project(project_id)
        return Response(BudgetListSerializer({"results": budgets.overview(project)}).data)


class BudgetDetail(Resource):
    """`projects/{project_id}/budgets/{budget_id}`."""

    tag = "budgets"
    rights = {"PATCH": "project.control"}
    problems = {"PATCH": (409,)}
    serializer_class = BudgetChangeSerializer

    @operation(
        "budgets_change",
        "Change the limits of a budget",
        "Steps that wait for room try anew at once, and a question about the old limit lapses. What is not given stays "
        "as it is.",
        request=BudgetChangeSerializer,
        responses={200: BudgetSerializer},
        examples=[asked({"soft": 8, "reason": "The client pays."}), answered(examples.BUDGET)],
    )
    def patch(self, request: Request, project_id: str, budget_id: str) -> Response:
        """Change one."""
        project = self.project(project_id)
        wish = checked(BudgetChangeSerializer, request.data)
        number = int(budget_id) if budget_id.isascii() and budget_id.isdigit() and len(budget_id) < 20 else 0
        if not 0 < number <= _LARGEST_ID:
            raise BudgetNotFound(f"Project {project.pk} has no budget {budget_id[:60]!r}.")
        changed = budgets.change(
            project=project, budget_id=number, actor=self.actor, reason=wish.pop("reason"), limits=wish
        )
        return Response(BudgetSerializer(changed).data)
