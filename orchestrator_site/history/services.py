from typing import Any
from uuid import UUID
from orchestrator_site.history.models import Event
def append(stream: UUID, kind: str, *, actor: str, subject: str = "", data: Any = None) -> None:
    Event.objects.create(stream=stream, kind=kind, actor=actor, subject=subject, data=data or {})
def events_of(stream: UUID):
    return Event.objects.filter(stream=stream)
