"""Guarded updates by which an intervention changes the rows of a plan.

All are called under the locks of ``ProjectQuerySet.lock_whole``, so that no worker claims a step meanwhile. Still each
matches the state from which it may come: what it does not match has changed, and the whole intervention is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.apps import apps
from django.db.models import QuerySet
from django.db.models.functions import Now

from projects.states import InterventionState, PhaseState, StepState

if TYPE_CHECKING:
    from projects.models import Intervention, Phase, Step

IDLE = (StepState.PENDING, StepState.READY)


def skip(step_id: UUID, *, code: str, message: str, result: Any) -> bool:
    """pending, ready or failed → skipped, by an operator. False: a worker has it, or it is over otherwise."""
    open_or_failed = _steps().filter(pk=step_id, state__in=(*IDLE, StepState.FAILED))
    error = {"code": code, "message": message}
    landed = open_or_failed.update(
        state=StepState.SKIPPED, error=error, result=result, finished_at=Now(), published_at=None, available_at=None
    )
    return landed == 1


def retry(step_id: UUID) -> bool:
    """failed → pending, its failures and crashes forgotten. Its attempts count on: they are what fences its lease."""
    failed = _steps().filter(pk=step_id, state=StepState.FAILED)
    return failed.update(failures=0, crashes=0, **_anew()) == 1


def revive(step_ids: Collection[UUID]) -> bool:
    """cancelled or skipped → pending, because what they waited for is mended. False: not all were."""
    ended = _steps().filter(pk__in=step_ids, state__in=(StepState.CANCELLED, StepState.SKIPPED))
    return ended.update(**_anew()) == len(step_ids)


def revive_items(parents: Collection[UUID]) -> None:
    """failed or cancelled → pending, of the items of lists that are taken up again; results stay as they are."""
    ended = _steps().filter(parent_id__in=parents, state__in=(StepState.FAILED, StepState.CANCELLED))
    ended.update(failures=0, crashes=0, **_anew())


def change(step_id: UUID, values: dict[str, Any]) -> bool:
    """Write what the plan says of a step, while it is pending or ready. False: a worker has it."""
    return _steps().filter(pk=step_id, state__in=IDLE).update(**values) == 1


def take_away(step_ids: Collection[UUID]) -> bool:
    """Delete steps that have never been claimed, with what hangs on them. False: one of them has been."""
    untouched = _steps().filter(pk__in=step_ids, state__in=IDLE, attempt=0)
    _, by_model = untouched.delete()
    return by_model.get("projects.Step", 0) == len(step_ids)


def move_phase(phase_id: UUID, before: Iterable[PhaseState], to: PhaseState) -> bool:
    """failed or waiting → running, cancelled → pending. False: it has moved on meanwhile."""
    phases: QuerySet[Phase] = apps.get_model("projects", "Phase")._default_manager.all()
    return phases.filter(pk=phase_id, state__in=list(before)).update(state=to, failure="", finished_at=None) == 1


def apply(intervention_id: UUID, *, plan_after: int) -> bool:
    """proposed → applied. False: it was applied or refused meanwhile."""
    return _proposed(intervention_id).update(
        state=InterventionState.APPLIED, plan_after=plan_after, finished_at=Now()
    ) == 1  # fmt: skip


def refuse(intervention_id: UUID, refusal: str) -> bool:
    """proposed → refused, with the reason. False: it was applied or refused meanwhile."""
    refused = {"state": InterventionState.REFUSED, "refusal": refusal, "finished_at": Now()}
    return _proposed(intervention_id).update(**refused) == 1


def _proposed(intervention_id: UUID) -> QuerySet[Intervention]:
    interventions: QuerySet[Intervention] = apps.get_model("projects", "Intervention")._default_manager.all()
    return interventions.filter(pk=intervention_id, state=InterventionState.PROPOSED)


def _steps() -> QuerySet[Step]:
    steps: QuerySet[Step] = apps.get_model("projects", "Step")._default_manager.all()
    return steps


def _anew() -> dict[str, Any]:
    return {
        "state": StepState.PENDING,
        "error": None,
        "result": None,
        "result_blob": None,
        "finished_at": None,
        "published_at": None,
        "available_at": None,
    }
