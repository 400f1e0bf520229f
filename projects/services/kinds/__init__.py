"""Kinds of steps that no worker does: the engine begins them, they wait, and the engine sees when they are over.

``KINDS`` maps the word in the blueprint to the one that does it. ``advance`` calls ``begin`` when a step's needs are
met, and whenever it looks at the phase asks ``over`` which of those that wait need wait no longer, and has each of
them ``look``; all under the phase's lock. ``begin`` and ``look`` write by the methods of the phase's work: ``wait``,
``complete``, ``fail``. Whoever brings about what a step waits for (a timer, a signal, a decision, a child's end) wakes
the project, and ``over`` finds it; what a lost message leaves, recovery finds by the same conditions
(``neglected`` in ``queries.sql``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

from projects.blueprints.schema import StepKind
from projects.services.kinds.approval import ApprovalKind
from projects.services.kinds.project import ProjectKind
from projects.services.kinds.wait import WaitKind
from projects.states import StepState

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from projects.models import Phase, Project, Step


class Work(Protocol):
    """What a kind may do with the phase it works in; see ``PhaseWork``."""

    project: Project
    phase: Phase

    def context(self) -> Mapping[str, Any]:
        """What expressions may refer to; for an item of a list, its ``item`` and ``index`` too."""

    def wait(self, step: Step) -> None:
        """pending → waiting."""

    def complete(self, step: Step, result: Any) -> None:
        """Commit a result with its event. ``result`` as JSON can hold it."""

    def fail(self, step: Step, code: str, message: str) -> None:
        """Fail the step, with its event."""


class Kind(Protocol):
    """One kind of step."""

    def begin(self, work: Work, step: Step) -> None:
        """The step's needs are met: begin what it waits for, and leave it waiting, completed or failed.

        It may leave it pending where it cannot begin at this moment and somebody else will wake the project.
        Raises ``ExpressionFailed`` where its parameters cannot be evaluated; the step fails by that.
        """

    def over(self, steps: Sequence[Step]) -> Collection[UUID]:
        """Of steps that wait, those that need wait no longer, by a fixed number of queries."""

    def look(self, work: Work, step: Step) -> None:
        """The step waits, and ``over`` named it: complete or fail it if what it waits for is over."""

    def stop(self, step: Step) -> None:
        """The step was cancelled: end what it waits for (a timer, an open approval, a child project). Idempotent."""


KINDS: dict[str, Kind] = {
    "approval": ApprovalKind(),
    "project": ProjectKind(),
    "wait": WaitKind(),
}


def is_list(step: Step) -> bool:
    """Whether a step stands for items, and waits for these whatever its kind: of a list, or of a search."""
    return bool((step.spec or {}).get("for_each")) or (step.kind == StepKind.SWARM and step.parent_id is None)


def waits_by_kind(step: Step) -> bool:
    """Whether a step waits as its kind has it: itself, and not for its items."""
    return step.state == StepState.WAITING and step.kind in KINDS and not is_list(step)


def stop_all(steps: QuerySet[Step]) -> None:
    """End what the waiting ones of these steps wait for; their states are the caller's to write."""
    waiting = steps.filter(state=StepState.WAITING, kind__in=sorted(KINDS)).select_related("parent").defer("result")
    for step in waiting:
        if not is_list(step):
            KINDS[step.kind].stop(step)


def over_by_kind(steps: Iterable[Step]) -> set[UUID]:
    """Of steps that wait by their kind, those that need wait no longer."""
    grouped: dict[str, list[Step]] = {}
    for step in steps:
        grouped.setdefault(step.kind, []).append(step)
    return {pk for kind, own in grouped.items() for pk in KINDS[kind].over(own)}
