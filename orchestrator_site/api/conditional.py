"""``ETag``, ``If-None-Match`` and ``If-Match``: reading only what is new, and changing only what one has seen.

A tag is ``W/"<standing>.<digest>"``. The digest is over the answer, but for what changes with every second.
The standing is over what one steers by; it may be alike in the tags of several resources, and it alone counts
for ``If-Match``: what happens by itself between looking and steering is no reason to refuse.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.digests import digest_of

_LENGTH = 16


def standing_of(steered_by: Any) -> str:
    """A digest of what one steers by."""
    return digest_of(steered_by)[:_LENGTH]


def tagged(request: Request, data: Mapping[str, Any], *, standing: str, passing: Collection[str] = ()) -> Response:
    """The answer with its tag; 304 where the client has it. ``passing`` names what does not count."""
    lasting = {name: value for name, value in data.items() if name not in passing}
    tag = f'W/"{standing}.{digest_of(lasting)[:_LENGTH]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or _opaque(tag) in {_opaque(each) for each in known}:
        return Response(status=304, headers=headers)
    return Response(data, headers=headers)


def matches(request: Request, standing: str) -> bool:
    """Whether the client, where it names a standing at all, names the present one.

    Call it while what it steers is locked, or what it says is not true a moment later.
    """
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return True
    return standing in {_opaque(tag).partition(".")[0] for tag in parse_etags(given)}


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/").strip('"')
