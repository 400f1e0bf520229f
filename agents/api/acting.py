"""Acting on one agent of one's own: found, locked as the client has seen it, changed once, told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from rest_framework.response import Response

from agents.api.resource import Resource
from agents.api.serializers import AgentSerializer
from agents.api.standing import lock_as_seen
from agents.errors import AgentNotRegistered
from agents.models import Agent
from agents.services import ownership
from agents.services.ownership import is_name
from agents.services.reading import agent_named
from orchestrator_site.api import idempotency


class OwnAgent(Resource):
    """What can be done with an agent by who registered it, and by who manages all."""

    def act(
        self, agent_id: str, service: Callable[..., Agent], wish: Mapping[str, Any], *, status: int = 200
    ) -> Response:
        """Act on an agent of one's own that is as the client has seen it (``If-Match``), both under one lock."""

        def acted() -> Response:
            own = ownership.find_own(agent_id, self.actor)
            with transaction.atomic():
                lock_as_seen(self.request, own)
                service(agent=own.pk, actor=self.actor.name, **wish)
            return Response(None if status == 204 else AgentSerializer(find(str(own.pk))).data, status=status)

        return idempotency.once(self.request, acted)


def find(name_or_id: str) -> Agent:
    """An agent in whatever state, with its owner. Raises ``AgentNotRegistered``."""
    found = None
    if is_name(name_or_id):
        found = Agent.objects.select_related("ownership__user").filter(**agent_named(name_or_id)).first()
    if found is None:
        raise AgentNotRegistered(f"No agent {name_or_id[:100]!r} is registered.")
    return found
