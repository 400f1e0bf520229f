"""Every refusal over HTTP as a problem document (RFC 9457), with a stable ``code`` for programs."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from orchestrator_site import database
from orchestrator_site.errors import Forbidden, InvalidInput, NotFound, PhasegateError, Unavailable
from orchestrator_site.observability.middleware import request_id_of
from orchestrator_site.observability.secrets import clean_text

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_API = "/api/"
_RETRY_SECONDS = 2


class DatabaseUnavailable(Unavailable):
    """The database does not answer: try again in a moment."""

    code = "database_unavailable"


class ProblemResponse(Response):
    """A response that says ``problem+json`` where it is JSON; the browsable API stays HTML."""

    @property
    def rendered_content(self) -> Any:
        """The body, with the media type put right on the way."""
        content = super().rendered_content
        if self["Content-Type"].split(";")[0] == "application/json":
            self["Content-Type"] = MEDIA_TYPE
        return content


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's ``EXCEPTION_HANDLER``. None for what nobody foresaw: Django logs it, ``server_error`` answers."""
    told = _as_told(error)
    if told is None:
        return None
    status, body, headers = told
    request = context.get("request")
    if request is not None:
        body |= _of_request(getattr(request, "_request", request))
    set_rollback()
    return ProblemResponse(body, status=status, headers=headers)


def problem(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """A problem document. ``type`` is ``about:blank``: the status says the kind, and ``code`` more."""
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code, **more}


def _as_told(error: Exception) -> tuple[int, dict[str, Any], dict[str, str]] | None:
    if database.is_away(error):
        logger.warning("the database does not answer: %s", error)
        error = DatabaseUnavailable()
    elif isinstance(error, Http404):
        error = NotFound(str(error) or None)
    elif isinstance(error, DjangoPermissionDenied):
        error = Forbidden(str(error) or None)
    elif isinstance(error, DjangoValidationError):
        error = InvalidInput("; ".join(error.messages), errors=list(_flat_django(error)))
    if isinstance(error, PhasegateError):
        return _of_ours(error)
    if isinstance(error, exceptions.APIException):
        return _of_drf(error)
    return None


def _of_ours(error: PhasegateError) -> tuple[int, dict[str, Any], dict[str, str]]:
    body = problem(error.http_status, error.code, error.message)
    headers = {}
    if error.retryable:
        body["retryable"] = True
        headers["Retry-After"] = str(_RETRY_SECONDS)
    if errors := error.details.get("errors"):
        body["errors"] = list(errors)
    return error.http_status, body, headers


def _of_drf(error: exceptions.APIException) -> tuple[int, dict[str, Any], dict[str, str]]:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if isinstance(error, exceptions.ValidationError):
        errors = list(flat(error.detail))
        detail = "; ".join(
            f"{each['field']}: {each['message']}" if each["field"] else each["message"] for each in errors[:5]
        )
        return 422, problem(422, "fields_invalid", detail, errors=errors), headers
    body = problem(error.status_code, _code(error), str(error.detail))
    wait = getattr(error, "wait", None)
    if wait:
        body["retryable"] = True
        headers["Retry-After"] = str(math.ceil(wait))
    return error.status_code, body, headers


def _code(error: exceptions.APIException) -> str:
    code = str(error.get_codes())
    return "forbidden" if code == "permission_denied" else code


def flat(detail: Any, where: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested errors as a list of places and messages: ``documents[0].name``."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from flat(inner, _place(where, name))
    elif isinstance(detail, (list, tuple)):
        for index, inner in enumerate(detail):
            # A list of texts belongs to one value; a list of lists or objects to the items of a list.
            nested = isinstance(inner, (Mapping, list, tuple))
            yield from flat(inner, f"{where}[{index}]" if nested else where)
    else:
        yield {"field": where, "message": str(detail)}


def _place(where: str, name: str | int) -> str:
    if isinstance(name, int):
        return f"{where}[{name}]"
    if name == "non_field_errors":
        return where
    return f"{where}.{name}" if where else name


def _flat_django(error: DjangoValidationError) -> Iterator[dict[str, str]]:
    if not hasattr(error, "error_dict"):
        yield from ({"field": "", "message": message} for message in error.messages)
        return
    for name, messages in error.message_dict.items():
        yield from ({"field": "" if name == "__all__" else name, "message": each} for each in messages)


def _of_request(request: HttpRequest) -> dict[str, str]:
    found = {"instance": clean_text(request.path)}  # answers are logged by those who get them
    if request_id := request_id_of(request):
        found["request_id"] = request_id
    return found


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's ``handler400``."""
    if not _for_api(request):
        return defaults.bad_request(request, exception)
    return _plain(request, 400, "bad_request", "The request is malformed.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's ``handler403``."""
    if not _for_api(request):
        return defaults.permission_denied(request, exception)
    return _plain(request, 403, "forbidden", "You have no right to do this.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's ``handler404``."""
    if not _for_api(request):
        return defaults.page_not_found(request, exception)
    return _plain(request, 404, "not_found", f"There is nothing at {clean_text(request.path)}: see /api/docs/.")


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django's ``handler500``: what nobody foresaw. The log has the rest, under the request's id."""
    if not _for_api(request):
        return defaults.server_error(request)
    return _plain(request, 500, "internal", "Something went wrong here. The log tells what, by the request id.")


def _for_api(request: HttpRequest) -> bool:
    return request.path.startswith(_API)


def _plain(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    body = problem(status, code, detail) | _of_request(request)
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
