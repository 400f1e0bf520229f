"""The tags of projects: one standing for a project, its state and its progress.

It is over what an operator steers by: state, directive, plan, phases, open approval. A step that ended between
looking and pausing is no reason to refuse the pause.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from orchestrator_site.api import conditional
from orchestrator_site.api.errors import PreconditionFailed
from projects.models import Project
from projects.standing import steered_by


def standing_of(project: Project) -> str:
    """A digest of what an operator steers by."""
    return conditional.standing_of(steered_by(project))


def tagged(request: Request, project: Project, data: Mapping[str, Any], *, passing: Collection[str] = ()) -> Response:
    """The answer with its tag; 304 where the client has it. ``passing`` names what does not count."""
    return conditional.tagged(request, data, standing=standing_of(project), passing=passing)


def check_match(request: Request, project: Project) -> None:
    """Raise ``PreconditionFailed`` where the client names a standing that is not the project's any more.

    Call it while the project is locked, or what it says is not true a moment later.
    """
    if not conditional.matches(request, standing_of(project)):
        raise PreconditionFailed(
            f"Project {project.pk} has changed since you read it; it is {project.state} now. Read it again."
        )
