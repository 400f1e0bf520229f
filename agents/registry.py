"""Finding the agents of this process: those that ship with the product, and those that the settings name."""

from __future__ import annotations

import functools
import importlib

from agents.definition import AgentDefinition, find_agent, registered_agents
from agents.errors import AgentModuleBroken
from orchestrator_site.conf import conf

__all__ = ["AgentDefinition", "find_agent", "load_agents", "registered_agents"]

BUILT_IN = ("agents.library.hello", "agents.library.requirements.agents", "agents.library.emissions.agents")


@functools.cache
def load_agents() -> None:
    """Import every module that registers agents, once a process.

    Raises ``AgentModuleBroken`` where a module named by ``PHASEGATE_AGENT_MODULES`` cannot be imported.
    """
    for module in BUILT_IN:
        importlib.import_module(module)
    for module in conf().agent_modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            raise AgentModuleBroken(
                f"The agent module {module!r} cannot be imported: {type(error).__name__}: {error}. "
                "Correct PHASEGATE_AGENT_MODULES or the module."
            ) from error
