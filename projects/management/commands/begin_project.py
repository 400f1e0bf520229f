"""``begin_project``: begin what was made to be begun later."""

from __future__ import annotations

from django.core.management.base import CommandParser

from orchestrator_site.access.roles import Capability
from projects.management.steering import SteeringCommand


class Command(SteeringCommand):
    """Begin projects."""

    verb = "start"
    right = Capability.PROJECT_START
    help = "Begin projects that were made with start_project --later; many at once are begun, and done, together."

    def add_reason(self, parser: CommandParser) -> None:
        """A beginning has none: the project itself says what it is for."""
