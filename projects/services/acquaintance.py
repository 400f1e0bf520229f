"""Whether those whom a blueprint asks are known here."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError

from agents.registry import registered_agents
from agents.services.candidates import is_registered, performers
from projects.blueprints.schema import Blueprint, StepKind, StepSpec

_ASKING = (StepKind.AGENT, StepKind.SWARM, StepKind.SCATTER)


def strangers_in(blueprint: Blueprint) -> list[str]:
    """A sentence for each step that names an agent nobody knows here, or a capability that nobody offers.

    No mistake of the blueprint: who does it may register later, or only with the workers. Where the database does not
    answer nothing can be said of it.
    """
    try:
        return [sentence for phase in blueprint.phases for step in phase.steps for sentence in _of_step(step)]
    except DatabaseError:
        return []


def _of_step(step: StepSpec) -> Iterator[str]:
    if step.kind not in _ASKING:
        return
    agent, capability, version = step.asked
    if agent and "${" not in agent and agent not in registered_agents() and not is_registered(agent):
        yield f"step {step.key!r} names the agent {agent!r}, which is not known here yet."
    if capability and "${" not in capability and not _is_offered(capability, version):
        which = f"{capability!r} in a version {version}" if version else f"{capability!r}"
        yield f"step {step.key!r} asks for {which}, which nobody offers here yet: it would wait until somebody does."


def _is_offered(capability: str, version: str | None) -> bool:
    here = any(capability in each.capabilities for each in registered_agents().values()) and not version
    return here or bool(performers(capability, version or ""))
