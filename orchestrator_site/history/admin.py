"""History in the admin: to be read."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from orchestrator_site.history.models import Event

_UNSEALED = "not sealed yet"


@admin.register(Event)
class EventAdmin(admin.ModelAdmin[Event]):
    """Events, newest first. Nobody adds, changes or removes one here; the database would refuse it too."""

    list_display = ("id", "at", "kind", "subject", "actor", "stream", "place")
    search_fields = ("stream__exact", "kind__startswith", "subject__exact", "actor__startswith")
    search_help_text = "The whole id of a project or subject, or the beginning of a kind or an actor."
    list_select_related = ("seal",)
    ordering = ("-id",)
    # Counting millions of rows for a page would cost more than the page.
    show_full_result_count = False
    list_per_page = 50
    fields = ("id", "stream", "kind", "at", "actor", "subject", "data", "place", "hash")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """With their seals."""
        return super().get_queryset(request).select_related("seal")

    @admin.display(description="place in the chain")
    def place(self, event: Event) -> int | str:
        """The event's number in its stream."""
        return event.seal.seq if hasattr(event, "seal") else _UNSEALED

    @admin.display(description="hash")
    def hash(self, event: Event) -> str:
        """The hash of its link."""
        return bytes(event.seal.hash).hex() if hasattr(event, "seal") else _UNSEALED

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Events are facts of the engine."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        """History is append-only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Event | None = None) -> bool:
        """History is append-only."""
        return False
