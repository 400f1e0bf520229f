"""Who asks, and what a view asks of them."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from orchestrator_site.access.actors import Actor, actor_of


def actor_of_request(request: Request) -> Actor:
    """The actor behind a request, by session or by API key."""
    return actor_of(request.user, via="api")


def requirement(verb: str) -> type[BasePermission]:
    """The permission class that asks for a right."""
    return BasePermission
