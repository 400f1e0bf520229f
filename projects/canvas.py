"""From waves to Celery signatures: the only file that builds them.

One flat level at a time: a wave is a chord whose header holds one chain of legs a branch, and whose body is
``advance``. A wave of one branch is its chain alone, whose last leg calls ``advance`` itself; where several projects
begin at once such legs may travel together, as a bundle. Legs of several items have no join. Messages carry ids, never
state; nothing depends on the body's coming (recovery finds what a lost one leaves).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from celery import Signature, chain, chord, current_app

from orchestrator_site.conf import CONTROL_QUEUE
from projects.planning.compiling import Branch, Leg, Wave

HARD_LIMIT_MARGIN = 60
"""Seconds beyond the timeouts of a leg's steps after which Celery kills the process that hangs in it."""


class Packed(Enum):
    """Whether the steps of a leg stand side by side; and whether those that turn out long may be sent on singly."""

    NO = "no"
    SPREAD = "spread"
    KEEP = "keep"


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
    return _joined(
        project_id,
        [
            _chain(branch, project_id=project_id, priority=priority, steps=steps, wakes=alone or branch.wakes)
            for branch in wave.branches
        ],
    )


def packed_signatures(
    legs: Sequence[Sequence[UUID]], *, project_id: UUID, queue: str, timeout: float, packed: Packed
) -> tuple[Signature[Any], ...]:
    """What to publish for legs of steps that stand side by side.

    Single steps are one canvas, whose join looks at the project once for all of them. A leg of several goes on by
    itself: where the next ones waited for a join the workers would wait with them.
    """
    joined = len(legs) > 1 and all(len(leg) == 1 for leg in legs)
    messages = [
        leg_signature(
            [StepAddress(step, timeout) for step in leg],
            project_id=project_id,
            queue=queue,
            wakes=not joined,
            packed=packed if len(leg) > 1 else Packed.NO,
        )
        for leg in legs
    ]
    return _joined(project_id, messages) if joined else tuple(messages)


def _joined(project_id: UUID, chains: Sequence[Signature[Any]]) -> tuple[Signature[Any], ...]:
    if len(chains) < 2:
        return tuple(chains)
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
    packed: Packed = Packed.NO,
) -> Signature[Any]:
    """One message: the ids of its steps, and the project's so that a person finds it in Flower."""
    # What is packed is short, and what turns out not to be is sent on: the limit need not be that of all of them.
    limit = sum(step.timeout for step in steps[: 1000 if packed is Packed.NO else 10]) + HARD_LIMIT_MARGIN
    said: dict[str, Any] = {"project": str(project_id)}
    if hand_over is not None:
        said["hand_over"] = str(hand_over)
    if not wakes:
        said["wakes"] = False
    if packed is not Packed.NO:
        said["packed"] = packed.value
    options: dict[str, Any] = {"queue": queue, "time_limit": limit}
    return _task("projects.run_leg", [str(step.id) for step in steps], **said).set(**options)


def bundle(legs: Sequence[Signature[Any]]) -> Signature[Any]:
    """One message for the legs of several projects, which are done side by side; a leg alone is its own message."""
    if len(legs) == 1:
        return legs[0]
    seconds = [float(leg.options["time_limit"]) - HARD_LIMIT_MARGIN for leg in legs]
    # What is bundled is known to be short, and a leg that turns out not to be breaks off: see ``leg_signature``.
    options: dict[str, Any] = {
        "queue": legs[0].options["queue"],
        "time_limit": min(sum(seconds), 10 * max(seconds)) + HARD_LIMIT_MARGIN,
    }
    return _task("projects.run_bundle", [[leg.kwargs["project"], *leg.args[0]] for leg in legs]).set(**options)


def task_again(
    task: str,
    steps: Sequence[Any],
    said: Mapping[str, Any],
    *,
    queue: str,
    limit: float | None,
    following: Sequence[Any] | None = None,
) -> Signature[Any]:
    """A message of steps once more, in a second, with the chain that follows it: its worker lost the database."""
    options: dict[str, Any] = {"queue": queue, "time_limit": limit, "countdown": 1}
    if following:
        options["chain"] = list(following)
    return _task(task, list(steps), **said).set(**options)


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
    # The setting speaks to workers. Whoever sends would still subscribe to the result of each message, for good.
    options_of_all: dict[str, Any] = {"ignore_result": True}
    return signature.set(**options_of_all)


def single(key: str, pool: str) -> Wave:
    """The wave of one step alone."""
    return Wave((Branch((Leg(pool, (key,)),), wakes=True),))
