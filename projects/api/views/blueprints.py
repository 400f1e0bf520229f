"""Blueprints: listed, read, registered."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django.db.models.fields.json import KeyTextTransform
from django.urls import reverse
from drf_spectacular.utils import OpenApiRequest
from rest_framework.request import Request
from rest_framework.response import Response

from agents.registry import load_agents
from orchestrator_site.api.fields import checked
from orchestrator_site.api.operations import LOCATION, answered, asked, operation
from orchestrator_site.api.parsing import StrictFormParser, StrictJSONParser, TextParser, UploadParser, YamlParser
from orchestrator_site.errors import Forbidden
from projects.api import examples
from projects.api.resource import Resource
from projects.api.serializers.blueprints import (
    BlueprintDetailSerializer,
    BlueprintGivenSerializer,
    BlueprintListSerializer,
)
from projects.api.serializers.projects import BLUEPRINT_NAME
from projects.blueprints.catalogue import load_catalogue
from projects.blueprints.load import Loaded, load_text
from projects.errors import BlueprintNotFound
from projects.models import BlueprintVersion
from projects.services.registration import register_blueprint

_TEXT_SCHEMA = {"type": "string", "description": "The YAML text."}


class Blueprints(Resource):
    """What the two views have in common."""

    tag = "blueprints"

    def check_reader(self) -> None:
        """Blueprints are for who may see them, and for who may start projects of them."""
        if not (self.actor.may("blueprint.read") or self.actor.may("project.start")):
            raise Forbidden("This needs the right blueprint.read.")


class BlueprintList(Blueprints):
    """`blueprints`."""

    rights = {"POST": "blueprint.register"}
    problems = {"POST": (409,)}
    parser_classes = [StrictJSONParser, YamlParser, TextParser, StrictFormParser, UploadParser]
    serializer_class = BlueprintGivenSerializer

    @operation(
        "blueprints_list",
        "List blueprints",
        "The latest version of each, registered or shipped with the product, by name.",
        responses={200: BlueprintListSerializer},
        examples=[answered({"results": [examples.BLUEPRINT]})],
    )
    def get(self, request: Request) -> Response:
        """All of them."""
        self.query()
        self.check_reader()
        return Response(BlueprintListSerializer({"results": list(_latest())}).data)

    @operation(
        "blueprints_register",
        "Register a version of a blueprint",
        "The YAML is checked as a whole: every mistake is named with line and hint. The same text again "
        "gives the same version (200); another text under the same version is refused (409).",
        parameters=[LOCATION],
        request={
            "application/json": BlueprintGivenSerializer,
            "application/yaml": OpenApiRequest(
                _TEXT_SCHEMA, examples=[asked(examples.BLUEPRINT_SOURCE, "yaml", "application/yaml")]
            ),
            "text/plain": OpenApiRequest(_TEXT_SCHEMA),
        },
        responses={200: BlueprintDetailSerializer, 201: BlueprintDetailSerializer},
        examples=[
            asked({"source": examples.BLUEPRINT_SOURCE}),
            answered(examples.BLUEPRINT_DETAIL, 200, 201),
        ],
    )
    def post(self, request: Request) -> Response:
        """Register one."""
        source = checked(BlueprintGivenSerializer, request.data)["source"]
        load_agents()  # aggregations of one's own are known by then
        loaded = load_text(source, origin="blueprint")
        name, version = loaded.blueprint.name, loaded.blueprint.version
        known = BlueprintVersion.objects.filter(name=name, version=version).exists()
        registered = register_blueprint(loaded=loaded)
        place = request.build_absolute_uri(reverse("blueprint", args=[f"{name}@{version}"]))
        data = BlueprintDetailSerializer(_detail(registered)).data
        return Response(data, status=200 if known else 201, headers={"Location": place})


class BlueprintDetail(Blueprints):
    """`blueprints/{name}`."""

    @operation(
        "blueprints_read",
        "Read a blueprint",
        "Its definition as it is understood, its YAML as it was given, and what its inputs have to be.",
        responses={200: BlueprintDetailSerializer},
        examples=[answered(examples.BLUEPRINT_DETAIL)],
    )
    def get(self, request: Request, name: str) -> Response:
        """One blueprint."""
        self.query()
        self.check_reader()
        plain, _, wanted = name.partition("@")
        if re.fullmatch(BLUEPRINT_NAME, name) is None:
            raise BlueprintNotFound(f"{name[:60]!r} is no name of a blueprint.")
        rows = BlueprintVersion.objects.filter(name=plain).order_by("-version")
        row = (rows.filter(version=int(wanted)) if wanted else rows).first()
        shipped = load_catalogue().get(plain)
        known: BlueprintVersion | Loaded | None = row
        if shipped is not None and (not wanted or int(wanted) == shipped.blueprint.version):
            newer = row is None or row.version < shipped.blueprint.version
            known = shipped if newer else row
        if known is None:
            raise BlueprintNotFound(f"There is no blueprint {name!r}.")
        return Response(BlueprintDetailSerializer(_detail(known)).data)


def _latest() -> Iterable[dict[str, Any]]:
    """The latest version of each name; the shipped one where it is newer than what is registered."""
    rows = BlueprintVersion.objects.order_by("name", "-version").distinct("name")
    described = rows.annotate(description=KeyTextTransform("description", "definition"))
    columns = described.values("name", "version", "title", "digest", "description")
    found: dict[str, dict[str, Any]] = {
        row["name"]: {**row, "description": row["description"] or ""} for row in columns
    }
    catalogue = load_catalogue()
    for name, loaded in catalogue.items():
        if name not in found or found[name]["version"] < loaded.blueprint.version:
            found[name] = _summary(loaded)
    for name in sorted(found):
        yield found[name] | {"shipped": name in catalogue}


def _summary(loaded: Loaded) -> dict[str, Any]:
    blueprint = loaded.blueprint
    return {
        "name": blueprint.name,
        "version": blueprint.version,
        "title": blueprint.title,
        "description": blueprint.description,
        "digest": loaded.digest,
    }


def _detail(known: BlueprintVersion | Loaded) -> dict[str, Any]:
    definition = known.blueprint.model_dump(mode="json") if isinstance(known, Loaded) else known.definition
    name = definition["name"]
    versions = BlueprintVersion.objects.filter(name=name).order_by("-version").values_list("version", flat=True)
    return {
        "name": name,
        "version": definition["version"],
        "title": definition["title"],
        "description": definition.get("description") or "",
        "digest": known.digest,
        "shipped": name in load_catalogue(),
        "versions": list(versions),
        "inputs": definition.get("inputs") or {},
        "definition": definition,
        "source": known.source,
    }
