"""Blueprint versions, documents and workers in the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from orchestrator_site import clock
from orchestrator_site.conf import conf
from orchestrator_site.showing.admin_pages import ReadOnlyAdmin, link_to
from projects.admin.steps import OfVisibleProjects
from projects.downloads import as_download
from projects.models import BlueprintVersion, Document, Worker


@admin.register(BlueprintVersion)
class BlueprintVersionAdmin(ReadOnlyAdmin):
    """A blueprint as it was given: running projects stand on it, so it never changes."""

    list_display = ("name", "version", "title", "short_digest", "created_at")
    search_fields = ("name", "title")
    ordering = ("name", "-version")
    readonly_fields = ("yaml",)
    fields = ("name", "version", "title", "digest", "created_at", "yaml")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BlueprintVersion]:
        """Without the definition, which the source says better."""
        return super().get_queryset(request).defer("definition")

    @admin.display(description=gettext_lazy("digest"))
    def short_digest(self, version: BlueprintVersion) -> str:
        """The first twelve digits."""
        return version.digest[:12]

    @admin.display(description=gettext_lazy("source"))
    def yaml(self, version: BlueprintVersion) -> SafeString:
        """The YAML, byte for byte."""
        return format_html("<pre>{}</pre>", version.source)


@admin.register(Document)
class DocumentAdmin(OfVisibleProjects):
    """A document that a project was given, to be downloaded."""

    list_display = ("name", "media_type", "project_link", "created_at", "download")
    list_select_related = ("project",)
    search_fields = ("name", "project__title")
    ordering = ("-id",)
    readonly_fields = ("project_link", "digest", "download")
    fields = ("name", "media_type", "project_link", "position", "digest", "created_at", "download")

    def get_urls(self) -> list[Any]:
        """The download beside the ordinary pages."""
        view = self.admin_site.admin_view(self.download_view)
        return [
            path("<uuid:document_id>/download", view, name="projects_document_download"),
            *super().get_urls(),
        ]

    def download_view(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        """The bytes, as a file to be kept and never as a page."""
        document = self.get_queryset(request).select_related("content").filter(pk=document_id).first()
        if document is None or not self.has_view_permission(request, document):
            raise Http404
        return as_download(document)

    @admin.display(description=gettext_lazy("project"))
    def project_link(self, document: Document) -> SafeString | str:
        """Its project."""
        return link_to(document.project)

    @admin.display(description="SHA-256")
    def digest(self, document: Document) -> str:
        """Over the bytes."""
        return document.content_id

    @admin.display(description=gettext_lazy("download"))
    def download(self, document: Document) -> SafeString:
        """A link to the bytes."""
        address = reverse("admin:projects_document_download", args=[document.pk])
        return format_html('<a href="{}">{}</a>', address, _("download"))


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """The processes that claim steps."""

    list_display = ("name", "host", "pid", "pools", "alive", "started_at", "seen_at")
    search_fields = ("name", "host")
    ordering = ("-seen_at",)

    @admin.display(description=gettext_lazy("alive"), boolean=True)
    def alive(self, worker: Worker) -> bool:
        """Whether it said so within the length of a lease."""
        return clock.now() - worker.seen_at < timedelta(seconds=conf().lease_seconds)
