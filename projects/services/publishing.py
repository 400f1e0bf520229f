"""Handing canvases to the broker after the commit that decided them.

A publish may fail or be lost: the rows say what is ready, and recovery sends it again. So a failure here is a
warning, the steps are marked as unsent, and nobody waits long for a broker that does not answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from celery import Signature
from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from orchestrator_site import faults
from projects import canvas
from projects.models import Step
from projects.states import StepState

logger = logging.getLogger(__name__)

BROKER_ERRORS = (KombuError, RedisError, OSError)


def after_commit(signatures: Sequence[Signature[Any]], steps: Iterable[UUID]) -> None:
    """Publish once the transaction is committed; ``steps`` are those that the messages start with."""
    started = list(steps)
    if signatures:
        transaction.on_commit(lambda: _publish(signatures, started))


def wake(project_id: UUID) -> None:
    """Advance a project once the transaction is committed, in this process; where that fails, a worker does it.

    Whoever changed something goes on at once, instead of asking another by a message: that saves its way.
    """
    transaction.on_commit(lambda: _advance(project_id))


def _advance(project_id: UUID) -> None:
    try:
        # By name, because advance itself publishes and wakes.
        import_string("projects.services.advancing.advance")(project_id)
    except Exception:
        logger.warning("project %s was not advanced here; a worker is asked to", project_id, exc_info=True)
        _publish([canvas.advance_signature(project_id)], [])


def wake_now(project_id: UUID) -> None:
    """Have somebody look at a project at once, also where the open transaction is about to be given up."""
    _publish([canvas.advance_signature(project_id)], [])


def ring(after: float, *, look_ahead: bool = False) -> None:
    """Have what is due fired in so many seconds, which are few, counted from the commit of this transaction.

    With ``look_ahead`` also have what is due soon after that met at its moment.
    """
    after_commit([canvas.timers_signature(after, look_ahead=look_ahead)], [])


def wake_recovery() -> None:
    """Have recovery look around once the transaction is committed."""
    after_commit([canvas.recover_signature()], [])


def send_each(steps: Sequence[UUID]) -> None:
    """Send steps by themselves, which were on their way together and turned out to be long."""
    for step in Step.objects.select_related("project").filter(pk__in=list(steps), state=StepState.READY):
        _publish([_alone(step)], [step.pk])


def send_leg_again(steps: Sequence[str], said: Mapping[str, Any], *, queue: str, limit: float | None) -> None:
    """Send the message of a leg once more, whose worker lost the database; what was done of it is not done again."""
    _publish([canvas.leg_again(steps, said, queue=queue, limit=limit)], [])


def _alone(step: Step) -> Signature[Any]:
    return canvas.leg_signature(
        [canvas.StepAddress(step.pk, step.timeout_seconds)],
        project_id=step.project_id,
        queue=f"{step.pool}.{step.project.priority_name}",
    )


def send_again(step_id: UUID, after: float) -> None:
    """Send a step whose retry is due in ``after`` seconds, which are few."""
    step = Step.objects.select_related("project").filter(pk=step_id, state=StepState.READY).first()
    if step is None:
        return
    signature = _alone(step)
    # A little later than due: by a message that comes too early nothing can be claimed.
    _publish([signature.set(countdown=after + 0.01) if after > 0 else signature], [step_id])


def after_commit_send_again(step_id: UUID, after: float) -> None:
    """The same, once the transaction is committed."""
    transaction.on_commit(lambda: send_again(step_id, after))


def _publish(signatures: Sequence[Signature[Any]], steps: Sequence[UUID]) -> None:
    faults.point("before_publish")
    try:
        for signature in signatures:
            signature.apply_async()
    except BROKER_ERRORS as error:
        logger.warning("the broker did not take a message: %s; recovery will send it again", error)
        if steps:
            Step.objects.filter(pk__in=steps, state=StepState.READY).update(published_at=None)
    faults.point("after_publish")
