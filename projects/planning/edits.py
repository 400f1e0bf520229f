"""The six changes that a person can make to the plan of a live project, each a pure function of how it stands.

An edit takes a ``LivePlan`` and gives back an ``Edited``: the next plan, the rows to change, and the difference; or it
refuses with the reason and with what to do instead. Steps that have started keep their rows and what they were told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from projects.blueprints.changing import (
    Definition,
    read_definition,
    with_step_added,
    with_step_changed,
    with_steps,
)
from projects.blueprints.schema import Blueprint, StepSpec
from projects.blueprints.suggestions import did_you_mean
from projects.errors import EditInvalid, NothingChanges, StepStillNeeded
from projects.planning import placing, reviving, soundness
from projects.planning.changeable import (
    check_idle,
    check_not_failing,
    check_phase,
    check_project,
    check_untouched,
    reopened,
)
from projects.planning.liveplan import (
    Action,
    Difference,
    Edited,
    LivePlan,
    RowChange,
    differences,
    neighbours,
    row_changes,
)
from projects.states import StepState


class Edit(Protocol):
    """One change. ``step`` is the key of the step that it is about."""

    mends: ClassVar[bool]  # whether it may be made to a project that has failed

    @property
    def step(self) -> str:
        """The key of the step that it is about."""

    def apply(self, plan: LivePlan) -> Edited:
        """What it comes to. Raises a refusal that says why it cannot be made."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try a failed step again, in its place: the same row and idempotency key, its failures forgotten."""

    step: str
    mends: ClassVar[bool] = True

    def apply(self, plan: LivePlan) -> Edited:
        """See ``Edit``."""
        return reviving.retried(plan, self.step)


@dataclass(frozen=True, slots=True)
class Skip:
    """Pass a step over; what needs it may run, and reads ``result`` as its result."""

    step: str
    result: Any = None
    mends: ClassVar[bool] = True

    def apply(self, plan: LivePlan) -> Edited:
        """See ``Edit``."""
        now, phase = plan.steps[plan.step(self.step).key], plan.phase_of(self.step)
        warnings = self._warnings(plan)
        if now.state is StepState.FAILED:
            return reviving.passed_over(plan, self.step, self.result, warnings)
        check_idle(plan, self.step, "skipped")
        check_phase(plan, phase)
        difference = Difference(
            self.step, phase.key, "skipped", {"state": now.state.value}, {"state": "skipped", "result": self.result}
        )
        skip = RowChange(Action.SKIP, self.step, phase.key, self.result)
        return Edited(plan.blueprint.phases, (skip,), (difference,), reopened(plan), warnings=warnings)

    def _warnings(self, plan: LivePlan) -> tuple[str, ...]:
        if self.result is not None:
            return ()
        readers = soundness.readers_of(plan.blueprint, self.step)
        told = f"Without a stand-in result, results.{self.step} is null, and it is read by {'; '.join(readers)}."
        return (told,) if readers else ()


@dataclass(frozen=True, slots=True)
class Modify:
    """Change what a step that has not started is told: its params, retry policy and limits of time (each laid over
    what there is, a null takes a param or a limit away), its agent or capability, its route, fallback and timeout.

    Who is asked by name is not asked by capability any more, and the other way round.
    """

    step: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    mends: ClassVar[bool] = False

    def apply(self, plan: LivePlan) -> Edited:
        """See ``Edit``."""
        before, phase = plan.step(self.step), plan.phase_of(self.step)
        check_idle(plan, self.step, "changed")
        check_phase(plan, phase)
        index, position = plan.place(self.step)
        after = with_step_changed(plan.blueprint, index, position, self._laid_over(before))
        if after.phases[index].steps[position] == before:
            raise NothingChanges(f"Step {self.step!r} is as it would be then: there is nothing to change.")
        soundness.check_step(after, (index, position), Definition({"key": self.step}), plan.blueprint)
        return _changed(plan, after)

    def _laid_over(self, step: StepSpec) -> dict[str, Any]:
        values = step.model_dump(mode="json")
        laid = dict(self.changes)
        for name in ("params", "retry", "timeouts"):
            given = laid.get(name)
            if isinstance(given, Mapping):
                laid[name] = dict(values.get(name) or {}) | dict(given)
        for name in ("params", "timeouts"):
            if isinstance(self.changes.get(name), Mapping):
                laid[name] = {key: value for key, value in laid[name].items() if value is not None}
        if laid.get("timeouts") == {}:
            laid["timeouts"] = None
        if laid.get("agent") is not None and "capability" not in laid:
            laid = {"capability": None, "version": None, "route": None} | laid
        elif laid.get("capability") is not None and "agent" not in laid:
            laid["agent"] = None
        return laid


