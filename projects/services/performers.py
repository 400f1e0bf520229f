"""Which agent did each step, or is at it: by name, by choice, or in place of another; for those who look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F

from projects.models import Attempt, Project, Step
from projects.states import AttemptOutcome, StepState


@dataclass(frozen=True, slots=True)
class Performing:
    """Who had the last attempt at a step; empty where nobody was called.

    ``until``: an agent that answers later has the step, and is to be heard of by then.
    """

    agent: str = ""
    until: datetime | None = None


NOBODY = Performing()


def performers_of(steps: Iterable[Step]) -> Mapping[UUID, Performing]:
    """Who has, or had, each of some steps, by its id; one query. A step that nobody was called for is not there."""
    tried = [step for step in steps if step.attempt]
    attempts = Attempt.objects.filter(step__in=[step.pk for step in tried], number=F("step__attempt"))
    last = {attempt.step_id: attempt for attempt in attempts.defer("decision", "details", "error")}
    return {step.pk: _performing(step, last[step.pk]) for step in tried if step.pk in last}


def _performing(step: Step, attempt: Attempt) -> Performing:
    standing_in = (step.degraded or {}).get("by") if step.state == StepState.COMPLETED else None
    if standing_in:
        return Performing("" if standing_in == CONSTANT else str(standing_in))
    if attempt.outcome == AttemptOutcome.HELD:
        return NOBODY
    return Performing(attempt.performer or step.agent, step.lease_until if _is_left(step, attempt) else None)


CONSTANT = "constant"
"""Whose a fallback's value is, as the mark of the step says."""


def _is_left(step: Step, attempt: Attempt) -> bool:
    """Whether the agent itself has the lease."""
    return step.state == StepState.RUNNING and step.lease_owner == attempt.performer_id is not None


def asked_for(step: Step) -> str:
    """Who is asked for the step: an agent by name, or whoever has a capability."""
    spec = step.spec if step.spec is not None else (step.parent.spec if step.parent is not None else None)
    return step.agent or str((spec or {}).get("capability") or "")


def left_to_agents(project: Project) -> list[str]:
    """Who has which steps of a project and will answer later, a clause each, three at most."""
    held = Attempt.objects.filter(
        step__project=project, step__state=StepState.RUNNING, finished_at=None, performer_id=F("step__lease_owner")
    )
    rows = held.order_by("started_at").values_list("performer", "step__key", "step__lease_until")[:3]
    return [f"agent {performer} has {key} until {until:%H:%M:%S} UTC" for performer, key, until in rows]


def degradation(step: Step) -> str:
    """That a result is its fallback's, whose, and why, in words; empty where it is not."""
    mark: dict[str, Any] = step.degraded or {}
    if not mark:
        return ""
    by = str(mark.get("by") or "")
    whose = "a constant stands in" if by == CONSTANT else f"agent {by} stands in"
    cause = {
        "failed": "the step failed",
        "no_agent": "nobody could take it in time",
        "timed_out": "its time was over",
    }.get(str(mark.get("cause")), "the step could not be done")
    why = str(mark.get("why") or "").rstrip(".")
    return f"Degraded: {whose}, because {cause}{f': {why}' if why else ''}."


def sentence_of(decision: Mapping[str, Any] | None) -> str:
    """A decision as an attempt keeps it, in one sentence; empty where there was nothing to decide."""
    if not decision:
        return ""
    texts = [str(reason.get("text", "")) for reason in decision.get("reasons", ())]
    texts += [f"{one.get('name')} left out: {one.get('why')}" for one in decision.get("left_out", ())]
    more = int(decision.get("left_out_count", 0)) - len(decision.get("left_out", ()))
    if more > 0:
        texts.append(f"{more} more left out")
    texts += [f"refused: {why}" for why in decision.get("refused", ())]
    return "; ".join(text for text in texts if text)
