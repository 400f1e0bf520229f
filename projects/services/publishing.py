"""Handing canvases to the broker after the commit that decided them.

A publish may fail or be lost: the rows say what is ready, and recovery sends it again. So a failure here is a
warning, the steps are marked as unsent, and nobody waits long for a broker that does not answer.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from celery import Signature
from django.db import transaction
from django.utils.module_loading import import_string
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from orchestrator_site import faults
from projects import canvas, sql
from projects.models import Step
from projects.planning.packing import bundles
from projects.services import paces
from projects.states import StepState

logger = logging.getLogger(__name__)

BROKER_ERRORS = (KombuError, RedisError, OSError)


LOOKS = 20
"""So many looks that follow from one another a process makes itself; then a worker goes on."""


class _Turn(threading.local):
    """Projects that this thread is to advance, in order; None while it advances none."""

    waiting: dict[UUID, None] | None = None


_turn = _Turn()


@dataclass(frozen=True, slots=True)
class _QuickLeg:
    """A leg that may travel with those of other projects: its message, its pool, and how long it is known to take."""

    signature: Signature[Any]
    pool: str
    seconds: float


class Outbox:
    """What ``advance`` makes ready and sends within one transaction, of one project or of several."""

    def __init__(self, *, bundles: bool = False) -> None:
        self.bundles = bundles
        """Whether legs of several projects may travel together."""
        self._ready: list[UUID] = []
        self._sent: list[UUID] = []
        self._quick: list[_QuickLeg] = []
        self._signatures: list[Signature[Any]] = []
        self._starts: list[UUID] = []

    def make_ready(self, steps: Iterable[UUID], sent: Iterable[UUID]) -> None:
        """Steps that are ready from now on, and those of them that are sent at once."""
        self._ready += steps
        self._sent += sent

    def send(self, signatures: Iterable[Signature[Any]], steps: Iterable[UUID]) -> None:
        """Messages, and the steps that they start with."""
        self._signatures += signatures
        self._starts += steps

    def send_quick(self, signature: Signature[Any], step: UUID, *, pool: str, seconds: float) -> None:
        """The message of a leg beside which nothing stands, of agents that are known to be quick."""
        self._quick.append(_QuickLeg(signature, pool, seconds))
        self._starts.append(step)

    def flush(self) -> None:
        """Write what is ready; hand the messages over once the transaction is committed."""
        if self._ready:
            sql.execute("make_ready", steps=self._ready, sent=self._sent)
        after_commit([*self._signatures, *_bundles(self._quick)], self._starts)


def _bundles(legs: Iterable[_QuickLeg]) -> Iterator[Signature[Any]]:
    """Messages for quick legs, as many of a queue together as one may hold."""
    by_queue: dict[str, list[_QuickLeg]] = {}
    for leg in legs:
        by_queue.setdefault(str(leg.signature.options["queue"]), []).append(leg)
    for those in by_queue.values():
        left = iter(those)
        for size in bundles([leg.seconds for leg in those], lanes=paces.lanes_of(those[0].pool)):
            yield canvas.bundle([leg.signature for leg in itertools.islice(left, size)])


def after_commit(signatures: Sequence[Signature[Any]], steps: Iterable[UUID]) -> None:
    """Publish once the transaction is committed; ``steps`` are those that the messages start with."""
    started = list(steps)
    if signatures:
        transaction.on_commit(lambda: _publish(signatures, started))


def wake(project_id: UUID) -> None:
    """Advance a project once the transaction is committed, in this process; where that fails, a worker does it.

    So it does where look follows upon look. Whoever changed something goes on at once, instead of asking another by a
    message: that saves its way.
    """
    transaction.on_commit(lambda: _advance(project_id))


def _advance(project_id: UUID) -> None:
    """Advance a project, and those that are woken by it after it, in turn: not one look within the other.

    Of a list whose items end at once each look wakes the next: that may be a list of thousands, in somebody's request.
    """
    if _turn.waiting is not None:
        _turn.waiting[project_id] = None
        return
    waiting = _turn.waiting = {project_id: None}
    try:
        for _ in range(LOOKS):
            if not waiting:
                return
            following = next(iter(waiting))
            del waiting[following]
            _look(following)
        if waiting:
            _publish([canvas.advance_signature(each) for each in waiting], [])
    finally:
        _turn.waiting = None


def _look(project_id: UUID) -> None:
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


def send_task_again(
    task: str,
    steps: Sequence[Any],
    said: Mapping[str, Any],
    *,
    queue: str,
    limit: float | None,
    following: Sequence[Any] | None = None,
) -> None:
    """Send a message of steps once more, whose worker lost the database; what was done of it is not done again.

    ``following`` is what is left of its chain, as Celery has it.
    """
    _publish([canvas.task_again(task, steps, said, queue=queue, limit=limit, following=following)], [])


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
