"""``ETag``, ``If-None-Match`` and ``If-Match``: reading only what is new, and steering only what one has
seen.

A tag is ``W/"<standing>.<digest>"``. The digest is over the answer, but for what changes with every second.
The standing is over what an operator steers by: state, directive, plan, phases, open approval; it is alike in
the tags of a project, its state and its progress, and it alone counts for ``If-Match``: a step that ended
between looking and pausing is no reason to refuse the pause.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.digests import digest_of
from projects.api.errors import PreconditionFailed
from projects.models import Project
from projects.standing import steered_by

_LENGTH = 16


def standing_of(project: Project) -> str:
    """A digest of what an operator steers by."""
    return digest_of(steered_by(project))[:_LENGTH]


def tagged(request: Request, project: Project, data: Mapping[str, Any], *, passing: Collection[str] = ()) -> Response:
    """The answer with its tag; 304 where the client has it. ``passing`` names what does not count."""
    lasting = {name: value for name, value in data.items() if name not in passing}
    tag = f'W/"{standing_of(project)}.{digest_of(lasting)[:_LENGTH]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or _opaque(tag) in {_opaque(each) for each in known}:
        return Response(status=304, headers=headers)
    return Response(data, headers=headers)


def check_match(request: Request, project: Project) -> None:
    """Raise ``PreconditionFailed`` where the client names a standing that is not the project's any more.

    Call it while the project is locked, or what it says is not true a moment later.
    """
    given = request.headers.get("If-Match")
    if given is None or given.strip() == "*":
        return
    now = standing_of(project)
    if now not in {_opaque(tag).partition(".")[0] for tag in parse_etags(given)}:
        raise PreconditionFailed(
            f"Project {project.pk} has changed since you read it; it is {project.state} now. Read it again."
        )


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/").strip('"')
