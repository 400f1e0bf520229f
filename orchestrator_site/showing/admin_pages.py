"""Admin pages that only read: what the engine keeps is changed by its services and by nothing else."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orchestrator_site.showing import tags


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """No adding, changing or deleting, for anybody."""

    # Lists show one page of long tables: to count every row for it would cost more than the page.
    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False


class ReadOnlyInline(admin.TabularInline[Any, Any]):
    """Rows beside the one that is shown."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False


def state_of(name: str) -> SafeString:
    """A state as sign and word."""
    return tags.state(name)


def link_to(row: Model | None, text: str = "") -> SafeString | str:
    """A link to the admin page of a row."""
    if row is None:
        return "—"
    meta = row._meta
    address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, tags.seen(text or str(row)))
