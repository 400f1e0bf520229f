"""Approvals: the inbox, one approval, and deciding."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import idempotency
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, answered, asked, operation
from orchestrator_site.api.pagination import Order
from orchestrator_site.api.resource import uuid_of
from projects.api import examples
from projects.api.filters import ApprovalQuery
from projects.api.resource import ListResource, Resource
from projects.api.serializers.approvals import (
    ApprovalDetailSerializer,
    ApprovalSerializer,
    DecisionGivenSerializer,
)
from projects.deciding.inbox import waiting_for
from projects.errors import ApprovalNotFound, NotAnApprover, ProjectNotFound
from projects.models import Approval, Decision
from projects.services import approvals
from projects.states import ApprovalState

LATEST_FIRST = Order("-opened_at", ("-id",))
_DECIDED = examples.APPROVAL_DETAIL | {"state": "rejected", "finished_at": examples.MOMENT}


class Deciding(Resource):
    """What the views that read or decide approvals have in common."""

    tag = "approvals"
    problems = {"POST": (409,)}

    def readable(self) -> QuerySet[Approval]:
        """What the user may decide or has decided; all with the right to read projects."""
        user = self.request.user
        may = Approval.objects.visible_to(self.actor, user).values("pk")
        own = Decision.objects.filter(approval=OuterRef("pk"), user=user.pk)
        return Approval.objects.filter(Q(pk__in=may) | Exists(own))

    @staticmethod
    def refuse_who_has_seen(request: Request, **which: Any) -> None:
        """Who gives the digest of the evidence has seen it: they learn that it is no longer theirs to decide.

        From anybody else an approval of others stays hidden. Raises ``NotAnApprover``.
        """
        seen = request.data.get("evidence_digest") if isinstance(request.data, dict) else None
        if isinstance(seen, str) and Approval.objects.filter(evidence_digest=seen, **which).exists():
            raise NotAnApprover()

    def decided(self, request: Request, approval: Approval) -> Response:
        """Put down what the user says."""
        said = checked(DecisionGivenSerializer, request.data)
        changed = approvals.decide(
            approval_id=approval.pk,
            user=request.user,
            verdict=said["verdict"],
            comment=said.get("comment", ""),
            edits=said.get("edits"),
            seen_digest=said.get("evidence_digest"),
            seen_content=said.get("content_digest"),
            via="api",
        )
        return Response(_shown(approvals.find_approval(approval_id=changed.pk)))


class ApprovalList(Deciding, ListResource):
    """`approvals`."""

    @operation(
        "approvals_list",
        "List approvals",
        "The inbox: those that you may read, the latest first. `standing=mine` are those that wait for you.",
        parameters=[ApprovalQuery],
        responses={200: ApprovalSerializer(many=True)},
        examples=[answered(examples.APPROVAL)],
    )
    def get(self, request: Request) -> Response:
        """A page of approvals."""
        rows = self._wanted(self.query(ApprovalQuery)).select_related("project", "phase", "step")
        return self.paged(rows, ApprovalSerializer, order=LATEST_FIRST)

    def _wanted(self, query: dict[str, Any]) -> QuerySet[Approval]:
        rows = self.readable()
        match query.get("standing"):
            case "waiting":
                rows = rows.open()  # type: ignore[attr-defined]
            case "mine":
                rows = rows.filter(pk__in=waiting_for(self.request.user).values("pk"))
            case "overdue":
                rows = rows.filter(pk__in=Approval.objects.overdue().values("pk"))
            case "decided":
                rows = rows.exclude(state=ApprovalState.OPEN)
        if query.get("state"):
            rows = rows.filter(state__in=query["state"])
        return rows.filter(project_id=query["project"]) if "project" in query else rows


class ApprovalDetail(Deciding):
    """`approvals/{approval_id}`."""

    @operation(
        "approvals_read",
        "Read an approval",
        "What is asked, the evidence, what may be edited, and who has decided.",
        responses={200: ApprovalDetailSerializer},
        examples=[answered(examples.APPROVAL_DETAIL)],
    )
    def get(self, request: Request, approval_id: str) -> Response:
        """One approval."""
        self.query()
        return Response(_shown(_found(self.readable(), approval_id)))


class Decisions(Deciding):
    """`approvals/{approval_id}/decisions`."""

    serializer_class = DecisionGivenSerializer

    @operation(
        "approvals_decide",
        "Decide an approval",
        "Approve or reject, once. The last approval that the quorum asks, or one rejection, closes it. "
        "Whoever comes second, or too late, or has not seen what another edited, gets a 409.",
        parameters=[IDEMPOTENCY_KEY],
        request=DecisionGivenSerializer,
        responses={200: ApprovalDetailSerializer},
        examples=[asked(examples.DECISION_GIVEN), answered(_DECIDED)],
    )
    def post(self, request: Request, approval_id: str) -> Response:
        """Decide it."""
        return idempotency.once(request, lambda: self.decided(request, self._asked(request, approval_id)))

    def _asked(self, request: Request, approval_id: str) -> Approval:
        try:
            return _found(self.readable(), approval_id)
        except ApprovalNotFound:
            self.refuse_who_has_seen(request, pk=uuid_of(approval_id, ApprovalNotFound))
            raise


class ProjectApproval(Deciding):
    """`projects/{project_id}/approval`."""

    serializer_class = DecisionGivenSerializer

    @operation(
        "projects_approval",
        "Decide the open approval of a project",
        "As `approvals/{approval_id}/decisions`, for the approval that the project waits for.",
        parameters=[IDEMPOTENCY_KEY],
        request=DecisionGivenSerializer,
        responses={200: ApprovalDetailSerializer},
        examples=[asked(examples.DECISION_GIVEN), answered(_DECIDED)],
    )
    def post(self, request: Request, project_id: str) -> Response:
        """Decide it."""
        return idempotency.once(request, lambda: self.decided(request, self._open_one(project_id)))

    def _open_one(self, project_id: str) -> Approval:
        """An approver may see the approval without seeing its project."""
        pk = uuid_of(project_id, ProjectNotFound)
        found = list(self.readable().filter(project_id=pk, state=ApprovalState.OPEN).order_by("opened_at")[:20])
        if not found:
            self.refuse_who_has_seen(self.request, project_id=pk, state=ApprovalState.OPEN)
        return approvals.only_one(found, pk) if found else approvals.open_approval_of(self.project(project_id))


def _found(readable: QuerySet[Approval], approval_id: str) -> Approval:
    rows = readable.select_related("project", "phase", "step").prefetch_related("decisions__user")
    approval = rows.filter(pk=uuid_of(approval_id, ApprovalNotFound)).first()
    if approval is None:
        raise ApprovalNotFound(f"There is no approval {approval_id}.")
    return approval


def _shown(approval: Approval) -> dict[str, Any]:
    shown = ApprovalDetailSerializer(approval).data
    return dict(shown)
