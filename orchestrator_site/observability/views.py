"""``/health`` says that the process is alive, ``/ready`` whether it can do its work now."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase

from orchestrator_site.observability.readiness import readiness

_METHODS = ["GET", "HEAD"]


async def health(request: HttpRequest) -> HttpResponseBase:
    """This process answers. It asks nobody: a restart mends no database."""
    if request.method not in _METHODS:
        return HttpResponseNotAllowed(_METHODS)
    return _unkept(JsonResponse({"status": "alive"}))


async def ready(request: HttpRequest) -> HttpResponseBase:
    """200 where every part answers, else 503; the body names each part and why it is not ready."""
    if request.method not in _METHODS:
        return HttpResponseNotAllowed(_METHODS)
    found = await readiness()
    return _unkept(JsonResponse(found.plain(), status=200 if found.ok else 503))


def _unkept(response: JsonResponse) -> JsonResponse:
    response.headers["Cache-Control"] = "no-store"
    return response
