"""The documents of a project: listed, as they were given, and as they were read."""

from __future__ import annotations

from django.db.models import F
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from agents.library.requirements.reading import read_document
from orchestrator_site.api.operations import answered, operation
from orchestrator_site.api.pagination import Order
from orchestrator_site.api.resource import uuid_of
from projects.api import examples
from projects.api.answers import raw
from projects.api.errors import DocumentNotFound
from projects.api.resource import ListResource
from projects.api.serializers.insight import DocumentSerializer
from projects.api.views.insight import Chosen
from projects.models import Document

IN_ORDER = Order("position", ("position", "id"))


class DocumentList(ListResource):
    """`projects/{project_id}/documents`."""

    tag = "documents"

    @operation(
        "documents_list",
        "List the documents of a project",
        "In the order in which they were given; their content has addresses of its own.",
        responses={200: DocumentSerializer(many=True)},
        examples=[answered(examples.DOCUMENT)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """A page of documents."""
        self.query()
        project = self.project(project_id)
        rows = Document.objects.filter(project=project).annotate(content_size=F("content__size"))
        return self.paged(rows, DocumentSerializer, order=IN_ORDER)


class OneDocument(Chosen):
    """What the two views of one document have in common."""

    tag = "documents"

    def document(self, project_id: str, document_id: str) -> Document:
        """The document, with its content. Raises ``ProjectNotFound``, ``DocumentNotFound``."""
        project = self.project(project_id)
        pk = uuid_of(document_id, DocumentNotFound)
        document = Document.objects.select_related("content").filter(project=project, pk=pk).first()
        if document is None:
            raise DocumentNotFound(f"Project {project.pk} has no document {document_id}.")
        return document


class DocumentContent(OneDocument):
    """`projects/{project_id}/documents/{document_id}/content`."""

    @operation(
        "documents_content",
        "Download a document",
        "Byte for byte as it was given, as an attachment.",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, project_id: str, document_id: str) -> HttpResponse:
        """Its bytes."""
        self.query()
        document = self.document(project_id, document_id)
        return raw(bytes(document.content.content), document.media_type, attachment=document.name)


class DocumentText(OneDocument):
    """`projects/{project_id}/documents/{document_id}/text`."""

    @operation(
        "documents_text",
        "Read the text of a document",
        "The text as agents read it: `start` and `end` of a citation are code points of this text.",
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request, project_id: str, document_id: str) -> HttpResponse:
        """Its text."""
        self.query()
        document = self.document(project_id, document_id)
        read = read_document(bytes(document.content.content), name=document.name, media_type=document.media_type)
        return raw(read.text, "text/plain; charset=utf-8")
