"""Who is told when a circuit changes: whoever asked to be, in the process that brought the change about."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agents.resilience.values import Change

Observer = Callable[[Change], None]

_observers: list[Observer] = []
_logger = logging.getLogger(__name__)


def watch(observer: Observer) -> Observer:
    """Have ``observer`` called with every change of a circuit that this process brings about; once, however often it
    is named. It should be quick, and what it raises is logged."""
    if observer not in _observers:
        _observers.append(observer)
    return observer


def unwatch(observer: Observer) -> None:
    """Have it called no more."""
    if observer in _observers:
        _observers.remove(observer)


def report(change: Change | None) -> None:
    """Tell all observers. A step does not fail because somebody could not be told."""
    if change is None:
        return
    _logger.info("Circuit of agent %s: %s → %s (%s)", change.agent_id, change.before, change.after, change.why)
    for observer in tuple(_observers):
        try:
            observer(change)
        except Exception:
            _logger.exception("An observer of circuits failed.")
