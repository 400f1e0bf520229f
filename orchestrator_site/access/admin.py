"""API keys in the admin: seen and revoked; made by command, since a key is shown once and on no page."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from orchestrator_site.access import services
from orchestrator_site.access.actors import actor_of
from orchestrator_site.access.errors import KeyRefused
from orchestrator_site.access.models import APIKey


@admin.register(APIKey)
class APIKeyAdmin(admin.ModelAdmin[APIKey]):
    """A list to look at, with one thing to do."""

    list_display = (
        "name",
        "prefix",
        "role",
        "user",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    )
    list_filter = ("role", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("name", "prefix", "user__username")
    exclude = ("digest",)
    actions = ("revoke",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """By command alone."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: APIKey | None = None) -> bool:
        """What a key may do is settled when it is made."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: APIKey | None = None) -> bool:
        """Revoked keys stay: history names them."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whether the action is offered."""
        return actor_of(request.user, via="admin").may("access.manage")

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> None:
        """End keys at once."""
        actor = actor_of(request.user, via="admin")
        for key in queryset:
            try:
                services.revoke_key(key_id=key.pk, by=actor)
                self.message_user(request, f"{key} is revoked.", messages.SUCCESS)
            except KeyRefused as refusal:
                self.message_user(request, str(refusal), messages.WARNING)
