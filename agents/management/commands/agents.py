"""``agents``: those that are registered, by what they can do and how they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from agents.discovery import Query
from agents.management.describing import agent_document, agents_table
from agents.management.given import AgentCommand, coordinates
from agents.services.listing import LIVE, agents_of, gone
from agents.states import AgentState
from agents.values import Location
from orchestrator_site.commanding.output import Usage


class Command(AgentCommand):
    """List agents."""

    help = "List registered agents: the nearest first where a place is given, then the healthiest and least loaded."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("--capability", metavar="C", help="that can do this")
        parser.add_argument("--version", metavar="SPEC", help="a range of the capability's versions: '>=1.2,<2'")
        parser.add_argument("--tag", action="append", default=[], metavar="T", help="with this tag; repeat for more")
        parser.add_argument("--service-type", metavar="TYPE", help="of this sort of service")
        parser.add_argument("--state", choices=[state.value for state in AgentState], help="in this state only")
        parser.add_argument("--near", metavar="LAT,LON", help="degrees north and east: the nearest first")
        parser.add_argument("--region", default="", help="those of this region first")
        parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most N (default: 50)")

    def handle(self, *_: Any, **options: Any) -> None:
        """Ask, and tell."""
        if options["limit"] < 1:
            raise Usage(f"--limit {options['limit']}: give a number from 1.")
        query = _query(options)
        if options["state"] == AgentState.GONE:
            found = gone(query, options["limit"])
        else:
            found = agents_of(query, options["limit"])
        if options["json"]:
            self.write_json({"agents": [agent_document(agent) for agent in found]})
        elif found:
            self.stdout.write(agents_table(found, terminal=self.stdout.isatty()))
        else:
            self.stdout.write("No agent fits." if _narrowed(options) else "No agent is registered.")
            self.note("Agents of this product's own code register when a worker starts; others by register_agent.")


def _query(options: Mapping[str, Any]) -> Query:
    if options["version"] and not options["capability"]:
        raise Usage(f"--version {options['version']} is a range of a capability's versions: give --capability too.")
    if options["state"] == AgentState.GONE and (options["version"] or options["near"] or options["region"]):
        raise Usage("--state gone cannot be asked with --version, --near or --region: who is gone is nowhere.")
    latitude, longitude = coordinates(options["near"], option="--near") if options["near"] else (None, None)
    somewhere = bool(options["near"] or options["region"])
    return Query(
        capability=options["capability"],
        versions=options["version"] or "",
        service_type=options["service_type"],
        all_tags=frozenset(options["tag"]),
        near=Location(options["region"], "", latitude, longitude) if somewhere else None,
        states=_states(options["state"]),
    )


def _states(name: str | None) -> frozenset[AgentState]:
    """Those that the registry is asked for; of those that are gone it is not."""
    return LIVE if name in (None, AgentState.GONE) else frozenset({AgentState(name)})


def _narrowed(options: Mapping[str, Any]) -> bool:
    return any(options[name] for name in ("capability", "tag", "service_type", "state"))
