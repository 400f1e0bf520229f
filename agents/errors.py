"""What can go wrong around agents."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar, Self

from orchestrator_site.errors import Forbidden, InvalidInput, NotFound, PhasegateError, Refused


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
            "named by the setting PHASEGATE_AGENT_MODULES."
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


class AgentNotYours(Forbidden):
    """The agent was registered by somebody else."""

    code = "agent_not_yours"


class AgentTimedOut(AgentFailure):
    """The agent took longer than the step allows."""

    code = "agent_timed_out"


class ResultUnusable(PermanentFailure):
    """The agent returned what JSON cannot hold."""

    code = "result_unusable"


class AgentUnreachable(AgentFailure):
    """The agent cannot be reached."""

    code = "agent_unreachable"


class AgentBusy(AgentFailure):
    """The agent asks to be left alone for a while: 429 or 503."""

    code = "agent_busy"

    @property
    def retry_after(self) -> float | None:
        """Seconds after which it may be asked again, where it said so: ``AgentBusy(…, retry_after=2.0)``."""
        return self.details.get("retry_after")


class WorkCancelled(AgentFailure):
    """The work was called off while the agent was at it."""

    code = "work_cancelled"
    retryable = False


class AllowanceTooSmall(PermanentFailure):
    """What the call may use is more than what is left for the step."""

    code = "allowance_too_small"


class AgentSettingsRefused(InvalidInput):
    """The agent's settings would never let it be reached."""

    code = "agent_settings_refused"
    http_status = 422


class NoAgentNow(PhasegateError):
    """No agent can take the step at this moment; it waits without having used an attempt."""

    code = "no_agent_now"
    http_status = 503
    retryable = True

    @property
    def retry_after(self) -> float:
        """Seconds after which it is worth asking again: ``NoAgentNow(…, retry_after=2.0)``."""
        return float(self.details.get("retry_after", 1.0))

    @property
    def nobody(self) -> bool:
        """Whether there is no agent at all that could take it, now or later, until one registers."""
        return bool(self.details.get("nobody"))

    @property
    def shut(self) -> list[str]:
        """The names of the agents that could take it, where the circuits of all of them are open."""
        return list(self.details.get("shut", ()))


class AgentNotRegistered(NotFound):
    """No such agent is registered."""

    code = "agent_not_registered"


class AgentGone(Refused):
    """The agent is gone: it has to register again before its heartbeats count."""

    code = "agent_gone"
    http_status = 410


class AgentNameTaken(Refused):
    """The name belongs to an agent that the product's own code defines."""

    code = "agent_name_taken"


class AgentStateRefused(Refused):
    """The agent's state does not allow this."""

    code = "agent_state_refused"


class AgentInvalid(InvalidInput):
    """The description of the agent is not valid."""

    code = "agent_invalid"


class VersionInvalid(InvalidInput):
    """This is no version, or no range of versions."""

    code = "version_invalid"


class QueryInvalid(InvalidInput):
    """The question for agents is not valid."""

    code = "agent_query_invalid"


class UnknownStrategy(InvalidInput):
    """There is no routing strategy of that name."""

    code = "unknown_strategy"

    @classmethod
    def named(cls, name: str, known: Iterable[str]) -> Self:
        """The error for ``name``, with all names, and the nearest as a hint."""
        return cls(f"No routing strategy is called {name!r}.{_choices(name, known)}")


class UnknownAggregation(InvalidInput):
    """There is no aggregation of that name."""

    code = "unknown_aggregation"

    @classmethod
    def named(cls, name: str, known: Iterable[str]) -> Self:
        """The error for ``name``, with all names, and the nearest as a hint."""
        return cls(f"No aggregation is called {name!r}.{_choices(name, known)}")


class DuplicateAggregation(PhasegateError):
    """Two functions are registered as an aggregation of the same name."""

    code = "duplicate_aggregation"


class AnswersUnusable(PermanentFailure):
    """The answers that were gathered cannot be made one."""

    code = "answers_unusable"
    http_status = 502


class QuorumMissed(AgentFailure):
    """Fewer agents answered than were needed.

    ``details`` holds ``gathered``: who answered, who did not and why, as ``Gathered.to_json`` gives it.
    """

    code = "quorum_missed"
    http_status = 504


def _choices(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} There are: {', '.join(names)}."
