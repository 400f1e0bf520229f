"""Settling what waits by its kind: the steps of a phase, and the items of its lists, of which a window waits at a time.

Under the phase's lock, for ``PhaseWork``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from orchestrator_site.conf import conf
from projects.blueprints.errors import ExpressionFailed
from projects.models import Phase, Project, Step
from projects.services import publishing
from projects.services.kinds import KINDS, is_list, over_by_kind, stop_all, waits_by_kind
from projects.states import StepState

if TYPE_CHECKING:
    from projects.services.phasework import PhaseWork


class ItemWork:
    """A phase's work as an item of a list sees it: its expressions may read ``item`` and ``index`` too."""

    def __init__(self, work: PhaseWork, item: Step, shared: Mapping[str, Any]) -> None:
        self.project: Project = work.project
        self.phase: Phase = work.phase
        self._work, self._item, self._shared = work, item, shared

    def context(self) -> Mapping[str, Any]:
        """What expressions of this item may refer to."""
        return {**self._shared, "item": self._item.item, "index": self._item.position}

    def wait(self, step: Step) -> None:
        """pending → waiting."""
        self._work.wait(step)

    def complete(self, step: Step, result: Any) -> None:
        """Commit a result."""
        self._work.complete(step, result)

    def fail(self, step: Step, code: str, message: str) -> None:
        """Fail the item."""
        self._work.fail(step, code, message)


def settle(work: PhaseWork) -> None:
    """Look at what need wait no longer, and begin as many items as there is room for."""
    lists = [step for step in work.steps.values() if step.state == StepState.WAITING and _is_list_of_kind(step)]
    waiting = [step for step in work.steps.values() if waits_by_kind(step)]
    if lists:
        items = Step.objects.filter(parent__in=lists, state=StepState.WAITING).order_by("parent", "position")
        waiting += items.select_related("parent").defer("result")
    over = over_by_kind(waiting)
    for step in waiting:
        if step.pk in over:
            _look(work, step)
    for parent in lists:
        _begin_items(work, parent)


def give_up(steps: QuerySet[Step]) -> int:
    """Cancel those of some steps that have not started, and those that wait by their kind; how many."""
    stop_all(steps)
    idle = steps.filter(state__in=(StepState.PENDING, StepState.READY))
    by_kind = steps.filter(state=StepState.WAITING, kind__in=sorted(KINDS)).exclude(spec__has_key="for_each")
    cancelled = 0
    for each in (idle, by_kind):
        cancelled += each.order_by().update(state=StepState.CANCELLED, finished_at=Now())
    return cancelled


def _is_list_of_kind(step: Step) -> bool:
    return step.kind in KINDS and is_list(step)


def _begin_items(work: PhaseWork, parent: Step) -> None:
    """Begin what fits into the window. Of items that end at once a window's worth is done, and then another look asked.

    So a list of ten thousand projects that nobody waits for is no transaction of ten thousand projects. The first looks
    are made here in turn, the others by a worker.
    """
    limit = (parent.spec or {}).get("max_parallel") or conf().fanout_window
    room = limit - parent.items.filter(state=StepState.WAITING).count()
    if room <= 0 or (parent.on_failure == "fail" and parent.items.filter(state=StepState.FAILED).exists()):
        return
    pending = parent.items.filter(state=StepState.PENDING).select_related("parent").order_by("position")
    chosen = list(pending[:room])
    shared = work.context() if chosen else {}
    for item in chosen:
        _begin(work, item, shared)
    if any(item.state != StepState.WAITING for item in chosen) and pending.exists():
        publishing.wake(work.project.pk)


def _look(work: PhaseWork, step: Step) -> None:
    try:
        KINDS[step.kind].look(work, step)
    except ExpressionFailed as error:  # what was asked is void, and cannot be asked anew
        work.fail(step, error.code, str(error))


def _begin(work: PhaseWork, item: Step, shared: Mapping[str, Any]) -> None:
    try:
        KINDS[item.kind].begin(ItemWork(work, item, shared), item)
    except ExpressionFailed as error:
        work.fail(item, error.code, str(error))
