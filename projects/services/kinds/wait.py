"""``kind: wait``: for a time, for a named signal, or for whichever comes first.

A signal that was sent before the step began to wait is kept, and taken then; each is taken once, the oldest first.
The time is a timer, which moves with a pause. Where both have come when the engine looks, the signal counts: a
message that somebody sent in time is not lost to the moment at which the engine happened to look.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from orchestrator_site.history import services as history
from projects.blueprints.durations import HOW_TO, parse_duration
from projects.blueprints.expressions import render
from projects.blueprints.schema import WaitSpec
from projects.models import Signal, Timer
from projects.models.timer import TimerKind
from projects.services import timers
from projects.services.kinds.specification import specification_of

if TYPE_CHECKING:
    from projects.models import Step
    from projects.services.kinds import Work


class WaitKind:
    """Waits for a time or a signal."""

    def begin(self, work: Work, step: Step) -> None:
        """Take a signal that is there already; else set the timer, and wait."""
        spec = _spec(step)
        given = spec.duration
        try:
            if isinstance(given, str):
                given = parse_duration(render(given, work.context()))
        except ValueError as error:
            work.fail(step, "duration_invalid", f"`for` of {step.key!r} gave no duration: {error}. {HOW_TO}")
            return
        if self._take(work, step, spec):
            return
        if given == 0:
            work.complete(step, _result(spec, None))
            return
        if given is not None:
            timers.set_timer(step, TimerKind.WAIT, given)
        work.wait(step)

    def over(self, steps: Sequence[Step]) -> Collection[UUID]:
        """Those for which a signal is there, and those whose timer has fired."""
        projects = {step.project_id for step in steps}
        sent = set(Signal.objects.waiting().filter(project__in=projects).values_list("project_id", "name").distinct())
        running = set(Timer.objects.filter(step__in=steps, kind=TimerKind.WAIT).values_list("step_id", flat=True))
        return [step.pk for step in steps if _is_over(step, sent, running)]

    def look(self, work: Work, step: Step) -> None:
        """Complete it by a signal, or by its time."""
        spec = _spec(step)
        if self._take(work, step, spec):
            timers.clear(step, TimerKind.WAIT)
        elif _has_rung(step, spec):
            work.complete(step, _result(spec, None))

    def stop(self, step: Step) -> None:
        """Nobody waits for its timer any more."""
        timers.clear(step, TimerKind.WAIT)

    def _take(self, work: Work, step: Step, spec: WaitSpec) -> bool:
        """Complete the step by the oldest signal of its name. False: there is none."""
        if spec.signal is None:
            return False
        signal = Signal.objects.take(project_id=step.project_id, name=spec.signal, step_id=step.pk)
        if signal is None:
            return False
        data = {"signal": signal.pk, "name": signal.name, "round": step.round}
        history.append(step.project_id, "signal.taken", actor="system", subject=step.key, data=data)
        work.complete(step, _result(spec, signal))
        return True


def _spec(step: Step) -> WaitSpec:
    return WaitSpec.model_validate(specification_of(step)["wait"])


def _is_over(step: Step, sent: set[tuple[UUID, str]], running: set[UUID]) -> bool:
    spec = _spec(step)
    if spec.signal is not None and (step.project_id, spec.signal) in sent:
        return True
    return spec.duration is not None and step.pk not in running


def _has_rung(step: Step, spec: WaitSpec) -> bool:
    """Whether its time is over: the row of its timer is taken away when it fires."""
    return spec.duration is not None and not Timer.objects.filter(step=step, kind=TimerKind.WAIT).exists()


def _result(spec: WaitSpec, signal: Signal | None) -> Any:
    """The payload where only a signal could end it, nothing where only time could, else which of them did."""
    if spec.duration is None:
        return None if signal is None else signal.payload
    if spec.signal is None:
        return None
    return {
        "signal": None if signal is None else signal.name,
        "payload": None if signal is None else signal.payload,
        "timed_out": signal is None,
    }
