"""Live plans out of a few words: ``a b<a c<b,a`` are three steps, and what each needs stands behind the arrow."""

from __future__ import annotations

from typing import Any

from projects.blueprints.load import load_text
from projects.planning.edits import edit_of, edited
from projects.planning.liveplan import Edited, LivePlan, StepNow
from projects.states import Directive, PhaseState, ProjectState, StepState

STATES = {state.value: state for state in StepState}


def live(
    *phases: str,
    project: ProjectState = ProjectState.RUNNING,
    directive: Directive = Directive.RUN,
    standing: tuple[PhaseState, ...] = (),
    past: frozenset[str] = frozenset(),
    extra: dict[str, str] | None = None,
    gates: dict[str, str] | None = None,
    **steps: Any,
) -> LivePlan:
    """Phases p1, p2 … of such steps; ``extra`` is more YAML of a step, ``gates`` of a phase, and ``steps`` how steps
    stand: a state, ``skipped:code``, or ``ready:2`` after two attempts."""
    text = (
        "name: plan\nversion: 1\ntitle: A plan\ninputs: {type: object, properties: {who: {type: string, default: x}}}\n"
    )
    text += "phases:\n"
    for number, words in enumerate(phases, start=1):
        text += f"  - key: p{number}\n    steps:\n"
        for word in words.split():
            key, _, needs = word.partition("<")
            more = (extra or {}).get(key, "")
            text += f"      - {{key: {key}, agent: echo, needs: [{needs}]{', ' + more if more else ''}}}\n"
        if gates and f"p{number}" in gates:
            text += f"    gate: {gates[f'p{number}']}\n"
    blueprint = load_text(text).blueprint
    default = (PhaseState.RUNNING, *[PhaseState.PENDING] * (len(phases) - 1))
    return LivePlan(
        blueprint,
        {phase.key: state for phase, state in zip(blueprint.phases, standing or default, strict=True)},
        {step.key: _now(steps.get(step.key, "pending")) for phase in blueprint.phases for step in phase.steps},
        project,
        directive,
        past,
    )


def _now(said: str) -> StepNow:
    state, _, more = said.partition(":")
    begun = state in ("running", "waiting", "completed", "failed")
    attempts = int(more) if more.isdigit() else int(begun)
    return StepNow(STATES[state], attempts, "" if more.isdigit() else more)


def change(plan: LivePlan, verb: str, step: str = "", **arguments: Any) -> Edited:
    """What a change of a plan comes to."""
    return edited(plan, edit_of(verb, step, arguments))


def drawn(outcome: Edited) -> str:
    """The next plan in the same words, phases with a bar between."""
    return " | ".join(
        " ".join(step.key + ("<" + ",".join(step.needs) if step.needs else "") for step in phase.steps)
        for phase in outcome.plan
    )


def rows(outcome: Edited) -> dict[str, str]:
    """What is done to which row."""
    return {row.step: row.action.value for row in outcome.rows}


def lines(outcome: Edited) -> dict[str, tuple[str, Any, Any]]:
    """The difference by step."""
    return {each.step: (each.change, each.before, each.after) for each in outcome.difference}
