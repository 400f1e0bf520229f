"""Agents in the admin: found and read, registered by the form, changed where an operator may."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from redis.exceptions import RedisError

from agents import terms
from agents.admin.actions import AgentActions
from agents.admin.forms import AgentChangeForm, AgentRegisterForm, changed_values
from agents.masking import masked
from agents.models import Agent, AgentCapability
from agents.resilience import services as resilience
from agents.services import ownership, registration, statistics
from agents.states import AgentState
from orchestrator_site.access.actors import actor_of
from orchestrator_site.errors import PhasegateError
from orchestrator_site.showing import tags
from orchestrator_site.showing.admin_pages import ReadOnlyInline, state_of

_EVENTS = 30
_OFFERS = 4


class CapabilityInline(ReadOnlyInline):
    """What the agent can do."""

    model = AgentCapability
    fields = ("name", "version")
    readonly_fields = fields
    ordering = ("name",)
    show_change_link = False
    verbose_name_plural = gettext_lazy("Capabilities")


@admin.register(Agent)
class AgentAdmin(AgentActions, admin.ModelAdmin[Agent]):
    """Found by name, sort or capability; a state is moved by services only."""

    list_display = ("name_shown", "state_shown", "health_shown", "load_shown", "transport", "offers_shown", "heard")
    list_filter = ("state", "transport", "built_in", "region")
    list_select_related = ("ownership__user",)
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name, description, sort of service, the beginning of a capability, or the id")
    ordering = ("name",)
    list_per_page = 50
    show_full_result_count = False
    inlines = (CapabilityInline,)
    readonly_fields = (
        *("name", "version", "service_type", "transport", "built_in", "region", "zone", "latitude", "longitude"),
        *("state_shown", "state_at", "health_shown", "load_shown", "heard", "registered_at", "owner", "settings_shown"),
        *("circuit_shown", "statistics_shown", "events_shown", "details"),
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "name",
                    "version",
                    "state_shown",
                    "state_at",
                    "health_shown",
                    "load_shown",
                    "heard",
                    "circuit_shown",
                )
            },
        ),
        (gettext_lazy("What it is"), {"fields": ("description", "service_type", "tags", "owner", "registered_at")}),
        (gettext_lazy("How it is reached"), {"fields": ("transport", "settings_shown", "built_in")}),
        (gettext_lazy("Where it runs"), {"fields": (("region", "zone"), ("latitude", "longitude"))}),
        (gettext_lazy("How it is chosen"), {"fields": ("weight", "priority", "max_concurrency", "cost_per_call")}),
        (gettext_lazy("What it says of itself"), {"fields": ("details", "metadata")}),
        (gettext_lazy("Its recent calls"), {"fields": ("statistics_shown",)}),
        (gettext_lazy("What happened to it"), {"fields": ("events_shown",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("name", "version", "description", "service_type", "tags")}),
        (gettext_lazy("How it is reached"), {"fields": ("transport", "settings")}),
        (gettext_lazy("What it can do"), {"fields": ("capabilities",)}),
        (gettext_lazy("Where it runs"), {"fields": (("region", "zone"), ("latitude", "longitude"))}),
        (gettext_lazy("How it is chosen"), {"fields": ("weight", "priority", "max_concurrency", "cost_per_call")}),
        (None, {"fields": ("metadata",)}),
    )

    # --- finding

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Agent], search_term: str
    ) -> tuple[QuerySet[Agent], bool]:
        """An id finds its agent; words are looked for in what it says of itself, and begin what it can do."""
        words = search_term.strip()
        if not words:
            return queryset, False
        try:
            return queryset.filter(pk=UUID(words)), False
        except ValueError:
            able = AgentCapability.objects.filter(name__istartswith=words).values("agent")
            said = Q(name__icontains=words) | Q(description__icontains=words) | Q(service_type__icontains=words)
            return queryset.filter(said | Q(pk__in=able)), False

    # --- what is shown

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def name_shown(self, agent: Agent) -> SafeString:
        """Name and version."""
        return format_html("{} <small>{}</small>", tags.seen(agent.name), tags.seen(agent.version))

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_shown(self, agent: Agent) -> SafeString:
        """The state, as sign and word."""
        return state_of(agent.state)

    @admin.display(description=gettext_lazy("health"), ordering="health")
    def health_shown(self, agent: Agent) -> str:
        """In per cent."""
        return f"{tags.percent(agent.health)} %"

    @admin.display(description=gettext_lazy("load"), ordering="load")
    def load_shown(self, agent: Agent) -> str:
        """In per cent; more than a hundred where it takes more than it should."""
        return f"{round(agent.load * 100)} %"

    @admin.display(description=gettext_lazy("capabilities"))
    def offers_shown(self, agent: Agent) -> SafeString:
        """The first few, read from the row itself."""
        offers = sorted(terms.capabilities_in(agent.features).items())
        shown = ", ".join(f"{name} {version}" for name, version in offers[:_OFFERS]) or "—"
        return tags.seen(shown + (f" … +{len(offers) - _OFFERS}" if len(offers) > _OFFERS else ""))

    @admin.display(description=gettext_lazy("last heard"), ordering="heard_at")
    def heard(self, agent: Agent) -> SafeString | str:
        """How long ago."""
        return tags.moment(agent.heard_at)

    @admin.display(description=gettext_lazy("registered by"))
    def owner(self, agent: Agent) -> str:
        """Whose it is."""
        return ownership.owner_of(agent) or "—"

    @admin.display(description=gettext_lazy("settings"))
    def settings_shown(self, agent: Agent) -> SafeString:
        """Those of its transport, without what is secret."""
        return format_html("<pre>{}</pre>", tags.seen(json.dumps(masked(agent.settings), indent=2, ensure_ascii=False)))

    @admin.display(description=gettext_lazy("circuit"))
    def circuit_shown(self, agent: Agent) -> SafeString:
        """Whether calls go through to it, and why."""
        circuit = resilience.describe(str(agent.pk))["circuit"]
        return format_html("{} {}", state_of(f"circuit_{circuit['state']}"), tags.seen(circuit["why"]))

    @admin.display(description=gettext_lazy("calls"))
    def statistics_shown(self, agent: Agent) -> str:
        """How its calls went lately."""
        try:
            found = statistics.statistics_of([agent.pk])[agent.pk]
        except RedisError:
            return _("Redis does not answer.")
        if not (found.calls or found.failures):
            return _("It was not called lately.")
        return _("%(good).1f succeeded and %(bad).1f failed lately, in %(now)s each; as a rule %(rule)s.") % {
            "good": found.successes,
            "bad": found.failures,
            "now": f"{found.latency:.3g} s",
            "rule": f"{found.baseline:.3g} s",
        }

    @admin.display(description=gettext_lazy("events"))
    def events_shown(self, agent: Agent) -> SafeString | str:
        """The latest, with who did what."""
        rows = [
            (tags.moment(event.at, "full"), tags.event_words(event.kind), tags.seen(event.actor), _told(event.data))
            for event in agent.events.order_by("-at", "-id")[:_EVENTS]
        ]
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} · {} · {} {}</li>", rows)) if rows else "—"

    # --- registering and changing

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who may register."""
        return actor_of(request.user, via="admin").may("agent.register")

    def has_change_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        """Who manages all, while there is something to manage."""
        return self.has_manage_permission(request) and (obj is None or obj.state != AgentState.GONE)

    def has_delete_permission(self, request: HttpRequest, obj: Agent | None = None) -> bool:
        """An agent is deregistered; what happened to it stays."""
        return False

    def get_form(
        self, request: HttpRequest, obj: Agent | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm[Agent]]:
        """One form registers, the other changes."""
        kwargs["form"] = AgentChangeForm if change else AgentRegisterForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Agent | None = None) -> Any:
        """What is asked of a new one, or known of one that is there."""
        return self.add_fieldsets if obj is None else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Agent | None = None) -> Any:
        """Nothing of a new one."""
        return () if obj is None else self.readonly_fields

    def get_inlines(self, request: HttpRequest, obj: Agent | None) -> Any:
        """A new one has its capabilities in the form."""
        return () if obj is None else self.inlines

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page; what a service refuses although the form found it good is told on the page."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except PhasegateError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Agent, form: Any, change: bool) -> None:
        """By the services, as every other door."""
        actor = actor_of(request.user, via="admin")
        if change:
            values = changed_values(form, AgentChangeForm.Meta.fields)
            if values:
                registration.change(agent=obj.pk, actor=actor.name, **values)
            return
        done = ownership.register(by=actor, **form.description())
        obj.pk = done.agent.pk
        obj.refresh_from_db()


def _told(data: dict[str, Any]) -> SafeString:
    return tags.seen("; ".join(f"{name}: {value}" for name, value in data.items()))
