"""Answers that are texts or files of their own, and no JSON of ours.

What they hold comes out of people's documents: the browser is told to run nothing of it, and not to guess its
type.
"""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header

HARMLESS = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def raw(content: str | bytes, media_type: str, *, attachment: str | None = None) -> HttpResponse:
    """The content as it is; ``attachment`` is the file name under which it is to be kept."""
    response = HttpResponse(content, content_type=media_type)
    response["Content-Security-Policy"] = HARMLESS
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-cache"
    if attachment is not None:
        response["Content-Disposition"] = content_disposition_header(True, attachment) or "attachment"
    return response
