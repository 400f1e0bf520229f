"""What an error says about the agent, whether another attempt may help, and when."""

from __future__ import annotations

import math

import pytest

from agents.errors import (
    AgentBusy,
    AgentFailure,
    AgentTimedOut,
    AgentUnreachable,
    NoAgentNow,
    PermanentFailure,
    ResultUnusable,
    WorkCancelled,
)
from agents.resilience.outcomes import Ending, Outcome, delay_with, is_retryable, outcome_of
from orchestrator_site.errors import InvalidInput, Unavailable


@pytest.mark.parametrize(
    ("error", "ending", "retryable"),
    [
        (AgentUnreachable(), Ending.FAILED, True),
        (AgentFailure("500"), Ending.FAILED, True),
        (AgentTimedOut(), Ending.TIMED_OUT, True),
        (AgentBusy(), Ending.BUSY, True),
        (PermanentFailure("404"), Ending.REJECTED, False),
        (ResultUnusable(), Ending.REJECTED, False),
        (WorkCancelled(), Ending.ABANDONED, False),
        (InvalidInput(), Ending.ABANDONED, False),
        (Unavailable(), Ending.ABANDONED, True),
        (NoAgentNow(), Ending.ABANDONED, True),
        (ValueError("a bug, or bad luck"), Ending.FAILED, True),
        (KeyboardInterrupt(), Ending.ABANDONED, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_what_an_error_means(error: BaseException, ending: Ending, retryable: bool) -> None:
    assert outcome_of(error).ending is ending
    assert is_retryable(error) is retryable


def test_a_call_that_returned_was_answered() -> None:
    assert outcome_of(None) == Outcome(Ending.ANSWERED)


def test_a_busy_agent_says_when() -> None:
    assert outcome_of(AgentBusy(retry_after=2.0)).retry_after == 2.0
    assert outcome_of(AgentBusy(retry_after=1e9)).retry_after == 3600.0
    assert outcome_of(AgentBusy(retry_after=-1.0)).retry_after is None


@pytest.mark.parametrize(
    ("asked", "policy", "delay"),
    [(None, 3.0, 3.0), (5.0, 3.0, 5.0), (1.0, 3.0, 3.0), (1e12, 3.0, 3600.0), (-4.0, 3.0, 3.0), (math.nan, 3.0, 3.0)],
)
def test_an_attempt_waits_for_the_longer_of_the_two(asked: float | None, policy: float, delay: float) -> None:
    assert delay_with(asked, policy) == delay
