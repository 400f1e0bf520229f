"""The base of this application's views, and how its lists go on."""

from __future__ import annotations

from typing import Any

from orchestrator_site.api import resource
from orchestrator_site.api.pagination import CursorPages


class Resource(resource.Resource):
    """A resource of agents."""

    tag = "agents"
    path_parameters = {
        "agent_id": ("The id of an agent (UUIDv7), or its name.", {"type": "string"}),
    }
    refusals = {
        403: ("agent_not_yours", "Agent 'pricing' was registered by somebody else. Take another name, …"),
        404: ("agent_not_registered", "No agent pricing is registered."),
        409: ("agent_state_refused", "Agent 'pricing' is healthy: only one that drains can be resumed."),
        410: ("agent_gone", "Agent 'pricing' is gone: register it again."),
        412: ("precondition_failed", "Agent 'pricing' has changed since you read it: read it again."),
        422: ("agent_invalid", "'no name' cannot be the name of an agent: up to 100 letters, digits and …"),
    }


class ForwardPages(CursorPages):
    """Pages that only go on: the best agents come first, and that order changes between two pages."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The envelope of every list; ``previous`` is always null."""
        told = super().get_paginated_response_schema(schema)
        following = told["properties"]["next"]
        following["example"] = str(following["example"]).replace("/projects?", "/agents?")
        told["properties"]["previous"] = {"type": "null", "example": None}
        return told
