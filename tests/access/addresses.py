"""A small API that asks for rights and fails in every way, with the site's own health pages."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import OperationalError
from django.http import Http404
from django.urls import include, path
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from orchestrator_site import errors
from orchestrator_site.access.actors import actor_of_request
from orchestrator_site.access.permissions import Requires

handler404 = "orchestrator_site.problems.not_found"
handler500 = "orchestrator_site.problems.server_error"


class Asking(APIView):
    """Says who asks."""

    def get(self, request: Request) -> Response:
        actor = actor_of_request(request)
        return Response(
            {
                "name": actor.name,
                "via": actor.via,
                "roles": sorted(actor.roles),
                "may": sorted(actor.capabilities),
                "perm": request.user.has_perm("projects.decide_approval"),
            }
        )


def asking_for(capability: str) -> Any:
    class Needing(APIView):
        permission_classes = [Requires(capability)]

        def get(self, request: Request) -> Response:
            return Response({"ok": True})

        def post(self, request: Request) -> Response:
            return Response({"ok": True})

    return Needing.as_view()


class Inner(serializers.Serializer[Any]):
    name = serializers.CharField()


class Outer(serializers.Serializer[Any]):
    title = serializers.CharField()
    documents = Inner(many=True)


FAILURES: dict[str, Any] = {
    "refused": lambda: errors.Refused("It is over."),
    "unavailable": lambda: errors.Unavailable("The agent is away."),
    "invalid": lambda: errors.InvalidInput("bad", errors=[{"field": "a", "message": "b"}]),
    "http404": lambda: Http404("nothing here"),
    "denied": lambda: PermissionDenied("not you"),
    "django": lambda: ValidationError({"title": ["too long"]}),
    "database": lambda: OperationalError("the connection is lost: host=10.1.2.3 password=hidden"),
    "throttled": lambda: exceptions.Throttled(wait=3.2),
    "method": lambda: exceptions.MethodNotAllowed("PUT"),
    "bug": lambda: ZeroDivisionError("a bug"),
}


class Failing(APIView):
    def get(self, request: Request, how: str) -> Response:
        raise FAILURES[how]()

    def post(self, request: Request, how: str) -> Response:
        shape = Outer(data=request.data)
        shape.is_valid(raise_exception=True)
        return Response()


urlpatterns = [
    path("api/asking", Asking.as_view()),
    path("api/start", asking_for("project.start")),
    path("api/decide", asking_for("approval.decide")),
    path("api/manage", asking_for("access.manage")),
    path("api/failing/<str:how>", Failing.as_view()),
    path("", include("orchestrator_site.observability.urls")),
]
