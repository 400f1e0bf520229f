"""What is done with several agents: asked first where it ends something, then each by itself through the services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from agents.models import Agent
from agents.resilience import services as resilience
from agents.services import registration
from orchestrator_site.access.actors import Actor, actor_of
from orchestrator_site.errors import PhasegateError

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Agent]
else:
    _Admin = object


@dataclass(frozen=True, slots=True)
class Deed:
    """Something done with agents: what it is called and means, and whether it cannot be taken back."""

    label: Any
    meaning: Any
    act: Callable[[Agent, Actor, str], object]
    is_final: bool = False


def _force(state: str) -> Callable[[Agent, Actor, str], object]:
    return lambda agent, actor, reason: resilience.force(str(agent.pk), state, actor=actor, reason=reason)


DEEDS = {
    "drain": Deed(
        gettext_lazy("Drain"),
        gettext_lazy("They finish what they have and get nothing new; each is gone when nothing of its runs."),
        lambda agent, actor, reason: registration.drain(agent=agent.pk, actor=actor.name, reason=reason),
    ),
    "resume": Deed(
        gettext_lazy("Resume"),
        gettext_lazy("Those that drain stay, and get steps again from their next heartbeat on."),
        lambda agent, actor, reason: registration.resume(agent=agent.pk, actor=actor.name),
    ),
    "deregister": Deed(
        gettext_lazy("Deregister"),
        gettext_lazy("They are gone at once, and what they run is given to others. Only they themselves come back."),
        lambda agent, actor, reason: registration.deregister(agent=agent.pk, actor=actor.name, reason=reason),
        is_final=True,
    ),
    "force_open": Deed(
        gettext_lazy("Force the circuit open"),
        gettext_lazy("No call goes through to them, until somebody says otherwise."),
        _force("open"),
        is_final=True,
    ),
    "force_closed": Deed(
        gettext_lazy("Force the circuit closed"),
        gettext_lazy("Every call goes through to them, however many fail, until somebody says otherwise."),
        _force("closed"),
        is_final=True,
    ),
    "leave": Deed(
        gettext_lazy("Leave the circuit to itself"),
        gettext_lazy("What was forced is over: failures open it, probes close it."),
        _force("auto"),
    ),
}


class AgentActions(_Admin):
    """The actions of the list."""

    actions = (
        *("drain_selected", "resume_selected", "deregister_selected"),
        *("force_open_selected", "force_closed_selected", "leave_selected"),
    )

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Whether the actions are offered."""
        return actor_of(request.user, via="admin").may("agent.manage")

    @admin.action(description=gettext_lazy("Drain selected"), permissions=["manage"])
    def drain_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> HttpResponse | None:
        """Ask several to leave."""
        return self._ask_then_do(request, queryset, "drain")

    @admin.action(description=gettext_lazy("Resume selected"), permissions=["manage"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        """Have several stay."""
        self._do(request, queryset, "resume")

    @admin.action(description=gettext_lazy("Deregister selected"), permissions=["manage"])
    def deregister_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> HttpResponse | None:
        """Have several be gone."""
        return self._ask_then_do(request, queryset, "deregister")

    @admin.action(description=gettext_lazy("Force circuits open"), permissions=["manage"])
    def force_open_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> HttpResponse | None:
        """Let no call through to several."""
        return self._ask_then_do(request, queryset, "force_open")

    @admin.action(description=gettext_lazy("Force circuits closed"), permissions=["manage"])
    def force_closed_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> HttpResponse | None:
        """Let every call through to several."""
        return self._ask_then_do(request, queryset, "force_closed")

    @admin.action(description=gettext_lazy("Leave circuits to themselves"), permissions=["manage"])
    def leave_selected(self, request: HttpRequest, queryset: QuerySet[Agent]) -> None:
        """End what was forced."""
        self._do(request, queryset, "leave")

    def _ask_then_do(self, request: HttpRequest, queryset: QuerySet[Agent], verb: str) -> HttpResponse | None:
        if "confirmed" in request.POST:
            self._do(request, queryset, verb)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": _("%(verb)s?") % {"verb": DEEDS[verb].label},
            "opts": self.opts,
            "agents": queryset,
            "deed": DEEDS[verb],
            "action": request.POST["action"],
            "checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "admin/agents/agent/confirm.html", context)

    def _do(self, request: HttpRequest, queryset: QuerySet[Agent], verb: str) -> None:
        """Each for itself: one that is gone meanwhile does not stop the others."""
        actor = actor_of(request.user, via="admin")
        reason = request.POST.get("reason", "").strip()[:2000]
        done = 0
        for agent in queryset:
            try:
                DEEDS[verb].act(agent, actor, reason)
                done += 1
            except PhasegateError as error:
                self.message_user(request, str(error), messages.ERROR)
        if done:
            said = ngettext("Done for %(n)d agent.", "Done for %(n)d agents.", done) % {"n": done}
            self.message_user(request, said, messages.SUCCESS)
