"""Routes without a trailing slash, that a trailing slash does not break."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern
from django.urls.resolvers import RoutePattern
from django.views import View


class TolerantPattern(RoutePattern):
    """A route that also matches with one slash more; it is written, and shown in the schema, without."""

    def match(self, path: str) -> Any:
        """The match of the path without its last slash."""
        return super().match(path.removesuffix("/"))


def route(pattern: str, view: type[View], name: str) -> URLPattern:
    """An address of the API: ``projects/<str:project_id>/pause``."""
    return URLPattern(TolerantPattern(pattern, name=name, is_endpoint=True), view.as_view(), None, name)
