"""Imported snapshots: the list, and the page of one. They are looked at, and nothing is done to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.generic import TemplateView

from orchestrator_site.access.roles import Capability
from orchestrator_site.dashboard.imported_page import page_of
from orchestrator_site.dashboard.keyset import keyset_page
from orchestrator_site.dashboard.rights import actor
from projects.errors import SnapshotNotFound, SnapshotTampered
from projects.models import ImportedSnapshot
from projects.services import importing

PAGE = 25


class ImportedList(LoginRequiredMixin, TemplateView):
    """Snapshots, the latest imported first."""

    template_name = "dashboard/imported_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One page of them."""
        _require_reader(self.request)
        rows = ImportedSnapshot.objects.defer("content")
        asked = self.request.GET
        page = keyset_page(rows, before=asked.get("before", ""), after=asked.get("after", ""), size=PAGE)
        return super().get_context_data(page=page, **kwargs)


@require_safe
@login_required
def show(request: HttpRequest, snapshot_id: UUID) -> HttpResponse:
    """The project as it stood where it ran; what was changed since it was imported is not shown."""
    _require_reader(request)
    try:
        snapshot = importing.find_imported(snapshot_id=snapshot_id)
        page = page_of(importing.read(snapshot))
    except SnapshotNotFound as error:
        raise Http404(str(error)) from None
    except SnapshotTampered as error:
        context = {"snapshot": snapshot, "damage": str(error)}
        return render(request, "dashboard/imported.html", context, status=error.http_status)
    return render(request, "dashboard/imported.html", {"snapshot": snapshot, "page": page})


def _require_reader(request: HttpRequest) -> None:
    """It may be anybody's project: it is for those who may read every project."""
    if not actor(request).may(Capability.PROJECT_READ):
        raise Http404(_("There is no such page, or it is not yours to see."))