@dataclass(frozen=True, slots=True)
class Add:
    """Put a new step before another, after another, between two, or at the end of a phase."""

    definition: Definition
    before: str | None = None
    after: str | None = None
    phase: str | None = None
    mends: ClassVar[bool] = False

    @property
    def step(self) -> str:
        """Its key."""
        return self.definition.key

    def apply(self, plan: LivePlan) -> Edited:
        """See ``Edit``."""
        index, position = self._place(plan)
        phase = plan.blueprint.phases[index]
        check_phase(plan, phase)
        check_not_failing(plan, phase)
        if self.before is not None:
            check_untouched(plan, self.before, "Nothing can be put before it any more.")
        shaped = with_step_added(plan.blueprint, index, position, self.definition)
        soundness.check_key(plan, self.definition)
        soundness.check_needs(shaped, (index, position), self.definition)
        added = shaped.phases[index].steps[position]
        needs = placing.put_in(
            {step.key: step.needs for step in phase.steps},
            added.key,
            (*added.needs, *self._inherited(plan)),
            before=self.before,
            after=self.after,
            can_wait=lambda key: plan.steps[key].is_untouched,
        )
        after = _with_needs(shaped, index, needs)
        soundness.check_cycles(after, index)
        soundness.check_step(after, (index, position), self.definition, plan.blueprint)
        return _changed(plan, after)

    def _inherited(self, plan: LivePlan) -> tuple[str, ...]:
        """A step that does not say what it needs takes that over from the one that it is put before."""
        return plan.step(self.before).needs if self.before and "needs" not in self.definition.values else ()

    def _place(self, plan: LivePlan) -> tuple[int, int]:
        """Its phase and its position there. Raises ``EditInvalid`` where they are not said, or not as one."""
        if self.before is None and self.after is None:
            if self.phase is None:
                raise EditInvalid("Say where it is to stand: before or after a step, or at the end of which phase.")
            index = _phase_named(plan, self.phase)
            return index, len(plan.blueprint.phases[index].steps)
        index, position = _beside(plan, self.before, self.after)
        if self.phase is not None and plan.blueprint.phases[index].key != self.phase:
            raise EditInvalid(
                f"Phase {self.phase!r} has no step {self.before or self.after!r}: "
                f"it belongs to phase {plan.blueprint.phases[index].key!r}."
            )
        return index, position


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a step out that has not started and that nothing needs."""

    step: str
    mends: ClassVar[bool] = False

    def apply(self, plan: LivePlan) -> Edited:
        """See ``Edit``."""
        phase = plan.phase_of(self.step)
        check_untouched(plan, self.step, "It cannot be removed any more.")
        check_phase(plan, phase)
        needing = [step.key for step in phase.steps if self.step in step.needs]
        if needing:
            raise StepStillNeeded(
                f"Step {self.step!r} cannot be removed: {neighbours(needing)} "
                f"{'needs' if len(needing) == 1 else 'need'} it. Skip it with a stand-in result instead, or remove "
                "what needs it first.",
                needed_by=needing,
            )
        if len(phase.steps) == 1:
            raise StepStillNeeded(
                f"Step {self.step!r} cannot be removed: phase {phase.key!r} has no other, and needs one. "
                "Skip it instead."
            )
        readers = soundness.readers_of(plan.blueprint, self.step)
        if readers:
            raise StepStillNeeded(
                f"Step {self.step!r} cannot be removed: its result is read by {'; '.join(readers)}. Skip it with a "
                "stand-in result instead.",
                read_by=readers,
            )
        return _changed(plan, soundness.without(plan.blueprint, self.step))


@dataclass(frozen=True, slots=True)
class Reorder:
    """Move a step that has not started to before or after another of its phase, or have it need other steps."""

    step: str
    before: str | None = None
    after: str | None = None
    needs: tuple[str, ...] | None = None
    mends: ClassVar[bool] = False

    def apply(self, plan: LivePlan) -> Edited:
        """See ``Edit``."""
        index, position = plan.place(self.step)
        phase = plan.phase_of(self.step)
        check_untouched(plan, self.step, "It cannot be moved any more.")
        check_phase(plan, phase)
        target = self._target(plan, index, position)
        needs = placing.moved(
            {step.key: step.needs for step in phase.steps},
            self.step,
            self.needs,
            before=self.before,
            after=self.after,
            can_wait=lambda key: plan.steps[key].is_untouched,
        )
        steps = [step for step in phase.steps if step.key != self.step]
        steps.insert(target, plan.step(self.step))
        after = _with_needs(with_steps(plan.blueprint, index, steps), index, needs)
        if after == plan.blueprint:
            raise NothingChanges(f"Step {self.step!r} stands there already.")
        for step in after.phases[index].steps:
            if step.needs != plan.step(step.key).needs:
                check_untouched(plan, step.key, f"What it needs would change if {self.step!r} were moved there.")
        soundness.check_needs(after, (index, target), Definition({"key": self.step}))
        soundness.check_cycles(after, index)
        soundness.check_plan(after, plan.blueprint)
        return _changed(plan, after, moved=self.step)

    def _target(self, plan: LivePlan, index: int, position: int) -> int:
        """Its position once it has been taken out. Raises ``EditInvalid``."""
        if self.before is None and self.after is None:
            if self.needs is None:
                raise EditInvalid("Say where to: before or after another step, or what it is to need.")
            return position
        if self.step in (self.before, self.after):
            raise EditInvalid(f"Step {self.step!r} cannot stand before or after itself.")
        beside, found = _beside(plan, self.before, self.after)
        if beside != index:
            raise EditInvalid(
                f"Step {self.before or self.after!r} belongs to phase {plan.blueprint.phases[beside].key!r}, and "
                f"{self.step!r} to {plan.blueprint.phases[index].key!r}: steps are moved within their phase."
            )
        return found - (1 if position < found else 0)


def edited(plan: LivePlan, edit: Edit) -> Edited:
    """What an edit of a plan comes to. Raises the refusals of ``projects.errors``, or ``StepInvalid``."""
    check_project(plan, mends=edit.mends)
    return edit.apply(plan)


# --- from plain values ---------------------------------------------------------------------------------------------


def edit_of(change: str, step: str, arguments: Mapping[str, Any]) -> Edit:
    """The edit that plain values describe. Raises ``EditInvalid``, or ``StepInvalid`` for the definition of a step."""
    if change not in EDITS:
        raise EditInvalid(f"There is no change {change!r}. {did_you_mean(change, EDITS)}".strip())
    known, make = EDITS[change]
    for name in arguments:
        if name not in known:
            hint = did_you_mean(str(name), known) or "It takes none."
            raise EditInvalid(f"{change} takes no {str(name)[:100]!r}. {hint}")
    if not step and change != "add":
        raise EditInvalid(f"Say which step to {change}.")
    return make(step, dict(arguments))


def _modify(step: str, arguments: dict[str, Any]) -> Edit:
    if not arguments:
        raise EditInvalid(f"Say what to change: {', '.join(MODIFIABLE[:-1])} or {MODIFIABLE[-1]}.")
    return Modify(step, arguments)


def _add(step: str, arguments: dict[str, Any]) -> Edit:
    if "definition" not in arguments:
        raise EditInvalid("Give the step to add as `definition`.")
    definition = read_definition(arguments["definition"])
    if step and definition.key and step != definition.key:
        raise EditInvalid(f"The step to add is called {definition.key!r} in its definition, and not {step!r}.")
    return Add(definition, **{name: _key(arguments, name) for name in ("before", "after", "phase")})


def _reorder(step: str, arguments: dict[str, Any]) -> Edit:
    needs = arguments.get("needs")
    if needs is not None and not (isinstance(needs, list | tuple) and all(isinstance(each, str) for each in needs)):
        raise EditInvalid("`needs` is a list of the keys of steps.")
    return Reorder(step, _key(arguments, "before"), _key(arguments, "after"), None if needs is None else tuple(needs))


def _key(arguments: Mapping[str, Any], name: str) -> str | None:
    value = arguments.get(name)
    if value is not None and not isinstance(value, str):
        raise EditInvalid(f"`{name}` is the key of a {'phase' if name == 'phase' else 'step'}.")
    return value or None


MODIFIABLE = ("params", "agent", "capability", "version", "route", "fallback", "timeout", "timeouts", "retry")
"""What may be written anew of a step that has not started."""

EDITS: Mapping[str, tuple[tuple[str, ...], Callable[[str, dict[str, Any]], Edit]]] = {
    "retry": ((), lambda step, _: Retry(step)),
    "skip": (("result",), lambda step, given: Skip(step, given.get("result"))),
    "modify": (MODIFIABLE, _modify),
    "add": (("definition", "before", "after", "phase"), _add),
    "remove": ((), lambda step, _: Remove(step)),
    "reorder": (("before", "after", "needs"), _reorder),
}
"""Each change by its name: the arguments that it takes, and what makes the edit of them."""


# --- what several have in common -----------------------------------------------------------------------------------


def _changed(plan: LivePlan, after: Blueprint, *, moved: str | None = None) -> Edited:
    rows, found = row_changes(plan, after), differences(plan, after, moved=moved)
    return Edited(after.phases, rows, found, reopened(plan))


def _with_needs(blueprint: Blueprint, index: int, needs: placing.Needs) -> Blueprint:
    return with_steps(
        blueprint,
        index,
        (
            step if step.needs == needs[step.key] else step.model_copy(update={"needs": needs[step.key]})
            for step in blueprint.phases[index].steps
        ),
    )


def _phase_named(plan: LivePlan, key: str) -> int:
    keys = [phase.key for phase in plan.blueprint.phases]
    if key not in keys:
        raise EditInvalid(f"There is no phase {key!r}. {did_you_mean(key, keys, known_as='The plan has')}")
    return keys.index(key)


def _beside(plan: LivePlan, before: str | None, after: str | None) -> tuple[int, int]:
    """The phase of the neighbours, and the position between them. Raises ``EditInvalid``, ``StepNotInPlan``."""
    if before is None:
        index, position = plan.place(after or "")
        return index, position + 1
    index, position = plan.place(before)
    if after is not None and plan.place(after)[0] != index:
        raise EditInvalid(f"Steps {after!r} and {before!r} belong to different phases: there is no place between them.")
    return index, position
