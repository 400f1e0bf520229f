"""Handing canvases to the broker after the commit that decided them.

A publish may fail or be lost: the rows say what is ready, and recovery sends it again. So a failure here is a
warning, the steps are marked as unsent, and nobody waits long for a broker that does not answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from celery import Signature
from django.db import transaction
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
    """Have somebody look at a project once the transaction is committed."""
    after_commit([canvas.advance_signature(project_id)], [])


def ring(after: float, *, look_ahead: bool = False) -> None:
    """Have what is due fired in so many seconds, which are few, counted from the commit of this transaction.

    With ``look_ahead`` also have what is due soon after that met at its moment.
    """
    after_commit([canvas.timers_signature(after, look_ahead=look_ahead)], [])


def wake_recovery() -> None:
    """Have recovery look around once the transaction is committed."""
    after_commit([canvas.recover_signature()], [])


def send_again(step_id: UUID, after: float) -> None:
    """Send a step whose retry is due in ``after`` seconds, which are few."""
    step = Step.objects.select_related("project").filter(pk=step_id, state=StepState.READY).first()
    if step is None:
        return
    signature = canvas.leg_signature(
        [canvas.StepAddress(step.pk, step.timeout_seconds)],
        project_id=step.project_id,
        queue=f"{step.pool}.{step.project.priority_name}",
    )
    # A little later than due: by a message that comes too early nothing can be claimed.
    _publish([signature.set(countdown=after + 0.01) if after > 0 else signature], [step_id])


def _publish(signatures: Sequence[Signature[Any]], steps: Sequence[UUID]) -> None:
    faults.point("before_publish")
    try:
        for signature in signatures:
            signature.apply_async()
    except BROKER_ERRORS as error:
        logger.warning("the broker did not take a message: %s; recovery will send it again", error)
        Step.objects.filter(pk__in=steps, state=StepState.READY).update(published_at=None)
    faults.point("after_publish")
