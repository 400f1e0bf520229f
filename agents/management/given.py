"""What a person gives on the command line of an agent: places, capabilities, settings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.commanding.output import PhasegateCommand, Usage


class AgentCommand(PhasegateCommand):
    """A command about agents; its ``--version`` is an agent's or a capability's, and not Django's."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """A parser in which an option of ours replaces one of Django's."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)


def coordinates(text: str, *, option: str) -> tuple[float, float]:
    """``52.5,13.4`` as degrees north and east. Raises ``Usage``."""
    north, comma, east = text.partition(",")
    try:
        latitude, longitude = float(north), float(east)
    except ValueError:
        comma = ""
    if not comma or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise Usage(
            f"{option} {text}: give degrees north and east, such as {option}=52.5,13.4, or {option}=-33.9,18.4 "
            "with an equals sign where the first is negative."
        )
    return latitude, longitude


def capability(text: str) -> tuple[str, str]:
    """``pricing.quote:1.2.0`` as name and version; 1.0.0 where none is named. Raises ``Usage``."""
    name, colon, version = text.rpartition(":")
    if not colon:
        name, version = version, "1.0.0"
    if not name or not version:
        raise Usage(f"--capability {text}: give a name, or name:version, such as pricing.quote:1.2.0.")
    return name, version


def settings(pairs: Sequence[str]) -> dict[str, Any]:
    """``name=value`` pairs: a value that is JSON is taken as such, else as text. Raises ``Usage``."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise Usage(f"--setting {pair}: give name=value, such as --setting secret=env:PRICING_SECRET.")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
