"""What can go wrong around agents."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar, Self

from orchestrator_site.errors import NotFound, PhasegateError


class AgentNotFound(NotFound):
    """No agent of that name is registered."""

    code = "agent_not_found"

    @classmethod
    def named(cls, name: str, known: Iterable[str]) -> Self:
        """The error for ``name``, with the nearest known names as a hint."""
        near = difflib.get_close_matches(name, list(known), n=3)
        hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
        return cls(
            f"No agent is called {name!r}.{hint} An agent registers by the @agent decorator in a module "
            "named by the setting AGENT_MODULES."
        )


class DuplicateAgent(PhasegateError):
    """Two functions are registered as an agent of the same name."""

    code = "duplicate_agent"


class AgentFailure(PhasegateError):
    """The agent could not do its step; trying again may help."""

    code: ClassVar[str] = "agent_failure"
    http_status = 502
    retryable = True


class PermanentFailure(AgentFailure):
    """The agent could not do its step, and trying again would not help."""

    code = "permanent_failure"
    retryable = False


class AgentModuleBroken(PhasegateError):
    """A module of agents cannot be imported."""

    code = "agent_module_broken"


class AgentTimedOut(AgentFailure):
    """The agent took longer than the step allows."""

    code = "agent_timed_out"


class ResultUnusable(PermanentFailure):
    """The agent returned what JSON cannot hold."""

    code = "result_unusable"
