"""Interventions in the admin: who changed what of which plan, when and why. To be read; they are made elsewhere."""

from __future__ import annotations

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from orchestrator_site.showing import tags
from orchestrator_site.showing.admin_pages import link_to, state_of
from projects.admin.steps import OfVisibleProjects
from projects.models import Intervention


@admin.register(Intervention)
class InterventionAdmin(OfVisibleProjects):
    """One change of a plan: what it was, before and after."""

    list_display = ("what", "standing", "project_link", "author", "plan_before", "plan_after", "created_at")
    list_filter = ("change", "state")
    list_select_related = ("project",)
    search_fields = ("step_key__startswith", "author__startswith")
    search_help_text = gettext_lazy("The beginning of a step's key or of an author's name")
    ordering = ("-id",)
    readonly_fields = ("what", "standing", "project_link", "approval_link", "lines")
    fields = (
        "what",
        "standing",
        "project_link",
        "author",
        "reason",
        "refusal",
        "approval_link",
        "plan_before",
        "plan_after",
        "lines",
        "preview_digest",
        "created_at",
        "finished_at",
    )

    @admin.display(description=gettext_lazy("change"), ordering="change")
    def what(self, intervention: Intervention) -> SafeString:
        """The verb and the step."""
        return tags.seen(str(intervention))

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def standing(self, intervention: Intervention) -> SafeString:
        """The state."""
        return state_of(intervention.state)

    @admin.display(description=gettext_lazy("project"))
    def project_link(self, intervention: Intervention) -> SafeString | str:
        """Its project."""
        return link_to(intervention.project)

    @admin.display(description=gettext_lazy("approval"))
    def approval_link(self, intervention: Intervention) -> SafeString | str:
        """The question that people answered about it."""
        return link_to(intervention.approval)

    @admin.display(description=gettext_lazy("difference"))
    def lines(self, intervention: Intervention) -> SafeString:
        """What it changed, step by step, before and after."""
        return format_html("<pre>{}</pre>", tags.seen(json.dumps(intervention.difference, indent=2)))
