"""Gates: conditions and approvals that can come to an end."""

from __future__ import annotations

from collections.abc import Iterator

from projects.blueprints.paths import Place
from projects.blueprints.schema import ApprovalSpec, Blueprint, GateSpec
from projects.blueprints.shaping import Finding
from projects.planning.gating import AT_THE_LIMIT


def check_gates(blueprint: Blueprint) -> Iterator[Finding]:
    """Every gate, every approval in a step, and that of changes of the plan."""
    for index, phase in enumerate(blueprint.phases):
        if phase.gate is not None:
            yield from _gate(phase.gate, ("phases", index, "gate"))
        for position, step in enumerate(phase.steps):
            if step.approval is not None:
                yield from _of_step(step.approval, ("phases", index, "steps", position, "approval"))
    if blueprint.plan_changes is not None:
        yield from _plan_changes(blueprint.plan_changes.approval, ("plan_changes", "approval"))


def _plan_changes(approval: ApprovalSpec, place: Place) -> Iterator[Finding]:
    yield from _approval(approval, place)
    if approval.on_reject == "rework":
        yield Finding(
            (*place, "on_reject"),
            "a change that is rejected is not made: nothing is reworked",
            "Remove it.",
        )
    for key in ("form", "content"):
        if getattr(approval, key):
            yield Finding((*place, key), "a change is approved as it is: nothing can be edited", "Remove it.")


def _gate(gate: GateSpec, place: Place) -> Iterator[Finding]:
    names: set[str] = set()
    for number, condition in enumerate(gate.quality):
        here: Place = (*place, "quality", number)
        if condition.name in names:
            yield Finding((*here, "name"), f"a condition is named {condition.name!r} already", "Choose another name.")
        names.add(condition.name)
        if condition.otherwise == "review" and gate.approval is None:
            yield Finding(
                (*here, "otherwise"),
                "review asks people, and this gate has no approval",
                "Add `approval:` to the gate.",
            )
    if gate.says_rework and gate.max_iterations < 2:
        yield Finding(
            (*place, "max_iterations"),
            "rework needs a second round, and max_iterations is 1",
            "Write `max_iterations: 2` or more.",
        )
    if gate.on_exhausted == "escalate":
        yield from _exhausted(gate, place)
    if gate.approval is not None:
        yield from _approval(gate.approval, (*place, "approval"), escalates=gate.on_exhausted == "escalate")


def _exhausted(gate: GateSpec, place: Place) -> Iterator[Finding]:
    if not gate.says_rework:
        yield Finding(
            (*place, "on_exhausted"),
            "nothing here is worked over, so no round runs out",
            "Add `on_reject: rework` to the approval, or remove `on_exhausted`.",
        )
    if gate.approval is None or gate.approval.escalate_to is None:
        yield Finding(
            (*place, "on_exhausted"),
            "escalate needs to know to whom",
            "Add `approval:` with `escalate_to: {groups: [GROUP], deadline: 24h}` to the gate.",
        )
    if gate.approval is None:
        return
    fields = (gate.approval.form or {}).get("properties") or {}
    for part, names in (("content", gate.approval.content), ("form", fields)):
        if AT_THE_LIMIT in names:
            yield Finding(
                (*place, "approval", part),
                f"{AT_THE_LIMIT!r} is the field by which people choose when no round is left",
                "Choose another name.",
            )


def _of_step(approval: ApprovalSpec, place: Place) -> Iterator[Finding]:
    if approval.on_reject == "rework":
        yield Finding(
            (*place, "on_reject"),
            "a step that is rejected fails: only a phase can be worked over",
            "Put the approval into the gate of the phase, or remove `on_reject` and let `on_failure` of the step say "
            "what follows.",
        )
    yield from _approval(approval, place)


def _approval(approval: ApprovalSpec, place: Place, *, escalates: bool = False) -> Iterator[Finding]:
    if approval.on_timeout == "escalate" and approval.escalate_to is None:
        yield Finding(
            (*place, "on_timeout"),
            "escalate needs to know to whom",
            "Add `escalate_to: {groups: [GROUP], deadline: 24h}`.",
        )
    if approval.on_timeout != "escalate" and approval.escalate_to is not None and not escalates:
        yield Finding((*place, "escalate_to"), "nobody escalates here", "Add `on_timeout: escalate`.", at_key=True)
    if approval.on_timeout != "reject" and approval.deadline is None:
        yield Finding(
            (*place, "on_timeout"), f"{approval.on_timeout} never happens without a deadline", "Add `deadline: 24h`."
        )
    if len(set(approval.approvers.groups)) != len(approval.approvers.groups):
        yield Finding((*place, "approvers", "groups"), "a group is named twice", "Name it once.")
