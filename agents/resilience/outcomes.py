"""How a call ended, as circuits and rates see it; and which failures are worth another attempt, and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from agents.errors import AgentBusy, AgentFailure, AgentTimedOut, PermanentFailure, WorkCancelled
from orchestrator_site.errors import PhasegateError
from orchestrator_site.storable import said_by

LONGEST_RETRY_AFTER = 3600.0
"""Seconds: an agent that asks to be left alone for longer is asked again after an hour."""


class Ending(StrEnum):
    """What a call says about the agent."""

    ANSWERED = "answered"  # it did the work
    REJECTED = "rejected"  # it answered that it never will: it is well, the work is not
    FAILED = "failed"  # it could not, or cannot be reached
    TIMED_OUT = "timed_out"  # it was too slow
    BUSY = "busy"  # 429 or 503
    ABANDONED = "abandoned"  # it did not come to an end: nothing is known


@dataclass(frozen=True, slots=True)
class Outcome:
    """``retry_after`` in seconds, where the agent said so; ``why`` for a person."""

    ending: Ending
    retry_after: float | None = None
    why: str = ""


ANSWERED = Outcome(Ending.ANSWERED)
ABANDONED = Outcome(Ending.ABANDONED)


def outcome_of(error: BaseException | None) -> Outcome:
    """The outcome of a call that raised ``error``, or returned.

    An agent that refuses work for good has answered, so that a bad step never opens a good agent's circuit. What our
    own side refuses or breaks off says nothing about the agent. Whatever else a function raises is its failure.
    """
    if error is None:
        return ANSWERED
    why = said_by(error)[:300]
    match error:
        case AgentBusy():
            return Outcome(Ending.BUSY, bounded(error.retry_after), why)
        case WorkCancelled():
            return Outcome(Ending.ABANDONED, None, why)
        case AgentTimedOut():
            return Outcome(Ending.TIMED_OUT, None, why)
        case PermanentFailure():
            return Outcome(Ending.REJECTED, None, why)
        case AgentFailure():
            return Outcome(Ending.FAILED, None, why)
        case PhasegateError():
            return Outcome(Ending.ABANDONED, None, why)
        case Exception():
            return Outcome(Ending.FAILED, None, why)
        case _:  # the process is being stopped
            return Outcome(Ending.ABANDONED, None, why)


def is_retryable(error: BaseException) -> bool:
    """Whether another attempt may help: an error of ours says so itself, any other may have been chance."""
    if isinstance(error, PhasegateError):
        return error.retryable
    return isinstance(error, Exception)


def delay_with(retry_after: float | None, policy_delay: float) -> float:
    """Seconds before the next attempt: no sooner than the agent asks (RFC 9110, 10.2.3) or the policy says."""
    return max(policy_delay, bounded(retry_after) or 0.0)


def bounded(retry_after: float | None) -> float | None:
    """What an agent asks for, made sane: none where it is no time to come, an hour at most."""
    # The comparison is false for NaN too.
    return min(retry_after, LONGEST_RETRY_AFTER) if retry_after is not None and retry_after > 0 else None
