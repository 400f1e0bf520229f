"""What agents say that answer later: that they are at it, what came of it, or that it failed.

An agent that took its work with 202 names itself by the lease token that came with it. The token says which attempt
it is; whether that attempt still runs is for the guarded statements to find. An answer may come before the worker has
heard that it would: it counts as soon as the attempt runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DataError

from agents import leasing
from agents.errors import AgentFailure, PermanentFailure, ResultUnusable
from agents.resilience.outcomes import ANSWERED, outcome_of
from agents.usage import CallUsage
from orchestrator_site.conf import conf
from orchestrator_site.errors import InvalidInput
from orchestrator_site.history import services as history
from orchestrator_site.storable import said_by, storable
from projects import sql
from projects.errors import AttemptOver
from projects.models import Attempt
from projects.services import advancing, claims, concluding, publishing
from projects.services.attempts import Claim, Outcome
from projects.services.workers import this_process
from projects.states import AttemptOutcome


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to a heartbeat: until when the agent is to be heard of again, and whether it should stop."""

    until: datetime
    cancelled: bool


def heartbeat(token: str, *, details: Mapping[str, Any] | None = None, within: float | None = None) -> Heard:
    """Keep the agent's lease, for ``within`` seconds or as the settings say, but not past the attempt's timeout.

    Raises ``LeaseTokenRefused``, ``InvalidInput``, and ``AttemptOver`` where the agent should stop: nothing of it will
    count.
    """
    step, attempt = leasing.read(token)
    try:
        said = None if details is None else json.dumps(storable(details), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The details cannot be kept: {said_by(error)}.") from error
    rows = sql.rows(
        "heard_of_agent",
        step=step,
        attempt=attempt,
        within=within if within is not None else conf().callback_seconds,
        details=said,
    )
    if not rows:
        raise _over()
    heard = rows[0]
    if heard["place"] is not None:
        concluding.hold_place(heard["performer"], json.loads(heard["place"]), heard["seconds"])
    return Heard(heard["lease_until"], heard["cancelled"])


def complete(token: str, result: Any, usage: CallUsage) -> None:
    """Commit what the agent brings; what cannot be kept fails the attempt, as it would where it is brought at once.

    Raises ``LeaseTokenRefused``, ``AttemptOver``, ``InvalidInput``.
    """
    claim, actor = _claim_of(token, "completed")
    try:
        text = json.dumps(result, allow_nan=False)
        outcome = Outcome(claim, text, usage.tokens_in, usage.tokens_out, usage.cost)
        committed = claims.complete(outcome, this_process(), actor=actor)
    except (TypeError, ValueError, RecursionError, DataError) as error:
        why = f"The result cannot be kept: {said_by(error)}."
        _fail(claim, ResultUnusable(why), actor)
        raise InvalidInput(why) from error
    if claim.id not in committed.landed:
        _refuse(claim.project_id, claim.key, claim.attempt, actor, "completed")
    concluding.give_place_back(claim.id, claim.attempt, ANSWERED)
    advancing.advance(claim.project_id)


def fail(token: str, message: str, *, retryable: bool = True) -> None:
    """Write down that the agent could not do it; its policy says whether the step is tried again.

    Raises ``LeaseTokenRefused``, ``AttemptOver``.
    """
    claim, actor = _claim_of(token, "failed")
    _fail(claim, (AgentFailure if retryable else PermanentFailure)(message or "The agent gave no reason."), actor)


def _fail(claim: Claim, error: AgentFailure, actor: str) -> None:
    again = concluding.fail(claim, error, actor)
    concluding.give_place_back(claim.id, claim.attempt, outcome_of(error))
    if again is None:
        advancing.advance(claim.project_id)
    else:
        publishing.send_again(claim.id, again)


def _claim_of(token: str, brings: str) -> tuple[Claim, str]:
    step, number = leasing.read(token)
    claim = claims.held(step, number)
    attempt = Attempt.objects.select_related("step").filter(step_id=step, number=number).first()
    if claim is None:
        if attempt is not None and attempt.outcome != AttemptOutcome.COMPLETED:
            _refuse(attempt.step.project_id, attempt.step.key, number, f"agent:{attempt.performer}", brings)
        raise _over()
    name = attempt.performer if attempt is not None else ""
    return claim, f"agent:{name or claim.agent}"


def _refuse(project: UUID, key: str, attempt: int, actor: str, outcome: str) -> None:
    """What comes too late is noted, once: whoever brought it should know, and a person may want to."""
    data = {"attempt": attempt, "outcome": outcome}
    noted = history.events_of(project).filter(kind="step.late_result", subject=key, data__attempt=attempt)
    if not noted.exists():
        history.append(project, "step.late_result", actor=actor, subject=key, data=data)
    raise _over()


def _over() -> AttemptOver:
    return AttemptOver("This attempt is over, or its step is another's by now: stop, nothing of it will count.")
