"""Who is looking, what they may see, and what they may do."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from orchestrator_site.access.actors import Actor, actor_of_request
from projects.models import Project


def actor(request: HttpRequest) -> Actor:
    """The person who looks, as services know them."""
    return actor_of_request(request, via="page")


def project_or_404(request: HttpRequest, project_id: UUID) -> Project:
    """A project that the person may see; one that they may not is not there."""
    visible = Project.objects.visible_to(actor(request)).select_related("blueprint", "owner")
    found = visible.filter(pk=project_id).first()
    if found is None:
        raise Http404(_("There is no such project, or it is not yours to see."))
    return found


def may_control(request: HttpRequest) -> bool:
    """Whether the person may pause, resume and cancel."""
    return actor(request).may("project.control")
