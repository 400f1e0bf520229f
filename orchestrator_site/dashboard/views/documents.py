"""Documents of a project, to be downloaded."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from orchestrator_site.dashboard.rights import project_or_404
from projects.downloads import as_download
from projects.models import Document


@require_safe
@login_required
def download(request: HttpRequest, project_id: UUID, document_id: UUID) -> HttpResponse:
    """The bytes, as a file."""
    project = project_or_404(request, project_id)
    documents = Document.objects.select_related("content")
    return as_download(get_object_or_404(documents, pk=document_id, project=project))
