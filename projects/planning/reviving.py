"""Mending what failed: a step tried again or passed over, and with it what its failure had ended."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Any

from projects.blueprints.schema import PhaseSpec
from projects.errors import PhaseIsOver, StepHasStarted, StepNotFailed
from projects.planning.changeable import BACK, has_started, reopened
from projects.planning.liveplan import NEED_NOT_MET, PASSED_OVER, Action, Difference, Edited, LivePlan, RowChange
from projects.states import PhaseState, ProjectState, StepState


def retried(plan: LivePlan, key: str) -> Edited:
    """A failed step is pending again. Raises ``StepNotFailed``, ``StepHasStarted``, ``PhaseIsOver``."""
    match plan.steps[plan.step(key).key].state:
        case StepState.FAILED:
            return _mended(plan, RowChange(Action.RETRY, key, plan.phase_of(key).key), "retried", {"state": "pending"})
        case StepState.COMPLETED:
            raise StepNotFailed(f"Step {key!r} is completed: a committed result is not computed again. {BACK}")
        case StepState.PENDING | StepState.READY as state:
            raise StepNotFailed(f"Step {key!r} has not failed: it is {state}, and runs when its turn comes.")
        case _:
            raise has_started(plan, key, "Only a failed step is retried.")


def passed_over(plan: LivePlan, key: str, result: Any, warnings: tuple[str, ...]) -> Edited:
    """A failed step is skipped, with a stand-in result. Raises ``StepHasStarted``, ``PhaseIsOver``."""
    skip = RowChange(Action.SKIP, key, plan.phase_of(key).key, result)
    return _mended(plan, skip, "skipped", {"state": "skipped", "result": result}, warnings)


def _mended(
    plan: LivePlan, mend: RowChange, change: str, after: dict[str, Any], warnings: tuple[str, ...] = ()
) -> Edited:
    phase = plan.phase_of(mend.step)
    _check_going_on(plan, phase)
    _check_followers(plan, phase, mend.step)
    still_failed = tuple(key for key in plan.failing(phase) if key != mend.step)
    rows = [mend]
    if mend.action is Action.RETRY:
        rows += _to_wait_again(plan, phase, mend.step)
    rows += _revived(plan, phase, mend.step, everything=not still_failed)
    difference = [Difference(mend.step, phase.key, change, {"state": "failed"}, after)]
    difference += [
        Difference(row.step, row.phase, "revived", {"state": plan.steps[row.step].state.value}, {"state": "pending"})
        for row in rows[1:]
    ]
    return Edited(
        plan.blueprint.phases,
        tuple(rows),
        tuple(difference),
        reopened(plan) if still_failed else {**reopened(plan), **_phases(plan)},
        revives=plan.project is ProjectState.FAILED and not still_failed,
        still_failed=still_failed,
        warnings=warnings,
    )


def _check_going_on(plan: LivePlan, phase: PhaseSpec) -> None:
    """Raise ``PhaseIsOver`` for a failure that its phase has passed by."""
    if plan.phases[phase.key] not in (PhaseState.RUNNING, PhaseState.WAITING, PhaseState.FAILED):
        raise PhaseIsOver(f"Phase {phase.key!r} is {plan.phases[phase.key]}: it has gone on without the step. {BACK}")


def _check_followers(plan: LivePlan, phase: PhaseSpec, key: str) -> None:
    """Raise ``StepHasStarted`` where a step that needs this one has run, or was judged, without its result."""
    for follower in _followers(plan, phase, key):
        now = plan.steps[follower]
        spared = now.state is StepState.SKIPPED and now.code == NEED_NOT_MET
        if not (now.is_untouched or spared or now.state is StepState.CANCELLED):
            raise StepHasStarted(
                f"Step {follower!r}, which needs {key!r}, is {now.state}: it has gone on without its result. "
                f"Restore a checkpoint from before {follower!r}, or rerun the project."
            )


def _to_wait_again(plan: LivePlan, phase: PhaseSpec, key: str) -> list[RowChange]:
    """Steps that were let through by the failure and are about to run: they wait for the result after all."""
    ready = [each for each in _followers(plan, phase, key) if plan.steps[each].state is StepState.READY]
    return [RowChange(Action.REPLACE, each, phase.key) for each in ready]


def _followers(plan: LivePlan, phase: PhaseSpec, key: str) -> list[str]:
    """Steps that need a step, directly or by way of others that were passed over, which let what is before through."""
    found, before = [], {key}
    for step in _in_order(phase):
        if before & set(plan.step(step).needs):
            now = plan.steps[step]
            if now.state is StepState.SKIPPED and now.code == PASSED_OVER:
                before.add(step)
            else:
                found.append(step)
    return found


def _revived(plan: LivePlan, phase: PhaseSpec, key: str, *, everything: bool) -> list[RowChange]:
    """What was skipped for want of the step; and where nothing else has failed, all that the failure cancelled."""
    rows = []
    waiting = {key}
    for step in _in_order(phase):
        now = plan.steps[step]
        if now.state is StepState.SKIPPED and now.code == NEED_NOT_MET and waiting & set(plan.step(step).needs):
            waiting.add(step)
            rows.append(RowChange(Action.REVIVE, step, phase.key))
    for each in plan.blueprint.phases if everything else ():
        if each is phase or plan.phases[each.key] is PhaseState.CANCELLED:
            cancelled = (step.key for step in each.steps if plan.steps[step.key].state is StepState.CANCELLED)
            rows += [RowChange(Action.REVIVE, step, each.key) for step in cancelled]
    return rows


def _in_order(phase: PhaseSpec) -> list[str]:
    """The steps of a phase, each after all that it needs."""
    return list(TopologicalSorter({step.key: step.needs for step in phase.steps}).static_order())


def _phases(plan: LivePlan) -> dict[str, PhaseState]:
    """What failed runs again, and what was cancelled with it waits for its turn."""
    back = {PhaseState.FAILED: PhaseState.RUNNING, PhaseState.CANCELLED: PhaseState.PENDING}
    return {key: back[state] for key, state in plan.phases.items() if state in back}
