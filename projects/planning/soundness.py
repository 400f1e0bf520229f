"""Whether a plan still holds after a change: needs that are there, no cycles, nothing read that will not be there.

The checks are those of the blueprint language. What they find in the step that was written is told as mistakes of it;
what they find elsewhere, as what the change would break.
"""

from __future__ import annotations

from collections.abc import Iterable

from projects.blueprints.changing import Definition, refuse, with_steps, within
from projects.blueprints.expression_checks import check_expressions
from projects.blueprints.graph_checks import check_graph, cycles
from projects.blueprints.load import mistakes_in
from projects.blueprints.paths import Place, written
from projects.blueprints.schema import Blueprint, StepSpec
from projects.blueprints.shaping import Finding
from projects.errors import PlanWouldBreak, WouldMakeCycle
from projects.planning.liveplan import LivePlan


def check_key(plan: LivePlan, definition: Definition) -> None:
    """Raise ``StepInvalid`` where a step that is not in the plan any more has left results under the key."""
    if definition.key in plan.past:
        message = f"the key {definition.key!r} belonged to a step that has run, and its results are found by it"
        refuse([Finding(("key",), message, "Choose another key.")], definition)


def check_needs(after: Blueprint, at: tuple[int, int], definition: Definition) -> None:
    """Raise ``StepInvalid`` where a step needs what is not in its phase."""
    place = (*_place(at), "needs")
    found = (within(finding, _place(at)) for finding in check_graph(after) if finding.place[: len(place)] == place)
    refuse((finding for finding in found if finding is not None and len(finding.place) > 1), definition)


def check_cycles(after: Blueprint, phase: int) -> None:
    """Raise ``WouldMakeCycle``, naming the way round."""
    for finding in cycles(phase, after.phases[phase]):
        raise WouldMakeCycle(f"This would make a cycle: {finding.message}.")


def check_step(after: Blueprint, at: tuple[int, int], definition: Definition, before: Blueprint) -> None:
    """Raise ``StepInvalid`` for mistakes of a step that was written, ``PlanWouldBreak`` for what it does to others."""
    found = _new_mistakes(after, before)
    own = [(finding, within(finding, _place(at))) for finding in found]
    refuse((finding for _, finding in own if finding is not None), definition)
    _refuse_breaking(after, (finding for finding, inside in own if inside is None))


def check_plan(after: Blueprint, before: Blueprint) -> None:
    """Raise ``PlanWouldBreak`` for whatever is wrong with a plan and was not with the one before."""
    _refuse_breaking(after, _new_mistakes(after, before))


def readers_of(blueprint: Blueprint, key: str) -> list[str]:
    """Where the result of a step is read, in words."""
    rest = without(blueprint, key)
    known = {finding.message for finding in check_expressions(blueprint)}
    return list(
        dict.fromkeys(
            _where(rest, finding.place) for finding in check_expressions(rest) if finding.message not in known
        )
    )


def without(blueprint: Blueprint, key: str) -> Blueprint:
    """The blueprint with one step less, which nobody needs any more."""
    index = next(n for n, phase in enumerate(blueprint.phases) if key in {step.key for step in phase.steps})
    rest = [step for step in blueprint.phases[index].steps if step.key != key]
    return with_steps(blueprint, index, (_not_needing(step, key) for step in rest))


def _not_needing(step: StepSpec, key: str) -> StepSpec:
    if key not in step.needs:
        return step
    return step.model_copy(update={"needs": tuple(need for need in step.needs if need != key)})


def _new_mistakes(after: Blueprint, before: Blueprint) -> list[Finding]:
    """A plan is not to be refused for what an earlier version of the language let pass."""
    found = list(mistakes_in(after))
    known = {finding.message for finding in mistakes_in(before)} if found else set()
    return [finding for finding in found if finding.message not in known]


def _refuse_breaking(after: Blueprint, findings: Iterable[Finding]) -> None:
    told = [f"{_where(after, finding.place)}: {finding.message}." for finding in findings]
    if told:
        raise PlanWouldBreak(f"The plan would not hold any more. {' '.join(told[:5])}", broken=told)


def _where(blueprint: Blueprint, place: Place) -> str:
    match place:
        case ("phases", int(phase), "steps", int(position), *rest):
            holder = f"step {blueprint.phases[phase].steps[position].key!r}"
        case ("phases", int(phase), "gate", *rest):
            holder = f"the gate of phase {blueprint.phases[phase].key!r}"
        case _:
            return written(place)
    return f"{holder} ({written(tuple(rest))})" if rest else holder


def _place(at: tuple[int, int]) -> Place:
    return ("phases", at[0], "steps", at[1])
