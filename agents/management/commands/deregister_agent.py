"""``deregister_agent``: have an agent be gone at once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.management.describing import agent_document
from agents.services import ownership, registration
from orchestrator_site.commanding.output import PhasegateCommand
from orchestrator_site.commanding.people import actor_named


class Command(PhasegateCommand):
    """Deregister an agent."""

    help = "Have an agent be gone at once; what it runs is given to others. To let it finish, use drain_agent."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("agent", help="its name or id")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for its history")
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find it, and have it be gone."""
        actor = actor_named(options["user"])
        own = ownership.find_own(options["agent"], actor)
        agent = registration.deregister(agent=own.pk, actor=actor.name, reason=options["reason"])
        if options["json"]:
            self.write_json({"agent": agent_document(agent)})
        else:
            self.stdout.write(f"Agent {agent.name} is gone.")
