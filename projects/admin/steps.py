"""Phases and steps in the admin, with the attempts of a step."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orchestrator_site.access.actors import actor_of
from orchestrator_site.showing import tags
from orchestrator_site.showing.admin_pages import ReadOnlyAdmin, ReadOnlyInline, link_to, state_of
from projects.models import Attempt, Phase, Project, Step
from projects.services import results
from projects.services.performers import degradation, sentence_of


class OfVisibleProjects(ReadOnlyAdmin):
    """What belongs to a project is seen by those who see the project."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Rows of visible projects."""
        visible = Project.objects.visible_to(actor_of(request.user, via="admin")).values("pk")
        return super().get_queryset(request).filter(project_id__in=visible)


@admin.register(Phase)
class PhaseAdmin(OfVisibleProjects):
    """A phase: its rounds, what its gate asks, and what quality conditions said."""

    list_display = ("title", "standing", "round", "project_link", "started_at", "finished_at")
    list_filter = ("state",)
    list_select_related = ("project",)
    search_fields = ("title", "key", "project__title")
    ordering = ("-id",)
    readonly_fields = ("standing", "project_link", "steps_link")
    fields = (
        "title",
        "standing",
        "project_link",
        "steps_link",
        "round",
        "failure",
        "gate",
        "quality",
        "comments",
        "started_at",
        "finished_at",
    )

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def standing(self, phase: Phase) -> SafeString:
        """The state."""
        return state_of(phase.state)

    @admin.display(description=gettext_lazy("project"))
    def project_link(self, phase: Phase) -> SafeString | str:
        """Its project."""
        return link_to(phase.project)

    @admin.display(description=gettext_lazy("steps"))
    def steps_link(self, phase: Phase) -> SafeString:
        """The list of its steps."""
        address = f"{reverse('admin:projects_step_changelist')}?phase__id__exact={phase.pk}"
        return format_html('<a href="{}">{}</a>', address, _("show the steps"))


class AttemptInline(ReadOnlyInline):
    """Each claim of the step, and how it ended."""

    model = Attempt
    show_change_link = False
    fields = (
        "number",
        "outcome",
        "performer",
        "chosen_because",
        "error",
        "details",
        "tokens_in",
        "tokens_out",
        "cost",
        "started_at",
        "finished_at",
    )
    readonly_fields = fields
    ordering = ("number",)

    @admin.display(description=gettext_lazy("chosen because"))
    def chosen_because(self, attempt: Attempt) -> SafeString | str:
        """Why this agent, in words."""
        return tags.seen(sentence_of(attempt.decision)) or "—"


@admin.register(Step)
class StepAdmin(OfVisibleProjects):
    """A step: what it was to do, what came of it, and its attempts."""

    list_display = (
        "key",
        "standing",
        "round",
        "agent",
        "attempt",
        "project_link",
        "started_at",
        "finished_at",
    )
    list_filter = ("state", "pool")
    list_select_related = ("project",)
    # Beginnings only: these are found by an index, and parts of words would read every step there is.
    search_fields = ("key__startswith", "agent__startswith")
    search_help_text = gettext_lazy("The beginning of a step's key or an agent's name")
    ordering = ("-id",)
    inlines = (AttemptInline,)
    readonly_fields = ("standing", "project_link", "phase_link", "parent_link", "result_shown", "stands_in")
    fields = (
        "key",
        "standing",
        "project_link",
        "phase_link",
        "parent_link",
        "round",
        "agent",
        "pool",
        "spec",
        "item",
        "result_shown",
        "stands_in",
        "error",
        "on_failure",
        "attempt",
        "failures",
        "crashes",
        "timeout_seconds",
        "available_at",
        "started_at",
        "finished_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Step]:
        """Without results and parameters, which may be large, where a list is shown."""
        steps = super().get_queryset(request)
        is_list = request.resolver_match is not None and str(request.resolver_match.url_name).endswith("changelist")
        return steps.defer("result", "spec", "item", "error") if is_list else steps

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """A project's and a phase's page link to their steps."""
        return lookup in ("project__id__exact", "phase__id__exact") or super().lookup_allowed(lookup, value, request)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def standing(self, step: Step) -> SafeString:
        """The state."""
        return state_of(step.state)

    @admin.display(description=gettext_lazy("result"))
    def result_shown(self, step: Step) -> SafeString | str:
        """The result, wherever it is kept."""
        value = results.shown(step)
        return "—" if value is None else tags.seen(json.dumps(value, ensure_ascii=False))

    @admin.display(description=gettext_lazy("degraded"))
    def stands_in(self, step: Step) -> SafeString | str:
        """Whose result it is, where it is a fallback's."""
        return tags.seen(degradation(step)) or "—"

    @admin.display(description=gettext_lazy("project"))
    def project_link(self, step: Step) -> SafeString | str:
        """Its project."""
        return link_to(step.project)

    @admin.display(description=gettext_lazy("phase"))
    def phase_link(self, step: Step) -> SafeString | str:
        """Its phase."""
        return link_to(step.phase)

    @admin.display(description=gettext_lazy("item of"))
    def parent_link(self, step: Step) -> SafeString | str:
        """The step whose list this one is an item of."""
        return link_to(step.parent)
