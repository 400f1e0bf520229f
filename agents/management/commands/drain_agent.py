"""``drain_agent``: have an agent finish what it has and get nothing new, or have it stay."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.management.describing import agent_document
from agents.services import ownership, registration
from orchestrator_site.commanding.output import PhasegateCommand, Usage
from orchestrator_site.commanding.people import actor_named


class Command(PhasegateCommand):
    """Drain an agent."""

    help = "Have an agent finish what it has and get nothing new; with --resume, have one that drains stay."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("agent", help="its name or id")
        parser.add_argument("--resume", action="store_true", help="have it stay")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for its history")
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find it, and ask it."""
        if options["resume"] and options["reason"]:
            raise Usage("--reason says why an agent is asked to leave: it has no place beside --resume.")
        actor = actor_named(options["user"])
        own = ownership.find_own(options["agent"], actor)
        if options["resume"]:
            agent = registration.resume(agent=own.pk, actor=actor.name)
        else:
            agent = registration.drain(agent=own.pk, actor=actor.name, reason=options["reason"])
        if options["json"]:
            self.write_json({"agent": agent_document(agent)})
        elif options["resume"]:
            self.stdout.write(f"Agent {agent.name} stays: it gets steps again from its next heartbeat on.")
        else:
            self.stdout.write(f"Agent {agent.name} drains: it is gone when nothing of its runs.")
