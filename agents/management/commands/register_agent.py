"""``register_agent``: make an agent known that is reached over the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from agents.api.serializers import REGISTRABLE
from agents.management import given
from agents.management.describing import agent_document, agent_line
from agents.services import ownership
from agents.services.registration import Outcome
from agents.values import Location, TransportName
from orchestrator_site.commanding.output import Usage
from orchestrator_site.commanding.people import actor_named

_ADDRESS = {TransportName.HTTP.value: "url", TransportName.LLM.value: "base_url"}
_SAID = {
    Outcome.CREATED: "Registered",
    Outcome.CHANGED: "Changed",
    Outcome.RETURNED: "Back again",
    Outcome.UNCHANGED: "Registered so already",
}


class Command(given.AgentCommand):
    """Register an agent."""

    help = "Register an agent that is reached over the network; the same name again replaces its description."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("name", help="unique; steps may name it")
        parser.add_argument("--transport", required=True, choices=list(REGISTRABLE), help="how it is reached")
        parser.add_argument("--url", required=True, help="its address; of an llm, without /chat/completions")
        parser.add_argument("--version", default="1.0.0", metavar="V", help="of the agent (default: 1.0.0)")
        parser.add_argument(
            "--capability",
            action="append",
            default=[],
            metavar="NAME[:VERSION]",
            help="what it can do; repeatable",
        )
        parser.add_argument("--tag", action="append", default=[], metavar="T", help="a tag; repeat for more")
        parser.add_argument(
            "--setting", action="append", default=[], metavar="NAME=VALUE", help="of its transport; JSON, or a text"
        )
        parser.add_argument("--description", default="", metavar="TEXT", help="what it is, for people")
        parser.add_argument("--service-type", default="", metavar="TYPE", help="what sort of service it is")
        parser.add_argument("--region", default="", help="where it runs")
        parser.add_argument("--zone", default="", help="where in the region")
        parser.add_argument("--at", metavar="LAT,LON", help="where on earth, in degrees north and east")
        parser.add_argument("--weight", type=float, default=1.0, help="more is preferred (default: 1)")
        parser.add_argument("--priority", type=int, default=0, help="more is preferred (default: 0)")
        parser.add_argument("--max-concurrency", type=int, metavar="N", help="steps at once; default: the setting's")
        parser.add_argument("--cost", type=float, default=0.0, help="of one call, in the currency of budgets")
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's, and nobody's own")

    def handle(self, *_: Any, **options: Any) -> None:
        """Register it, and tell what that did."""
        done = ownership.register(
            by=actor_named(options["user"]),
            name=options["name"],
            transport=options["transport"],
            version=options["version"],
            description=options["description"],
            service_type=options["service_type"],
            settings=_settings(options),
            capabilities=_capabilities(options["capability"]),
            tags=options["tag"],
            location=_location(options),
            weight=options["weight"],
            priority=options["priority"],
            max_concurrency=options["max_concurrency"],
            cost_per_call=options["cost"],
        )
        if options["json"]:
            self.write_json({"agent": agent_document(done.agent), "outcome": done.outcome.value})
            return
        self.stdout.write(f"{_SAID[done.outcome]}: {agent_line(done.agent)}")
        self.note(
            "It gets steps from now on, for as long as it sends heartbeats, or answers when it is asked; "
            "see docs/how-to/register-agents.md."
        )


def _settings(options: Mapping[str, Any]) -> dict[str, Any]:
    address = _ADDRESS[options["transport"]]
    settings = given.settings(options["setting"])
    if address in settings:
        raise Usage(f"--setting {address}=… says what --url says: give one of the two.")
    return {address: options["url"], **settings}


def _capabilities(texts: list[str]) -> dict[str, str]:
    pairs = [given.capability(text) for text in texts]
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Usage(f"--capability {twice} is given twice: an agent offers one version of a capability.")
    return dict(pairs)


def _location(options: Mapping[str, Any]) -> Location:
    latitude, longitude = given.coordinates(options["at"], option="--at") if options["at"] else (None, None)
    return Location(options["region"], options["zone"], latitude, longitude)
