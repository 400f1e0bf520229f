"""Every request has an id: in the answer, in the logs, and in what is written because of it."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from orchestrator_site import clock

HEADER = "X-Request-ID"
# What a proxy may hand us. Anything else is replaced: an id is copied into logs and answers.
_ACCEPTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{7,127}")
_PROBES = frozenset({"/health", "/ready", "/metrics"})

logger = structlog.stdlib.get_logger("phasegate.requests")


class RequestIdMiddleware:
    """Takes ``X-Request-ID`` from the request or makes one, binds it to the logs, and sends it back.

    It also writes one line a request: method, path without its query (which may hold secrets), status, ms.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._async = iscoroutinefunction(get_response)
        if self._async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self._call_async(request) if self._async else self._call(request)

    def _call(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        _bind(request)
        response = cast(HttpResponseBase, self.get_response(request))
        return _finish(request, response, began)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        _bind(request)
        response = await cast(Awaitable[HttpResponseBase], self.get_response(request))
        return _finish(request, response, began)


def request_id_of(request: HttpRequest) -> str:
    """The id of a request; empty for one that did not pass the middleware."""
    return str(getattr(request, "request_id", ""))


def _bind(request: HttpRequest) -> None:
    given = request.headers.get(HEADER, "")
    request_id = given if _ACCEPTABLE.fullmatch(given) else str(clock.new_id())
    request.request_id = request_id  # type: ignore[attr-defined]
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def _finish(request: HttpRequest, response: HttpResponseBase, began: float) -> HttpResponseBase:
    response.headers[HEADER] = request_id_of(request)
    say = logger.debug if request.path in _PROBES else logger.info
    say(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        ms=round((time.perf_counter() - began) * 1000, 1),
    )
    structlog.contextvars.clear_contextvars()
    return response
