"""Lists of items: making one step an item, and sending so many of them at once as the plan allows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.resilience import services as guards
from agents.services import candidates
from agents.values import Performer, TransportName
from orchestrator_site import clock
from orchestrator_site.conf import conf
from projects import canvas, sql
from projects.canvas import Packed
from projects.models import Project, Step
from projects.planning.packing import groups, leg_size
from projects.services import holding, paces, publishing
from projects.services.attempts import Claim
from projects.services.kinds import KINDS
from projects.states import StepState

MANY = 1_000_000
"""More items than any list has."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Canvases to be published after the commit, and the steps that they start with."""

    signatures: tuple[Any, ...] = ()
    steps: tuple[UUID, ...] = ()


def expand(project: Project, parent: Step, items: Sequence[Any], parallel: int | None) -> Sent:
    """Make one step an item; what of them is sent at once.

    ``parallel`` is how many may run at once where the blueprint says so.
    """
    if not items:
        return Sent()
    waits = parent.kind in KINDS  # then no worker takes them: they are begun one by one, as the window has room
    leg = _leg(parent, len(items))
    sizes = () if waits else _sizes(parent, waiting=len(items), in_flight=0, parallel=parallel, leg=leg)
    count = sum(map(sum, sizes))
    ids = [clock.new_id() for _ in items]
    sql.execute(
        "expand",
        parent=parent.pk,
        ids=ids,
        items=[json.dumps(item, allow_nan=False) for item in items],
        state=StepState.PENDING if waits else StepState.READY,
        first=0,
        sent=count,
    )
    _begin_clocks(parent, ids[:count])
    return _sent(project, parent, ids[:count], sizes, parallel)


def put(parent: Step, items: Sequence[Any], first: int) -> None:
    """One step more an item, from place ``first`` on; what of them is sent now, ``next_items`` says."""
    sql.execute(
        "expand",
        parent=parent.pk,
        ids=[clock.new_id() for _ in items],
        items=[json.dumps(item, allow_nan=False) for item in items],
        state=StepState.READY,
        first=first,
        sent=0,
    )


def next_items(project: Project, parent: Step, parallel: int | None) -> Sent:
    """What of a list's items is to be sent now."""
    if parent.kind in KINDS:
        return Sent()
    leg = _leg(parent, MANY)
    at_once = max(parallel or _window(parent), 2 * paces.lanes_of(parent.pool) * leg)
    in_flight = int(sql.rows("items_in_flight", parent=parent.pk, limit=2 * at_once + 100)[0]["in_flight"])
    free = sum(map(sum, _sizes(parent, waiting=at_once, in_flight=in_flight, parallel=parallel, leg=leg)))
    if not free:
        return Sent()
    rows = sorted(sql.rows("send_items", parent=parent.pk, limit=free), key=lambda row: int(row["position"]))
    _begin_clocks(parent, [row["id"] for row in rows])
    fresh = [row["id"] for row in rows if not row["setbacks"]]
    # What failed or lost its worker goes alone: it may take down what stands beside it.
    alone = [row["id"] for row in rows if row["setbacks"]]
    if len(rows) < free:
        leg = _leg(parent, len(fresh))  # the last ones: shared out, so that all processes end together
    sizes = _sizes(parent, waiting=len(fresh), in_flight=0, parallel=parallel, leg=leg)
    first, second = (
        _sent(project, parent, fresh, sizes, parallel),
        _sent(project, parent, alone, ((1,) * len(alone),), 1),
    )
    return Sent(first.signatures + second.signatures, first.steps + second.steps)


def follow(item: Claim, queue: str) -> bool:
    """Send one leg more of the list of an item of a leg that has just ended well; whether there was a whole one.

    It takes that one's place in flight, so that nobody has to look at the project for it.
    """
    pool = queue.partition(".")[0]
    size = leg_size(paces.pace_of(item.paced_by), waiting=MANY, lanes=paces.lanes_of(pool))
    rows = sql.rows("next_leg", parent=item.parent_id, project=item.project_id, size=size) if size > 1 else []
    ids = [row["id"] for row in sorted(rows, key=lambda row: int(row["position"]))]
    if ids:
        signatures = canvas.packed_signatures(
            [ids], project_id=item.project_id, queue=queue, timeout=item.timeout_seconds, packed=Packed.SPREAD
        )
        publishing.after_commit(signatures, ids)
    return bool(ids)


def _begin_clocks(parent: Step, sent: Sequence[UUID]) -> None:
    """An item waits for somebody to begin it from when it is sent: before that it waits for others of the list."""
    if sent and (parent.spec or {}).get("timeouts"):
        holding.begin_clocks(list(sent), anew=False)


def _leg(parent: Step, waiting: int) -> int:
    if parent.guarded or conf().batch_seconds == 0:
        return 1
    pace = paces.pace_of(parent.agent or (parent.spec or {}).get("capability", ""))
    return leg_size(pace, waiting=waiting, lanes=paces.lanes_of(parent.pool))


def _window(parent: Step) -> int:
    """How many items may be in flight: twice as many as there are places with those who could do them.

    The second half is at hand when the first ends. More would only be turned away by agents that are full, and each
    such attempt is written down. What our own workers do is bounded by these.
    """
    most, agents = conf().fanout_window, _able(parent)
    if not agents or any(agent.transport is TransportName.PYTHON for agent in agents):
        return most
    places = min(sum(guards.rules_of(agent).places for agent in agents), conf().project_places)
    return min(most, max(2, 2 * places))


def _able(parent: Step) -> Sequence[Performer]:
    """The registered agents that could do the items."""
    spec = parent.spec or {}
    if spec.get("capability"):
        return candidates.performers(spec["capability"], spec.get("version", ""))
    return [candidates.by_name(parent.agent)] if candidates.is_registered(parent.agent) else []


def _sizes(
    parent: Step, *, waiting: int, in_flight: int, parallel: int | None, leg: int
) -> tuple[tuple[int, ...], ...]:
    return groups(
        waiting=waiting,
        in_flight=in_flight,
        window=_window(parent),
        parallel=parallel,
        leg=leg,
        lanes=paces.lanes_of(parent.pool),
    )


def _sent(
    project: Project, parent: Step, ids: Sequence[UUID], sizes: Sequence[Sequence[int]], parallel: int | None
) -> Sent:
    signatures: list[Any] = []
    left = iter(ids)
    for group in (*sizes, (1,) * len(ids)):  # whatever the sizes leave goes alone: it is marked as sent
        legs = [leg for size in group if (leg := list(_take(left, size)))]
        if legs:
            signatures += canvas.packed_signatures(
                legs,
                project_id=project.pk,
                queue=f"{parent.pool}.{project.priority_name}",
                timeout=parent.timeout_seconds,
                packed=Packed.SPREAD if parallel is None else Packed.KEEP,
            )
    return Sent(tuple(signatures), tuple(ids))


def _take(left: Iterator[UUID], size: int) -> Iterator[UUID]:
    for _, step in zip(range(size), left, strict=False):
        yield step
