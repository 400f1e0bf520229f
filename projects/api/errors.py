"""What a request for something of a project can be refused for, before any service is asked."""

from __future__ import annotations

from orchestrator_site.errors import NotFound


class DocumentNotFound(NotFound):
    """The project has no such document."""

    code = "document_not_found"
