"""What could not be done for a project, and is tried again: a row that nobody foresaw, or a mistake of ours."""

from __future__ import annotations

from uuid import UUID

from orchestrator_site.history import services as history
from orchestrator_site.storable import said_by


def note(project_id: UUID, error: Exception, *, actor: str) -> bool:
    """Say in the project's history why it does not move, once for as long as the reason stays the same.

    With the code of its cause, as whoever looks for projects that stand still says it (``standstill``).
    """
    reason = f"{type(error).__name__}: {said_by(error)}"[:500]
    latest = history.events_of(project_id).filter(kind="project.stuck").order_by("-id").first()
    if latest is not None and latest.data.get("reason") == reason:
        return False
    history.append(project_id, "project.stuck", actor=actor, data={"cause": "stuck", "reason": reason})
    return True
