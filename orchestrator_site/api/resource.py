"""The base of every view: who asks, what they may, and how the answer is negotiated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

import uritemplate
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orchestrator_site.access.actors import Actor, actor_of_request
from orchestrator_site.access.permissions import Requires
from orchestrator_site.api.browsing import renderers
from orchestrator_site.api.errors import BodyTooLarge, ParametersInvalid
from orchestrator_site.api.fields import StrictSerializer, checked
from orchestrator_site.api.pagination import CursorPages, Order, limit_of, links, page_of
from orchestrator_site.api.parsing import StrictFormParser, StrictJSONParser, UploadParser
from orchestrator_site.api.schema import ApiSchema
from orchestrator_site.api.selection import only
from orchestrator_site.errors import PhasegateError

PAGING = frozenset({"cursor", "limit"})


class Negotiation(DefaultContentNegotiation):
    """By ``Accept`` alone: the parameter ``format`` is a report's, and not DRF's choice of a renderer."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        """The renderer, and the media type it is to name."""
        return super().select_renderer(_WithoutFormat(request), renderers, format_suffix)  # type: ignore[arg-type]


class _WithoutFormat:
    """A request as far as negotiation reads it, with no query."""

    def __init__(self, request: Request) -> None:
        self.META = request.META
        self.headers = request.headers
        self.query_params: dict[str, str] = {}


class Nothing(StrictSerializer):
    """No parameters."""


class Resource(APIView):
    """A resource: a tag in the documentation, a right for each method that asks for one, its refusals.

    ``path_parameters`` gives for each variable of a path its description and schema; ``refusals`` for a status
    the code and the detail that its example shows, where the general ones would say too little. ``never`` are
    refusals of others that it does not know.
    """

    schema = ApiSchema()
    tag: ClassVar[str] = ""
    rights: ClassVar[Mapping[str, str]] = {}
    problems: ClassVar[Mapping[str, Sequence[int]]] = {}
    path_parameters: ClassVar[Mapping[str, tuple[str, Mapping[str, Any]]]] = {}
    refusals: ClassVar[Mapping[int, tuple[str, str]]] = {}
    never: ClassVar[frozenset[int]] = frozenset()
    serializer_class: type[serializers.Serializer[Any]] | None = None
    form_class: type[serializers.Serializer[Any]] | None = None
    as_text = False
    parser_classes = [StrictJSONParser, StrictFormParser, UploadParser]
    renderer_classes = renderers()
    content_negotiation_class = Negotiation

    def get_permissions(self) -> list[Any]:
        """Everybody who is known; and the right that the method asks for."""
        wanted: list[type[BasePermission]] = [IsAuthenticated]
        method = getattr(self.request, "method", None) or ""
        if method in self.rights:
            wanted.append(Requires(self.rights[method]))
        return [permission() for permission in wanted]

    def handle_exception(self, exc: Exception) -> Any:
        """As problems: mistakes with their places, and bodies beyond Django's limits too."""
        if isinstance(exc, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
            exc = BodyTooLarge(f"The body is larger than this server takes: {exc}")
        elif isinstance(exc, PhasegateError):
            _place_mistakes(exc)
        return super().handle_exception(exc)

    def get_serializer(self, *args: Any, **options: Any) -> serializers.Serializer[Any]:
        """The shape of the body, from which the browsable API makes its forms."""
        shape = self.serializer_class if self.as_text else self.form_class or self.serializer_class
        return (shape or Nothing)(*args, **options)

    @staticmethod
    def kwargs_of_path(path: str) -> list[str]:
        """The variables of a path of the OpenAPI document."""
        return sorted(uritemplate.variables(path))

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return actor_of_request(self.request)

    def query(self, shape: type[serializers.Serializer[Any]] = Nothing) -> dict[str, Any]:
        """The parameters of the query. Raises ``ParametersInvalid`` naming the unknown and the wrong."""
        given = self.request.query_params.copy()
        for name in PAGING - set(shape().fields):
            given.pop(name, None)
        return checked(shape, given, refusal=ParametersInvalid)


class ListResource(Resource):
    """A list in cursor pages."""

    pagination_class = CursorPages

    @staticmethod
    def paging() -> list[OpenApiParameter]:
        """The parameters of a page, for what has one beside other things."""
        return [
            OpenApiParameter(each["name"], each["schema"], description=each["description"])
            for each in CursorPages().get_schema_operation_parameters(None)
        ]

    def paged(
        self,
        rows: QuerySet[Any],
        shape: type[serializers.Serializer[Any]],
        *,
        order: Order,
        fields: Collection[str] | None = None,
        told: Callable[[Sequence[Any]], Sequence[Any]] | None = None,
    ) -> Response:
        """The page that is asked for, its rows in shape; with ``fields`` those only.

        ``told`` makes of the rows of the page what is shown, where that is more than their columns.
        """
        page = page_of(rows, order, limit=limit_of(self.request), cursor=self.request.query_params.get("cursor"))
        shown = shape(page.rows if told is None else told(page.rows), many=True).data
        return Response({**links(self.request, page), "results": [only(row, fields) for row in shown]})


def uuid_of(text: str, refusal: type[Exception]) -> UUID:
    """The id that a path holds. Raises ``refusal`` where it is none: there cannot be such a thing."""
    try:
        return UUID(text)
    except ValueError:
        raise refusal(f"{text[:60]!r} is no id.") from None


def _place_mistakes(error: PhasegateError) -> None:
    """Blueprints, inputs, forms and settings name their mistakes as ``problems``; here they are ``errors``."""
    if "errors" not in error.details and (mistakes := error.details.get("problems")):
        error.details["errors"] = [_placed(each) for each in mistakes]


def _placed(mistake: Mapping[str, Any] | str) -> dict[str, Any]:
    """A mistake with its place, or one that says it in its words: ``url: Field required``."""
    if isinstance(mistake, str):
        field, colon, message = mistake.partition(": ")
        return {"field": field, "message": message} if colon else {"field": "", "message": mistake}
    placed = {"field": mistake["path"], "message": mistake["message"]}
    return placed | {name: mistake[name] for name in ("line", "column", "hint") if mistake[name]}
