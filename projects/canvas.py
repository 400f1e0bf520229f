"""From waves to Celery signatures: the only file that builds them.

One flat level at a time: a wave is a chord whose header holds one chain of legs a branch, and whose body is
``advance``. A wave of one branch is its chain alone, whose last leg calls ``advance`` itself. Messages carry ids,
never state; nothing depends on the body's coming (recovery finds what a lost one leaves).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from celery import Signature, chain, chord, current_app

from orchestrator_site.conf import CONTROL_QUEUE
from projects.planning.compiling import Branch, Leg, Wave

HARD_LIMIT_MARGIN = 60
"""Seconds beyond the timeouts of a leg's steps after which Celery kills the process that hangs in it."""


@dataclass(frozen=True, slots=True)
class StepAddress:
    """What the canvas has to know of a step beside its key."""

    id: UUID
    timeout: float


def signatures(
    wave: Wave, *, project_id: UUID, priority: str, steps: Mapping[str, StepAddress]
) -> tuple[Signature[Any], ...]:
    """What to publish for a wave: at most one canvas."""
    alone = len(wave.branches) == 1
    chains = [
        _chain(branch, project_id=project_id, priority=priority, steps=steps, wakes=alone or branch.wakes)
        for branch in wave.branches
    ]
    if not chains:
        return ()
    if alone:
        return (chains[0],)
    return (chord(chains, advance_signature(project_id)),)


def _chain(
    branch: Branch, *, project_id: UUID, priority: str, steps: Mapping[str, StepAddress], wakes: bool
) -> Signature[Any]:
    legs = []
    for index, leg in enumerate(branch.legs):
        last = index + 1 == len(branch.legs)
        follows = None if last else steps[branch.legs[index + 1].steps[0]].id
        legs.append(
            leg_signature(
                [steps[key] for key in leg.steps],
                project_id=project_id,
                queue=f"{leg.pool}.{priority}",
                hand_over=follows,
                wakes=last and wakes,
            )
        )
    return legs[0] if len(legs) == 1 else chain(*legs)


def leg_signature(
    steps: Sequence[StepAddress],
    *,
    project_id: UUID,
    queue: str,
    hand_over: UUID | None = None,
    wakes: bool = True,
) -> Signature[Any]:
    """One message: the ids of its steps, and the project's so that a person finds it in Flower."""
    limit = sum(step.timeout for step in steps) + HARD_LIMIT_MARGIN
    options: dict[str, Any] = {"queue": queue, "time_limit": limit}
    return _task(
        "projects.run_leg",
        [str(step.id) for step in steps],
        project=str(project_id),
        hand_over=None if hand_over is None else str(hand_over),
        wakes=wakes,
    ).set(**options)


def advance_signature(project_id: UUID) -> Signature[Any]:
    """A message that has somebody look what is next in a project."""
    return _task("projects.advance", str(project_id)).set(queue=CONTROL_QUEUE)


def recover_signature() -> Signature[Any]:
    """A message that asks for a pass of recovery."""
    return _task("projects.recover").set(queue=CONTROL_QUEUE)


def timers_signature(after: float, *, look_ahead: bool = False) -> Signature[Any]:
    """A message that has what is due fired, in so many seconds: a little later than due rather than too early."""
    signature = _task("projects.fire_timers", look_ahead=look_ahead).set(queue=CONTROL_QUEUE)
    return signature.set(countdown=after + 0.003) if after > 0 else signature


def _task(name: str, *arguments: Any, **options: Any) -> Signature[Any]:
    """By name: tasks call services, and services make canvases, so that an import would be a circle."""
    signature: Signature[Any] = current_app.signature(name, args=arguments, kwargs=options, immutable=True)
    return signature


def single(key: str, pool: str) -> Wave:
    """The wave of one step alone."""
    return Wave((Branch((Leg(pool, (key,)),), wakes=True),))
