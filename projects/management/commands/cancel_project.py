"""``cancel_project``: end a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from projects.management.steering import SteeringCommand


class Command(SteeringCommand):
    """Cancel projects."""

    verb = "cancel"
    help = "End projects and those below them: nothing starts any more, and each is over once what runs has ended."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        super().add_arguments(parser)
        parser.add_argument("--force", action="store_true", help="refuse the results of running steps")
        parser.add_argument("--cleanup", action="store_true", help="also remove its knowledge graph")

    def options_of(self, options: Mapping[str, Any]) -> dict[str, bool]:
        """What it asks beside the reason."""
        return {"force": options["force"], "cleanup": options["cleanup"]}
