"""Finding projects and approvals by what a person types: an id, or its last digits."""

from __future__ import annotations

from uuid import UUID

from django.db.models import CharField
from django.db.models.functions import Cast

from orchestrator_site.access.actors import Actor
from orchestrator_site.commanding.output import Usage
from projects.errors import ApprovalNotFound, ProjectNotFound
from projects.models import Approval, Project
from projects.services import control

_SHORTEST = 4  # digits; fewer would fit too many


class AmbiguousId(Usage):
    """The digits fit more than one."""

    code = "ambiguous_id"


def project_of(text: str, actor: Actor) -> Project:
    """The project of an id or of its last digits. Raises ``ProjectNotFound``, ``AmbiguousId``."""
    try:
        return control.find_project(project_id=text, actor=actor)
    except ProjectNotFound:
        fitting = _ending(Project.objects.visible_to(actor), text)
        if len(fitting) > 1:
            raise AmbiguousId(_ambiguous(text, fitting)) from None
        raise ProjectNotFound(f"There is no project {text!r}. `list_projects` shows those there are.") from None


def approval_of(text: str) -> Approval:
    """The approval of an id or of its last digits. Raises ``ApprovalNotFound``, ``AmbiguousId``."""
    try:
        fitting = list(Approval.objects.filter(pk=UUID(text)).values_list("pk", flat=True))
    except ValueError:
        fitting = _ending(Approval.objects.all(), text)
    if len(fitting) > 1:
        raise AmbiguousId(_ambiguous(text, fitting))
    if not fitting:
        raise ApprovalNotFound(f"There is no approval {text!r}. `approve --project ID` takes the one that is open.")
    return Approval.objects.select_related("project__blueprint", "phase").get(pk=fitting[0])


def _ending(rows: object, text: str) -> list[UUID]:
    """The ids that end in some digits, three at most."""
    digits = text.lower()
    if len(digits) < _SHORTEST or set(digits) - set("0123456789abcdef-"):
        return []
    found = rows.annotate(_text=Cast("pk", CharField())).filter(_text__endswith=digits)  # type: ignore[attr-defined]
    return list(found.values_list("pk", flat=True)[:3])


def _ambiguous(text: str, fitting: list[UUID]) -> str:
    some = ", ".join(str(each) for each in fitting[:2])
    return f"{text!r} fits more than one ({some}{', …' if len(fitting) > 2 else ''}): give more digits."
