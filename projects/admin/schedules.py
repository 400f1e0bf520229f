"""Schedules and budgets in the admin: read; schedules enabled and disabled."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orchestrator_site.access.actors import actor_of
from orchestrator_site.errors import PhasegateError
from orchestrator_site.showing import tags
from orchestrator_site.showing.admin_pages import ReadOnlyAdmin, link_to
from projects.admin.steps import OfVisibleProjects
from projects.models import Budget, Schedule
from projects.services import schedules


@admin.register(Schedule)
class ScheduleAdmin(ReadOnlyAdmin):
    """What is started by the clock, and what went wrong the last time."""

    list_display = ("name", "blueprint", "crontab", "catch_up", "enabled", "next_at", "owner", "failure_shown")
    list_filter = ("enabled", "catch_up")
    list_select_related = ("crontab", "owner")
    search_fields = ("name", "blueprint")
    ordering = ("name",)
    actions = ("enable_selected", "disable_selected")
    readonly_fields = ("failure_shown",)
    fields = (
        "name",
        "blueprint",
        "inputs",
        "intent",
        "priority",
        "crontab",
        "catch_up",
        "enabled",
        "owner",
        "next_at",
        "failure_shown",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        """Those the person may see."""
        visible: QuerySet[Schedule] = schedules.visible_to(actor_of(request.user, via="admin"))
        return visible

    @admin.display(description=gettext_lazy("failure"))
    def failure_shown(self, schedule: Schedule) -> SafeString | str:
        """Why the last slot started nothing."""
        return tags.seen(schedule.failure) if schedule.failure else "—"

    def has_control_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered."""
        return request.user.has_perm("projects.start_project") or request.user.has_perm("projects.control_project")

    @admin.action(description=gettext_lazy("Enable selected"), permissions=["control"])
    def enable_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """From the next slot on."""
        self._set(request, queryset, enabled=True)

    @admin.action(description=gettext_lazy("Disable selected"), permissions=["control"])
    def disable_selected(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        """Until enabled."""
        self._set(request, queryset, enabled=False)

    def _set(self, request: HttpRequest, queryset: QuerySet[Schedule], *, enabled: bool) -> None:
        actor = actor_of(request.user, via="admin")
        done = 0
        for schedule in queryset:
            try:
                schedules.change(schedule=schedule, actor=actor, enabled=enabled)
                done += 1
            except PhasegateError as error:
                self.message_user(request, str(error), messages.ERROR)
        if done:
            self.message_user(request, _("Done for %(n)d.") % {"n": done}, messages.SUCCESS)


@admin.register(Budget)
class BudgetAdmin(OfVisibleProjects):
    """What may be used, and what was."""

    list_display = ("project_link", "scope", "name", "measure", "spent", "soft", "hard")
    list_filter = ("scope", "measure")
    list_select_related = ("project",)
    search_fields = ("name__startswith", "project__title")
    ordering = ("-id",)
    readonly_fields = ("project_link",)
    fields = ("project_link", "scope", "name", "measure", "spent", "soft", "hard", "raise_by")

    @admin.display(description=gettext_lazy("project"))
    def project_link(self, budget: Budget) -> SafeString | str:
        """Its project."""
        return link_to(budget.project)
