"""Steering a project: asked on a page of its own with the reason, done by a POST."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from orchestrator_site.dashboard.rights import actor, may_control, project_or_404
from orchestrator_site.errors import PhasegateError
from projects.models import Project
from projects.steering import STEERING, Steering, steer


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def control(request: HttpRequest, project_id: UUID, verb: str) -> HttpResponse:
    """Ask for the reason, or do it."""
    project = project_or_404(request, project_id)
    steering = STEERING.get(verb)
    if steering is None:
        raise Http404
    if not may_control(request):
        raise PermissionDenied(_("You may look at this project, but not steer it."))
    if request.method != "POST":
        return _ask(request, project, steering)
    reason = request.POST.get("reason", "").strip()
    options = {"force": True} if steering.is_final and request.POST.get("force") else {}
    try:
        steer(project, verb, person=request.user, actor=actor(request), reason=reason, options=options)
    except PhasegateError as error:
        return _ask(request, project, steering, error)
    messages.success(request, _("%(verb)s: done.") % {"verb": steering.label})
    return redirect("dashboard:project", project_id)


def _ask(
    request: HttpRequest, project: Project, steering: Steering, error: PhasegateError | None = None
) -> HttpResponse:
    context = {
        "project": project,
        "steering": steering,
        "error": error,
        "reason": request.POST.get("reason", ""),
    }
    status = error.http_status if error is not None else 200
    return render(request, "dashboard/control.html", context, status=status)
