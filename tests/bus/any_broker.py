"""What the tests of any broker share: an event to publish, and the type of what makes buses."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator_site.bus.bus import Bus
from orchestrator_site.bus.events import Event

MakeBus = Callable[..., Bus]


def completed(number: int = 1) -> Event:
    """A project has been completed."""
    return Event("project.completed", {"n": number}, topic=f"project.p{number}.completed")
