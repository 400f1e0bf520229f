"""Answering several approvals: chosen in the list, shown on a page of their own, then each by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from orchestrator_site.errors import PhasegateError
from projects.deciding import inbox
from projects.deciding.answering import answer_as_shown
from projects.deciding.page import page_of
from projects.errors import ApprovalNotFound
from projects.models import Approval
from projects.models.approval import Verdict

# Whoever answers many at once reads none of them: more than this are to be answered in parts.
MOST_AT_ONCE = 20

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Approval]
else:
    _Admin = object


class BatchOfAnswers(_Admin):
    """The actions "approve selected" and "reject selected"."""

    actions = ("approve_selected", "reject_selected")

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered."""
        return request.user.has_perm("projects.decide_approval")

    @admin.action(description=gettext_lazy("Approve selected"), permissions=["decide"])
    def approve_selected(self, request: HttpRequest, queryset: QuerySet[Approval]) -> HttpResponse | None:
        """Approve several."""
        return self._ask_then_answer(request, queryset, Verdict.APPROVE)

    @admin.action(description=gettext_lazy("Reject selected"), permissions=["decide"])
    def reject_selected(self, request: HttpRequest, queryset: QuerySet[Approval]) -> HttpResponse | None:
        """Reject several."""
        return self._ask_then_answer(request, queryset, Verdict.REJECT)

    def _ask_then_answer(
        self, request: HttpRequest, queryset: QuerySet[Approval], verdict: Verdict
    ) -> HttpResponse | None:
        waiting = queryset.filter(pk__in=inbox.waiting_for(request.user).values("pk"))
        chosen = list(waiting.select_related("project", "phase")[: MOST_AT_ONCE + 1])
        if len(chosen) > MOST_AT_ONCE:
            self.message_user(
                request,
                _("Choose at most %(most)d at once, so that each can be read.") % {"most": MOST_AT_ONCE},
                messages.ERROR,
            )
            return None
        comment = request.POST.get("comment", "")
        if "confirmed" in request.POST and (verdict == Verdict.APPROVE or comment.strip()):
            self._answer_each(request, verdict, comment)
            return None
        if not chosen:
            self.message_user(request, _("None of those chosen waits for you."), messages.WARNING)
            return None
        return self._confirm(request, chosen, verdict)

    def _confirm(self, request: HttpRequest, chosen: list[Approval], verdict: Verdict) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("Approve these?") if verdict == Verdict.APPROVE else _("Reject these?"),
            "opts": self.opts,
            "pages": [page_of(approval, request.user) for approval in chosen],
            "verdict": verdict.value,
            "action": request.POST["action"],
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "comment_missing": "confirmed" in request.POST,
        }
        return TemplateResponse(request, "admin/projects/approval/confirm.html", context)

    def _answer_each(self, request: HttpRequest, verdict: Verdict, comment: str) -> None:
        """Each is answered for itself: one that was decided meanwhile does not stop the others."""
        decided = 0
        for name in request.POST.getlist(ACTION_CHECKBOX_NAME)[:MOST_AT_ONCE]:
            try:
                self._answer_one(request, name, verdict, comment)
                decided += 1
            except PhasegateError as error:
                self.message_user(request, str(error), messages.ERROR)
        if decided:
            self.message_user(request, _said(verdict, decided), messages.SUCCESS)

    def _answer_one(self, request: HttpRequest, name: str, verdict: Verdict, comment: str) -> None:
        try:
            approval = inbox.readable_by(request.user).filter(pk=UUID(name)).first()
        except ValueError:
            approval = None
        if approval is None:
            raise ApprovalNotFound
        sent = request.POST
        seen, seen_content = sent.get(f"seen-{name}", ""), sent.get(f"seen-content-{name}", "")
        answer_as_shown(approval, request.user, verdict, comment, seen=seen, seen_content=seen_content, via="admin")


def _said(verdict: Verdict, count: int) -> str:
    if verdict == Verdict.APPROVE:
        return ngettext("%(n)d approved.", "%(n)d approved.", count) % {"n": count}
    return ngettext("%(n)d rejected.", "%(n)d rejected.", count) % {"n": count}
