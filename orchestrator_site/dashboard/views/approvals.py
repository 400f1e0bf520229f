"""The inbox, and the page of an approval, for people who need not be administrators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import TemplateView

from orchestrator_site.dashboard.keyset import keyset_page
from orchestrator_site.dashboard.rights import actor
from orchestrator_site.errors import PhasegateError
from projects.deciding import inbox
from projects.deciding.answering import AnswerIncomplete, answer, said
from projects.deciding.page import page_of
from projects.models import Approval, Project

WAITING_SHOWN = 100
DECIDED = 20


class Inbox(LoginRequiredMixin, TemplateView):
    """What waits for the person, nearest deadline first, and below it what is decided."""

    template_name = "dashboard/inbox.html"
    extra_context = {"section": "inbox"}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Both lists."""
        person, asked = self.request.user, self.request.GET
        waiting = inbox.waiting_for(person).order_by(*inbox.waiting_first()).select_related("project", "phase")
        others = inbox.readable_by(person).exclude(pk__in=inbox.waiting_for(person).values("pk"))
        page = keyset_page(
            others.select_related("project", "phase"),
            before=asked.get("before", ""),
            after=asked.get("after", ""),
            size=DECIDED,
        )
        return super().get_context_data(waiting=waiting[:WAITING_SHOWN], page=page, **kwargs)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def decide(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """Show an approval, or take an answer: only a POST decides."""
    approval = _find(request, approval_id)
    if request.method != "POST":
        return _show(request, approval)
    try:
        decided = answer(approval, request.user, request.POST, via="page")
    except AnswerIncomplete as error:
        return _show(request, approval, error)
    except PhasegateError as error:
        return _show(request, _find(request, approval_id), error)
    messages.success(request, said(decided, request.POST["verdict"]))
    return redirect("dashboard:approval", approval_id)


@require_safe
@login_required
def evidence(request: HttpRequest, approval_id: UUID) -> HttpResponse:
    """All evidence as a file: a page leaves out what is very long, and nothing may be kept from who decides."""
    approval = _find(request, approval_id)
    whole = {
        "approval": str(approval.pk),
        "evidence_sha256": approval.evidence_digest,
        "evidence": approval.evidence,
        "content": approval.content,
    }
    response = JsonResponse(whole, json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="evidence-{approval.evidence_digest[:12]}.json"'
    return response


def _find(request: HttpRequest, approval_id: UUID) -> Approval:
    readable = inbox.readable_by(request.user).select_related("project", "phase")
    found = readable.filter(pk=approval_id).first()
    if found is None and inbox.was_shown(approval_id, request.user, request.POST.get("shown", "")):
        raise PermissionDenied(_("You may no longer decide this."))
    if found is None:
        raise Http404(_("There is no such approval, or it is not yours to see."))
    return found


def _show(request: HttpRequest, approval: Approval, error: PhasegateError | None = None) -> HttpResponse:
    sent = request.POST if error is not None else None
    context = {
        "page": page_of(approval, request.user, sent, error),
        "error": error,
        "sees_project": Project.objects.visible_to(actor(request)).filter(pk=approval.project_id).exists(),
    }
    status = error.http_status if error is not None else 200
    return render(request, "dashboard/approval.html", context, status=status)
