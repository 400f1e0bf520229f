"""Who does a step, and the numbers that have to fit one another."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from projects.blueprints.paths import Place
from projects.blueprints.schema import Blueprint, RetryPolicy, StepKind, StepSpec
from projects.blueprints.shaping import Finding

# Which key says what a step of a kind does; agents and scatters are named by `agent` and `capability`.
_SUBJECT = {
    StepKind.APPROVAL: "approval",
    StepKind.WAIT: "wait",
    StepKind.PROJECT: "project",
    StepKind.SAGA: "saga",
    StepKind.SWARM: "swarm",
    StepKind.SCATTER: "scatter",
}

_WITHOUT_PARAMS = (StepKind.APPROVAL, StepKind.WAIT, StepKind.PROJECT, StepKind.SWARM)


def check_steps(blueprint: Blueprint) -> Iterator[Finding]:
    """Everything within one step, and the defaults."""
    yield from _retry(blueprint.defaults.retry, ("defaults", "retry"))
    documents = blueprint.documents
    if documents is not None and documents.max is not None and documents.max < documents.min:
        yield Finding(
            ("documents", "max"), f"at most {documents.max} documents are fewer than the least, {documents.min}"
        )
    for index, phase in enumerate(blueprint.phases):
        for position, step in enumerate(phase.steps):
            place: Place = ("phases", index, "steps", position)
            yield from _performer(step, place)
            yield from _subject(step, place)
            yield from _wait(step, place)
            yield from _child(step, place, blueprint)
            yield from _retry(step.retry, (*place, "retry"))
            if step.max_parallel is not None and step.for_each is None and step.kind is not StepKind.SWARM:
                yield Finding(
                    (*place, "max_parallel"),
                    "max_parallel is for steps with `for_each`",
                    "Remove it, or add `for_each`.",
                )


def _performer(step: StepSpec, place: Place) -> Iterator[Finding]:
    if step.kind is StepKind.AGENT and step.agent is None and step.capability is None:
        yield Finding(place, f"the step {step.key!r} names no agent", "Add `agent: NAME`.")
    if step.kind is StepKind.SCATTER and step.capability is None:
        yield Finding(place, f"the step {step.key!r} names no capability to ask for", "Add `capability: NAME`.")
    if step.agent is not None and step.capability is not None:
        yield Finding(
            (*place, "capability"), "a step names an agent or a capability, and this names both", "Remove one of them."
        )
    if step.kind not in (StepKind.AGENT, StepKind.SCATTER):
        for key in ("agent", "capability"):
            if getattr(step, key) is not None:
                hint = "Write it into `objective`." if step.kind is StepKind.SWARM else "Remove it."
                yield Finding((*place, key), f"a step of kind {step.kind} has no `{key}`", hint, at_key=True)
    if step.kind not in (StepKind.APPROVAL, StepKind.WAIT, StepKind.PROJECT):
        for key in ("version", "route"):
            asked = step.capability if key == "version" else step.asked.capability
            if getattr(step, key) is not None and asked is None:
                yield Finding((*place, key), f"`{key}` goes with `capability`", "Add `capability`, or remove it.")
    if step.version is not None and not is_range(step.version):
        yield Finding((*place, "version"), f"{step.version!r} is no version range", 'Write, for instance, ">=1.2,<2".')


def is_range(text: str) -> bool:
    """Whether a text is a range of versions, as PEP 440 writes them."""
    try:
        SpecifierSet(text)
    except InvalidSpecifier:
        return False
    return True


def _subject(step: StepSpec, place: Place) -> Iterator[Finding]:
    wanted = _SUBJECT.get(step.kind)
    if wanted is not None and wanted != "scatter" and getattr(step, wanted) is None:
        yield Finding(place, f"a step of kind {step.kind} says what it does in `{wanted}`", f"Add `{wanted}:`.")
    if step.params and step.kind in _WITHOUT_PARAMS:
        message = f"a step of kind {step.kind} is no agent's work, and has no `params`"
        where = "swarm.objective.params" if step.kind is StepKind.SWARM else wanted
        yield Finding((*place, "params"), message, f"Write what it needs into `{where}`.", at_key=True)
    for kind, key in _SUBJECT.items():
        if kind is not step.kind and getattr(step, key) is not None:
            yield Finding(
                (*place, key),
                f"`{key}` belongs to steps of kind {kind}",
                f"Add `kind: {kind}`, or remove it.",
                at_key=True,
            )


def _wait(step: StepSpec, place: Place) -> Iterator[Finding]:
    if step.wait is not None and step.wait.duration is None and step.wait.signal is None:
        yield Finding((*place, "wait"), "there is nothing to wait for", "Add `for: 2h`, or `signal: NAME`.")


def _child(step: StepSpec, place: Place, blueprint: Blueprint) -> Iterator[Finding]:
    if step.project is None:
        return
    name, _, version = step.project.blueprint.partition("@")
    here: Place = (*place, "project", "blueprint")
    if name.endswith((".yaml", ".yml")):
        yield Finding(here, "a child is named by its blueprint, not by a file", "Register it, and write its name.")
    itself = name == blueprint.name and version in ("", str(blueprint.version))
    if itself and _is_unconditional(step):
        yield Finding(
            here,
            f"{blueprint.name!r} starts itself, and that one itself again, without end",
            "Add `when` with a condition that is false some time, or name another blueprint.",
        )


def _is_unconditional(step: StepSpec) -> bool:
    """Whether nothing in the step itself can keep it from running."""
    return step.when is None and step.for_each is None


def unconditional_children(blueprint: Blueprint) -> list[str]:
    """The blueprints that a blueprint starts whatever happens, by ``name`` or ``name@version``, each once."""
    steps = (step for phase in blueprint.phases for step in phase.steps)
    named = (step.project.blueprint for step in steps if step.project is not None and _is_unconditional(step))
    return list(dict.fromkeys(named))


def _retry(policy: RetryPolicy, place: Place) -> Iterator[Finding]:
    if policy.cap < policy.base:
        message = f"the longest wait, {policy.cap:g} s, is shorter than the first, {policy.base:g} s"
        yield Finding(place, message, "Raise `cap`, or lower `base`.")
