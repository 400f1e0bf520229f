"""Agents for people at a terminal, and the same as documents for programs."""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents import terms
from agents.api.serializers import AgentSerializer
from agents.models import Agent
from orchestrator_site import clock
from orchestrator_site.showing.tags import duration
from orchestrator_site.showing.visible import one_line

_WIDE = 160  # columns, where nobody looks: nothing is to be folded for who reads lines
_COLOURS = {"healthy": "green", "degraded": "yellow", "unhealthy": "red", "draining": "yellow", "gone": "bright_black"}


def agent_document(agent: Agent) -> dict[str, Any]:
    """An agent for programs: what REST says of it."""
    return dict(AgentSerializer(agent).data)


def agent_line(agent: Agent) -> str:
    """An agent in one line."""
    offers = ", ".join(capabilities_of(agent)) or "no capability"
    return one_line(f"{agent.name} {agent.version} ({agent.transport}, {agent.state}): {offers}. Id {agent.pk}")


def capabilities_of(agent: Agent) -> list[str]:
    """What it can do, each with its version."""
    return [f"{name} {version}" for name, version in sorted(terms.capabilities_in(agent.features).items())]


def agents_table(agents: Iterable[Agent], *, terminal: bool) -> str:
    """A table of agents: in colours and as wide as it is on a terminal, else plain and wide."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold" if terminal else "")
    for heading in ("Name", "Version", "State"):
        table.add_column(heading, overflow="fold")
    table.add_column("Health", justify="right")
    table.add_column("Load", justify="right")
    table.add_column("Transport")
    table.add_column("Capabilities", overflow="fold", ratio=1 if terminal else None)
    table.add_column("Heard", justify="right", no_wrap=True)
    for agent in agents:
        table.add_row(*_cells(agent, terminal=terminal))
    out = StringIO()
    console = Console(
        file=out, highlight=False, force_terminal=terminal or None, width=None if terminal else _WIDE, soft_wrap=False
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").splitlines()) + "\n"


def _cells(agent: Agent, *, terminal: bool) -> tuple[Text, ...]:
    """Text, so that nothing in a name is taken for a mark-up, and one line each, so that none steers the terminal."""
    colour = _COLOURS.get(agent.state, "") if terminal else ""
    silence = max(0.0, (clock.now() - agent.heard_at).total_seconds())
    return (
        Text(one_line(agent.name), style="bold" if terminal else ""),
        Text(one_line(agent.version)),
        Text(agent.state, style=colour),
        Text(f"{agent.health:.2f}"),
        Text(f"{agent.load:.2f}"),
        Text(agent.transport),
        Text(one_line(", ".join(capabilities_of(agent)) or "—")),
        Text(f"{duration(silence)} ago"),
    )
