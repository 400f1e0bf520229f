"""The list of projects."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Q, QuerySet
from django.views.generic import TemplateView

from orchestrator_site.access.roles import Capability
from orchestrator_site.dashboard.keyset import keyset_page
from orchestrator_site.dashboard.rights import actor
from orchestrator_site.dashboard.shares import shares_of
from projects.models import Approval, ImportedSnapshot, Project
from projects.standing import standing_with
from projects.states import PROJECT, Directive, ProjectState

PAGE = 25
STATES = ("running", "waiting", "paused", "pending", "completed", "failed", "cancelled")


class ProjectList(LoginRequiredMixin, TemplateView):
    """Projects, newest first, by state and by words."""

    template_name = "dashboard/projects.html"
    extra_context = {"section": "projects"}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One page: rows with their shares, and what waits for people."""
        asked = self.request.GET
        wanted, words = asked.get("state", ""), asked.get("q", "").strip()[:200]
        visible = Project.objects.visible_to(actor(self.request)).select_related("blueprint", "owner")
        page = keyset_page(
            _about(_in_state(visible, wanted), words),
            before=asked.get("before", ""),
            after=asked.get("after", ""),
            size=PAGE,
        )
        shares = shares_of(page.rows)
        waiting = set(Approval.objects.open().filter(project__in=page.rows).values_list("project_id", flat=True))
        rows = [
            (project, standing_with(project, waits=project.pk in waiting), shares[project.pk]) for project in page.rows
        ]
        return super().get_context_data(
            rows=rows,
            page=page,
            states=STATES,
            wanted=wanted,
            words=words,
            imported=actor(self.request).may(Capability.PROJECT_READ) and ImportedSnapshot.objects.exists(),
            **kwargs,
        )


def _in_state(projects: QuerySet[Project], wanted: str) -> QuerySet[Project]:
    match wanted:
        case "waiting":
            waiting = Approval.objects.open().values("project_id")
            return projects.filter(pk__in=waiting, state=ProjectState.RUNNING, directive=Directive.RUN)
        case "paused":
            return projects.filter(directive=Directive.PAUSE, state__in=sorted(PROJECT.live))
        case "running":
            return projects.filter(state=ProjectState.RUNNING).exclude(directive=Directive.PAUSE)
        case state if state in STATES:
            return projects.filter(state=state)
        case _:
            return projects


def _about(projects: QuerySet[Project], words: str) -> QuerySet[Project]:
    """By title, intent or blueprint; an id finds its project."""
    if not words:
        return projects
    try:
        return projects.filter(pk=UUID(words))
    except ValueError:
        found = Q(title__icontains=words) | Q(intent__icontains=words) | Q(blueprint__name__icontains=words)
        return projects.filter(found)
