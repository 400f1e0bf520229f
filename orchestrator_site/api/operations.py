"""How an operation is described for the OpenAPI document: one decorator, so that all say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

F = TypeVar("F", bound=Callable[..., Any])

IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="A key of your own for this request, kept 24 hours: the same request with it is done once.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The `ETag` of the project, its state or its progress as read: 412 where it has changed.",
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The `ETag` of what you have: 304 where it is still so.",
)
ETAG = OpenApiParameter(
    "ETag",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="Tells this state from others; for `If-None-Match` and `If-Match`.",
    response=[200],
)
LOCATION = OpenApiParameter(
    "Location", OpenApiTypes.URI, OpenApiParameter.HEADER, description="Where it is.", response=[200, 201]
)
NOT_MODIFIED = OpenApiResponse(None, description="It is as you have it.")


def operation(
    operation_id: str,
    summary: str,
    description: str,
    *,
    responses: Any,
    request: Any = None,
    parameters: Sequence[Any] = (),
    examples: Sequence[OpenApiExample] = (),
) -> Callable[[F], F]:
    """Describe a method of a view."""
    return extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        request={"application/json": request} if isinstance(request, type) else request,
        responses=responses,
        parameters=list(parameters),
        examples=list(examples),
    )


def asked(value: Any, name: str = "request", media_type: str | None = None) -> OpenApiExample:
    """An example of a body."""
    return OpenApiExample(name, value=value, request_only=True, media_type=media_type)


def answered(value: Any, *statuses: int, name: str = "answer") -> OpenApiExample:
    """An example of an answer."""
    return OpenApiExample(
        name, value=value, response_only=True, status_codes=[str(status) for status in statuses or (200,)]
    )
