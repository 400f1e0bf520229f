"""A project's page, the part of it that is fetched anew while the project lives, and its report."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import content_disposition_header
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from orchestrator_site.dashboard import project_page
from orchestrator_site.dashboard.rights import may_control, project_or_404
from projects.deciding import inbox
from projects.reports import FORMATS, build, render_report
from projects.reports.render_html import article
from projects.steering import offered

SUFFIXES = {"markdown": "md", "text": "txt"}


@require_safe
@never_cache
@login_required
def show(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """The page."""
    return _page(request, project_id, "dashboard/project.html")


@require_safe
@never_cache
@login_required
def live(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """The parts that change, for the script that puts them in place."""
    return _page(request, project_id, "dashboard/project_live.html")


@require_safe
@login_required
def report(request: HttpRequest, project_id: UUID) -> HttpResponse:
    """The report on a page of this site; with ``?format=`` as a file."""
    project = project_or_404(request, project_id)
    wanted = request.GET.get("format", "")
    if wanted in FORMATS:
        return _as_file(render_report(project, wanted), wanted, f"report-{project.short_id}")
    # The renderer escapes everything that it puts between its own tags.
    shown = SafeString(article(build(project)))
    return render(request, "dashboard/report.html", {"project": project, "article": shown, "formats": tuple(FORMATS)})


def _page(request: HttpRequest, project_id: UUID, template: str) -> HttpResponse:
    project = project_or_404(request, project_id)
    page = project_page.page_of(project)
    context = {
        "page": page,
        "project": project,
        "mine": set(inbox.waiting_for(request.user).filter(project=project).values_list("pk", flat=True)),
        "readable": set(inbox.readable_by(request.user).filter(project=project).values_list("pk", flat=True)),
        "report_formats": tuple(FORMATS),
        "verbs": offered(project) if may_control(request) else (),
    }
    return render(request, template, context)


def _as_file(content: str, wanted: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=FORMATS[wanted].media_type)
    disposition = content_disposition_header(True, f"{name}.{SUFFIXES.get(wanted, wanted)}")
    response["Content-Disposition"] = disposition or "attachment"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
