"""Checkpoints and imported snapshots in the admin: lists to look at. Going back is done where its preview is seen."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orchestrator_site.showing import tags
from orchestrator_site.showing.admin_pages import ReadOnlyAdmin, link_to
from projects.admin.steps import OfVisibleProjects
from projects.models import Checkpoint, ImportedSnapshot


@admin.register(Checkpoint)
class CheckpointAdmin(OfVisibleProjects):
    """When and why it was taken, and under which digest."""

    list_display = ("number", "occasion", "said", "project_link", "event", "plan_version", "taken_at")
    list_filter = ("occasion",)
    list_select_related = ("project",)
    search_fields = ("project__title", "label")
    ordering = ("-id",)
    readonly_fields = ("project_link", "said")
    fields = (
        "number",
        "occasion",
        "said",
        "project_link",
        "author",
        "event",
        "plan_version",
        "sha256",
        "size",
        "encoding",
        "taken_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Checkpoint]:
        """Without what they hold."""
        return super().get_queryset(request).defer("content")

    @admin.display(description=gettext_lazy("label"))
    def said(self, checkpoint: Checkpoint) -> SafeString:
        """The label, as people or phases gave it."""
        return tags.seen(checkpoint.label)

    @admin.display(description=gettext_lazy("project"))
    def project_link(self, checkpoint: Checkpoint) -> SafeString | str:
        """Its project."""
        return link_to(checkpoint.project)


@admin.register(ImportedSnapshot)
class ImportedSnapshotAdmin(ReadOnlyAdmin):
    """A snapshot of another installation, with a link to its page."""

    list_display = ("name", "project_id", "taken_at", "imported_by", "imported_at", "page")
    search_fields = ("title", "project_id", "sha256")
    ordering = ("-imported_at",)
    readonly_fields = ("name", "page")
    fields = ("name", "project_id", "sha256", "taken_at", "imported_by", "imported_at", "page")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportedSnapshot]:
        """Without the documents."""
        return super().get_queryset(request).defer("content")

    @admin.display(description=gettext_lazy("title"), ordering="title")
    def name(self, snapshot: ImportedSnapshot) -> SafeString:
        """The project's title, whatever letters it holds."""
        return tags.seen(snapshot.title)

    @admin.display(description=gettext_lazy("page"))
    def page(self, snapshot: ImportedSnapshot) -> SafeString:
        """Where it is looked at."""
        address = reverse("dashboard:imported", args=[snapshot.pk])
        return format_html('<a href="{}">{}</a>', address, _("look at it"))
