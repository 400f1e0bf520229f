"""How the OpenAPI document says that one logs in with an API key."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class APIKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Two ways to send the same key."""

    target_class = "orchestrator_site.access.authentication.APIKeyAuthentication"
    name = ["apiKey", "bearer"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """The two schemes."""
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": "Authorization",
                "description": "`Authorization: Api-Key pg_live_…`, a key of `manage.py create_api_key`.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "pg_live_…",
                "description": "The same key as `Authorization: Bearer pg_live_…`.",
            },
        ]
