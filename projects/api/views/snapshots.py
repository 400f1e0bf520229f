"""Snapshots of other installations."""

from __future__ import annotations

from typing import IO, Any
from uuid import UUID

from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import idempotency
from orchestrator_site.api.operations import IDEMPOTENCY_KEY, LOCATION, answered, asked, operation
from orchestrator_site.api.pagination import Order
from orchestrator_site.api.parsing import read_limited
from orchestrator_site.api.resource import uuid_of
from projects.api import examples
from projects.api.resource import ListResource, Resource
from projects.api.serializers.checkpoints import (
    ImportedSnapshotDetailSerializer,
    ImportedSnapshotSerializer,
    SnapshotImportedSerializer,
)
from projects.errors import SnapshotNotFound
from projects.models import ImportedSnapshot
from projects.services import importing

LATEST_FIRST = Order("-id", ("-id",))


class SnapshotParser(BaseParser):
    """The document as it came: its numbers must not change on the way to where its digest is checked."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> dict[str, str]:
        """Its text. Raises ``BodyTooLarge``, ``BodyMalformed``."""
        return {"text": read_limited(stream).decode_text()}


class SnapshotList(ListResource):
    """`snapshots`."""

    tag = "results"
    rights = {"GET": "project.read", "POST": "project.start"}
    parser_classes = [SnapshotParser]

    @operation(
        "snapshots_list",
        "List imported snapshots",
        "Snapshots of projects of other installations, the latest imported first.",
        responses={200: ImportedSnapshotSerializer(many=True)},
        examples=[answered(examples.IMPORTED)],
    )
    def get(self, request: Request) -> Response:
        """A page of snapshots."""
        self.query()
        rows = ImportedSnapshot.objects.defer("content")
        return self.paged(rows, ImportedSnapshotSerializer, order=LATEST_FIRST)

    @operation(
        "snapshots_import",
        "Import a snapshot",
        "Keeps a snapshot of another installation, as `GET projects/{project_id}/snapshot` gave it there, to be looked "
        "at. Its format, shape, digest and the chain of its history are checked. The same one is kept once: 200.",
        parameters=[IDEMPOTENCY_KEY, LOCATION],
        request=OpenApiTypes.OBJECT,
        responses={200: SnapshotImportedSerializer, 201: SnapshotImportedSerializer},
        examples=[
            asked(examples.SNAPSHOT),
            answered(examples.IMPORTED | {"existing": False, "sealed_events": 12}, 201, name="imported"),
            answered(examples.IMPORTED | {"existing": True, "sealed_events": 12}, 200, name="found"),
        ],
    )
    def post(self, request: Request) -> Response:
        """Keep it."""
        given: Any = request.data
        text = str(given["text"])

        def kept() -> Response:
            imported = importing.import_snapshot(document=text, actor=self.actor)
            told = {
                "existing": not imported.is_new,
                "sealed_events": imported.history.sealed if imported.history is not None else None,
            }
            place = request.build_absolute_uri(reverse("snapshot", args=[imported.snapshot.pk]))
            return Response(
                ImportedSnapshotSerializer(imported.snapshot).data | told,
                status=201 if imported.is_new else 200,
                headers={"Location": place},
            )

        return idempotency.once(request, kept)


class SnapshotDetail(Resource):
    """`snapshots/{snapshot_id}`."""

    tag = "results"
    rights = {"GET": "project.read"}

    @operation(
        "snapshots_read",
        "Read an imported snapshot",
        "Whole, as it came.",
        responses={200: ImportedSnapshotDetailSerializer},
        examples=[answered(examples.IMPORTED | {"document": examples.SNAPSHOT})],
    )
    def get(self, request: Request, snapshot_id: str) -> Response:
        """One snapshot."""
        self.query()
        wanted: UUID = uuid_of(snapshot_id, SnapshotNotFound)
        snapshot = importing.find_imported(snapshot_id=wanted)
        return Response(ImportedSnapshotSerializer(snapshot).data | {"document": importing.read(snapshot)})
