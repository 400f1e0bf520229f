"""Projects in the admin: found, read and steered."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orchestrator_site.access.actors import actor_of
from orchestrator_site.errors import PhasegateError
from orchestrator_site.showing import tags
from orchestrator_site.showing.admin_pages import ReadOnlyAdmin, ReadOnlyInline, state_of
from projects.models import BlueprintVersion, Document, Phase, Project
from projects.standing import standing_of
from projects.steering import STEERING, steer


class BlueprintFilter(admin.SimpleListFilter):
    """By the name of the blueprint, whatever its version."""

    title = gettext_lazy("blueprint")
    parameter_name = "blueprint"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Every registered name."""
        names = BlueprintVersion.objects.order_by("name").values_list("name", flat=True).distinct()
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Project]) -> QuerySet[Project]:
        """Projects of any version of it."""
        return queryset.filter(blueprint__name=self.value()) if self.value() else queryset


class PhaseInline(ReadOnlyInline):
    """The phases of a project: few, whatever the number of its steps."""

    model = Phase
    fields = ("position", "title", "standing", "round", "started_at", "finished_at")
    readonly_fields = fields
    ordering = ("position",)

    @admin.display(description=gettext_lazy("state"))
    def standing(self, phase: Phase) -> SafeString:
        """The state."""
        return state_of(phase.state)


class DocumentInline(ReadOnlyInline):
    """What the project was given to read."""

    model = Document
    fields = ("position", "name", "media_type", "created_at")
    readonly_fields = fields


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    """Reading, searching, and pause, resume and cancel through the services."""

    list_display = ("title_shown", "standing", "blueprint", "priority", "owner", "created_at", "page")
    list_filter = ("state", "directive", "priority", BlueprintFilter, "created_at")
    list_select_related = ("blueprint", "owner")
    search_fields = ("title", "intent", "key")
    search_help_text = gettext_lazy("Title, intent, key, or the id")
    ordering = ("-id",)
    actions = ("pause_selected", "resume_selected", "cancel_selected")
    inlines = (PhaseInline, DocumentInline)
    readonly_fields = ("standing", "page", "steps_link", "after")
    fieldsets = (
        (None, {"fields": ("title", "standing", "page", "steps_link", "failure", "intent")}),
        (
            gettext_lazy("What it runs"),
            {"fields": ("blueprint", "plan_version", "inputs", "variables", "priority", "after", "rerun_of")},
        ),
        (gettext_lazy("Whose it is"), {"fields": ("owner", "key", "auto_approve")}),
        (
            gettext_lazy("When"),
            {
                "fields": (
                    *("created_at", "started_at", "finished_at", "deadline"),
                    *("directive", "directive_since", "held_by_parent", "drained_at"),
                )
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        """Those the person may see."""
        return Project.objects.visible_to(actor_of(request.user, via="admin"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Project], search_term: str
    ) -> tuple[QuerySet[Project], bool]:
        """An id finds its project; anything else is looked for in words."""
        try:
            return queryset.filter(pk=UUID(search_term.strip())), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)

    @admin.display(description=gettext_lazy("title"), ordering="title")
    def title_shown(self, project: Project) -> SafeString:
        """The title, with what cannot be seen in it."""
        return tags.seen(project.title)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def standing(self, project: Project) -> SafeString:
        """The state, and what an operator wants of it."""
        return state_of(standing_of(project))

    @admin.display(description=gettext_lazy("page"))
    def page(self, project: Project) -> SafeString | str:
        """The project's own page, where it is served."""
        try:
            address = reverse("dashboard:project", args=[project.pk])
        except NoReverseMatch:
            return "—"
        return format_html('<a href="{}">{}</a>', address, _("open"))

    @admin.display(description=gettext_lazy("steps"))
    def steps_link(self, project: Project) -> SafeString:
        """The list of its steps: there may be many thousands."""
        address = f"{reverse('admin:projects_step_changelist')}?project__id__exact={project.pk}"
        return format_html('<a href="{}">{}</a>', address, _("show the steps"))

    # --- steering

    def has_control_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered."""
        return request.user.has_perm("projects.control_project")

    @admin.action(description=gettext_lazy("Pause selected"), permissions=["control"])
    def pause_selected(self, request: HttpRequest, queryset: QuerySet[Project]) -> HttpResponse | None:
        """Pause several."""
        return self._steer(request, queryset, "pause")

    @admin.action(description=gettext_lazy("Resume selected"), permissions=["control"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Project]) -> HttpResponse | None:
        """Resume several."""
        return self._steer(request, queryset, "resume")

    @admin.action(description=gettext_lazy("Cancel selected"), permissions=["control"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Project]) -> HttpResponse | None:
        """Cancel several."""
        return self._steer(request, queryset, "cancel")

    def _steer(self, request: HttpRequest, queryset: QuerySet[Project], verb: str) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self._confirm(request, queryset, verb)
        actor = actor_of(request.user, via="admin")
        reason = request.POST.get("reason", "").strip()
        done = 0
        for project in queryset:
            try:
                steer(project, verb, person=request.user, actor=actor, reason=reason)
                done += 1
            except PhasegateError as error:
                self.message_user(request, str(error), messages.ERROR)
        if done:
            self.message_user(request, _("Done for %(n)d.") % {"n": done}, messages.SUCCESS)
        return None

    def _confirm(self, request: HttpRequest, queryset: QuerySet[Project], verb: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(verb)s these projects?") % {"verb": STEERING[verb].label},
            "opts": self.opts,
            "projects": queryset.select_related("blueprint"),
            "steering": STEERING[verb],
            "action": request.POST["action"],
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/projects/project/confirm.html", context)
