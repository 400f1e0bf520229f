"""Whether a project, its phases and its steps may still be changed, and the refusal that says why not."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator_site.errors import Refused
from projects.blueprints.schema import PhaseSpec, StepKind, StepSpec
from projects.errors import PhaseIsOver, RefusedInState, StepHasStarted
from projects.planning.liveplan import LivePlan
from projects.states import Directive, PhaseState, ProjectState, StepState

BACK = "Restore a checkpoint from before it, or rerun the project from it."


def check_project(plan: LivePlan, *, mends: bool) -> None:
    """Raise ``RefusedInState`` where the plan cannot be changed as the project stands; ``mends`` what has failed."""
    if plan.project in (ProjectState.COMPLETED, ProjectState.CANCELLED):
        raise RefusedInState(f"The project is {plan.project}: its plan cannot be changed any more. Rerun it instead.")
    if plan.directive is Directive.CANCEL:
        raise RefusedInState("The project is being cancelled: its plan cannot be changed any more.")
    if plan.project is ProjectState.FAILED and not mends:
        failing = [key for phase in plan.blueprint.phases for key in plan.failing(phase)]
        which = f", {failing[0]!r}," if failing else ""
        raise RefusedInState(f"The project has failed: retry or skip the step that failed{which} before other changes.")


def check_phase(plan: LivePlan, phase: PhaseSpec) -> None:
    """Raise ``PhaseIsOver`` where nothing of a phase can be changed any more."""
    state = plan.phases[phase.key]
    if state in (PhaseState.COMPLETED, PhaseState.FAILED, PhaseState.CANCELLED):
        raise PhaseIsOver(f"Phase {phase.key!r} is {state}: its steps cannot be changed any more. {_HOW_BACK}")


def check_not_failing(plan: LivePlan, phase: PhaseSpec) -> None:
    """Raise ``PhaseIsOver`` where a step has failed a phase: what is put there would be cancelled at once."""
    if failing := plan.failing(phase):
        raise PhaseIsOver(
            f"Step {failing[0]!r} has failed phase {phase.key!r}: retry it or skip it before anything is put there."
        )


def check_idle(plan: LivePlan, key: str, done: str) -> None:
    """Raise ``StepHasStarted``, with what to do instead, where a step is at work or over. ``done``: as in *changed*."""
    if not plan.steps[key].is_idle:
        raise has_started(plan, key, f"It cannot be {done} any more.")


def check_untouched(plan: LivePlan, key: str, consequence: str) -> None:
    """Raise ``StepHasStarted`` where a step has ever been claimed, also if it is to be tried again."""
    now = plan.steps[plan.step(key).key]
    if not now.is_idle:
        raise has_started(plan, key, consequence)
    if now.attempts:
        raise StepHasStarted(
            f"Step {key!r} has been tried {now.attempts} time{'s' if now.attempts > 1 else ''} and is to be tried "
            f"again. {consequence} Skip it, or modify it, instead."
        )


def has_started(plan: LivePlan, key: str, consequence: str) -> Refused:
    """The refusal for a step that is at work or over, with the advice that fits its state."""
    return StepHasStarted(f"Step {key!r} {_standing(plan, key)}. {consequence} {_advice(plan, key)}".strip())


def reopened(plan: LivePlan) -> Mapping[str, PhaseState]:
    """A phase that waits for its approval goes back to its gate: what is asked there was of the plan before."""
    return {key: PhaseState.RUNNING for key, state in plan.phases.items() if state is PhaseState.WAITING}


_HOW_BACK = "Restore a checkpoint from before its end, or rerun the project."


def _standing(plan: LivePlan, key: str) -> str:
    match plan.steps[key].state:
        case StepState.RUNNING:
            return "is running"
        case StepState.WAITING:
            return "has begun, and waits"
        case StepState.COMPLETED:
            return "is completed"
        case StepState.CANCELLED:
            return "was cancelled"
        case StepState.FAILED:
            return "has failed"
        case state:
            return f"is {state}"


def _how_it_ends(step: StepSpec) -> str:
    """What ends a step that waits: a pause does not, as its clock stands still in one."""
    if step.wait is not None and step.wait.signal:
        return "Send its signal, or cancel the project."
    if step.kind == StepKind.APPROVAL:
        return "Have its approval decided, or cancel the project."
    return "Let it end by itself, or cancel the project."


def _advice(plan: LivePlan, key: str) -> str:
    match plan.steps[key].state:
        case StepState.RUNNING:
            return "Pause the project and let it end, or cancel the project."
        case StepState.WAITING:
            return _how_it_ends(plan.step(key))
        case StepState.COMPLETED:
            return BACK
        case StepState.FAILED:
            return "Retry it, or skip it with a stand-in result."
        case StepState.CANCELLED:
            failing = plan.failing(plan.phase_of(key))
            return f"It runs again when {failing[0]!r}, which failed, is retried or skipped." if failing else ""
        case _:
            return ""
