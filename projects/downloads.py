"""Documents as downloads: what people uploaded is never run or shown as a page of this site."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from projects.models import Document


def as_download(document: Document) -> HttpResponse:
    """The bytes of a document as an attachment of its own name."""
    response = HttpResponse(bytes(document.content.content), content_type="application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(True, document.name) or "attachment"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
