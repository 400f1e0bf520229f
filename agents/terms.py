"""The terms by which agents are found: short texts, one for each thing that can be asked.

All that a query asks of one agent becomes a set of terms, so that one index over sets answers any mix of questions,
and its cost is that of the rarest term, not of the agents that lack it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agents.values import Location


def capability(name: str, version: str | None = None) -> str:
    """That an agent can do something, in any version or in that one."""
    return f"can:{name}" if version is None else f"can:{name}@{version}"


def service(service_type: str) -> str:
    """That it is of a sort."""
    return f"type:{service_type}"


def tag(name: str) -> str:
    """That it has a tag."""
    return f"tag:{name}"


def region(name: str) -> str:
    """That it is in a region."""
    return f"region:{name}"


def zone(where: Location) -> str:
    """That it is in a zone of a region: a zone called ``a`` is another one in each region."""
    return f"zone:{where.region}/{where.zone}"


def transport(name: str) -> str:
    """That it is reached by a transport."""
    return f"by:{name}"


def state(name: str) -> str:
    """That it is in a state. PostgreSQL adds this one, see ``Agent.terms``."""
    return f"state:{name}"


def features(
    *, capabilities: Mapping[str, str], tags: Iterable[str], service_type: str, where: Location, by: str
) -> list[str]:
    """All terms of an agent but that of its state, sorted."""
    found = {transport(by), *map(tag, tags)}
    for name, version in capabilities.items():
        found |= {capability(name), capability(name, version)}
    if service_type:
        found.add(service(service_type))
    if where.region:
        found.add(region(where.region))
    if where.zone:
        found.add(zone(where))
    return sorted(found)


def capabilities_in(found: Iterable[str]) -> dict[str, str]:
    """From name to version, read back from terms: a page of agents needs no second table."""
    pairs = (term.removeprefix("can:").rpartition("@") for term in found if term.startswith("can:") and "@" in term)
    return {name: version for name, _, version in pairs}
