"""Approvals in the admin: a list of what waits, and one page on which to decide."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.db.models.expressions import OrderBy
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from orchestrator_site.errors import PhasegateError
from orchestrator_site.showing import tags
from orchestrator_site.showing.admin_pages import ReadOnlyAdmin, link_to, state_of
from projects.admin.batches import BatchOfAnswers
from projects.deciding import inbox
from projects.deciding.answering import AnswerIncomplete, answer, said
from projects.deciding.page import page_of
from projects.models import Approval
from projects.states import ApprovalState


class StandingFilter(admin.SimpleListFilter):
    """Waiting, waiting for me, overdue, decided."""

    title = _("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices."""
        return [
            ("waiting", _("Waiting")),
            ("mine", _("Waiting for me")),
            ("overdue", _("Overdue")),
            ("decided", _("Decided")),
            ("decided-by-me", _("Decided by me")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Approval]) -> QuerySet[Approval]:
        """The approvals of the choice."""
        match self.value():
            case "waiting":
                return queryset.filter(state=ApprovalState.OPEN)
            case "mine":
                return queryset.filter(pk__in=inbox.waiting_for(request.user).values("pk"))
            case "overdue":
                return queryset.filter(state=ApprovalState.OPEN, deadline__lte=Now())
            case "decided":
                return queryset.exclude(state=ApprovalState.OPEN)
            case "decided-by-me":
                return queryset.filter(decisions__user_id=request.user.pk or 0)
            case _:
                return queryset


@admin.register(Approval)
class ApprovalAdmin(BatchOfAnswers, ReadOnlyAdmin):
    """What an approver sees: their approvals, each with what is asked, the evidence, and two buttons."""

    list_display = ("title", "standing", "project_title", "phase_title", "quorum_progress", "due", "age")
    list_filter = (StandingFilter,)
    list_select_related = ("project", "phase")
    search_fields = ("title", "project__title", "phase__title")
    search_help_text = _("Title of the approval, the project or the phase")

    # --- who sees what

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Approvers see the application in the index, and nothing else of it."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Approval | None = None) -> bool:
        """People who may decide, or may read all; which rows, ``get_queryset`` says."""
        user = request.user
        return user.has_perm("projects.decide_approval") or user.has_perm("projects.view_approval")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        """Those the person may read."""
        return inbox.readable_by(request.user)

    def get_ordering(self, request: HttpRequest) -> tuple[OrderBy, ...]:
        """Waiting ones first, the nearest deadline before others."""
        return inbox.waiting_first()

    # --- columns

    @admin.display(description=_("state"), ordering="state")
    def standing(self, approval: Approval) -> SafeString:
        """The state."""
        return state_of(approval.state)

    @admin.display(description=_("project"), ordering="project__title")
    def project_title(self, approval: Approval) -> SafeString:
        """The project's title."""
        return tags.seen(approval.project.title)

    @admin.display(description=_("phase"), ordering="phase__title")
    def phase_title(self, approval: Approval) -> SafeString:
        """The phase's title."""
        return tags.seen(approval.phase.title)

    @admin.display(description=_("approved"))
    def quorum_progress(self, approval: Approval) -> str:
        """How many of how many."""
        return f"{approval.approvals} / {approval.quorum}"

    @admin.display(description=_("deadline"), ordering="deadline")
    def due(self, approval: Approval) -> SafeString | str:
        """When it must be decided."""
        style = "ago" if approval.state == ApprovalState.OPEN else "full"
        return tags.moment(approval.deadline, style)

    @admin.display(description=_("asked"), ordering="opened_at")
    def age(self, approval: Approval) -> SafeString | str:
        """How long ago it was asked."""
        return tags.moment(approval.opened_at)

    # --- the page of one

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show an approval, or take an answer: only a POST decides."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        approval = self._find(request, object_id)
        if request.method != "POST":
            return self._show(request, approval)
        try:
            decided = answer(approval, request.user, request.POST, via="admin")
        except AnswerIncomplete as error:
            return self._show(request, approval, error, request.POST)
        except PhasegateError as error:
            approval = self._find(request, object_id)
            return self._show(request, approval, error, request.POST)
        self.message_user(request, said(decided, request.POST["verdict"]), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:projects_approval_change", args=[decided.pk]))

    def _find(self, request: HttpRequest, object_id: str | None) -> Approval:
        try:
            wanted = UUID(str(object_id))
        except ValueError:
            raise Http404 from None
        found = inbox.readable_by(request.user).select_related("project", "phase").filter(pk=wanted).first()
        if found is None and inbox.was_shown(wanted, request.user, request.POST.get("shown", "")):
            raise PermissionDenied
        if found is None:
            raise Http404(_("There is no such approval, or it is not yours to see."))
        return found

    def _show(
        self, request: HttpRequest, approval: Approval, error: PhasegateError | None = None, sent: Any = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Approval"),
            "subtitle": approval.title,
            "opts": self.opts,
            "page": page_of(approval, request.user, sent, error),
            "error": error,
            "project_link": link_to(approval.project, approval.project.title)
            if request.user.has_perm("projects.view_project")
            else "",
        }
        status = error.http_status if error is not None else 200
        return TemplateResponse(request, "admin/projects/approval/decide.html", context, status=status)
