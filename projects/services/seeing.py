"""What an approval at a gate shows, made from how things stand now.

The same code makes it when it is asked and whenever it is looked at again: what comes out another time is what
people had before them, or it is not, and then they are asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator_site.storable import storable
from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.expressions import compile_expression, render_to_keep
from projects.blueprints.schema import ApprovalSpec, GateSpec
from projects.models import Approval, Phase, PlanVersion, Project
from projects.models.approval import AT_A_GATE, Purpose, Verdict
from projects.planning.binding import Line, Seen, difference
from projects.planning.gating import ACCEPT, AT_THE_LIMIT, Quality
from projects.services.contexts import Results, expression_context
from projects.states import ApprovalState

LONGEST_TITLE = 200


@dataclass(frozen=True, slots=True)
class Question:
    """What an approval puts to people, as its row can hold it."""

    title: str
    description: str
    content: Any
    evidence: list[dict[str, Any]]


def question_of(spec: ApprovalSpec, context: Mapping[str, Any]) -> Question:
    """What a blueprint asks, with what its templates give now; a long title is cut.

    Raises ``ExpressionFailed``, also where a part cannot be kept.
    """
    return Question(
        title=title_of(spec, context),
        description=str(render_to_keep(spec.description, context, "The description")),
        content=render_to_keep(spec.content, context, "The content"),
        evidence=[
            {"label": label, "value": render_to_keep(value, context, f"The evidence {label!r}")}
            for label, value in spec.evidence.items()
        ],
    )


def title_of(spec: ApprovalSpec, context: Mapping[str, Any]) -> str:
    """The title alone. Raises as ``question_of``."""
    return str(render_to_keep(spec.title, context, "The title"))[:LONGEST_TITLE]


def gate_of(phase: Phase) -> GateSpec:
    """The gate of a phase, as its plan has it."""
    return GateSpec.model_validate(phase.gate or {})


def context_of(project: Project, phase: Phase) -> Mapping[str, Any]:
    """What the expressions of a phase's gate may refer to: of its own approvals, those of earlier rounds alone."""
    return expression_context(project, Results(project.pk), phase, at_gate=True)


def judge(gate: GateSpec, context: Mapping[str, Any]) -> tuple[Quality, ...]:
    """What each quality condition says."""
    return tuple(_judge(each.name, each.check, each.otherwise, context) for each in gate.quality)


def shown(
    project: Project,
    phase: Phase,
    purpose: str,
    *,
    quality: Sequence[Quality] | None = None,
    context: Mapping[str, Any] | None = None,
) -> Seen:
    """What is shown at the gate of a phase. Raises ``ExpressionFailed`` where it cannot be put together."""
    gate = gate_of(phase)
    spec = gate.approval or ApprovalSpec(title=phase.title)
    if context is None:
        context = context_of(project, phase)
    if quality is None:
        quality = judge(gate, context)
    asked = question_of(spec, context)
    judged = [{"label": f"Quality: {each.name}", "value": _in_words(each)} for each in quality]
    seen = Seen(
        title=asked.title,
        description=asked.description,
        content=asked.content,
        evidence=[*asked.evidence, *judged],
        plan_version=project.plan_version,
        round=phase.round,
    )
    return _at_the_limit(seen, phase, gate, reasons_of(phase, quality)) if purpose == Purpose.LIMIT else seen


def changed(approval: Approval) -> bool:
    """Whether an approval at a gate shows something else than stands now. Of any other approval it is not asked."""
    return approval.purpose in AT_A_GATE and _digest_now(approval) != approval.evidence_digest


def difference_to_now(approval: Approval) -> list[Line]:
    """What is different now from what an approval shows."""
    try:
        now = shown(approval.project, approval.phase, approval.purpose)
    except ExpressionFailed as error:
        return [{"label": "It can no longer be shown", "before": None, "after": str(error)}]
    return difference_between(approval, now)


def difference_between(approval: Approval, now: Seen) -> list[Line]:
    """What is different in ``now`` from what an approval shows."""
    versions = {approval.plan_version, now.plan_version}
    plans: dict[int, Any] = {}
    if len(versions) > 1:
        rows = PlanVersion.objects.filter(project=approval.project_id, number__in=versions)
        plans = dict(rows.values_list("number", "plan"))
    return difference(approval.seen, now, plans.get(approval.plan_version, ()), plans.get(now.plan_version, ()))


def reasons_of(phase: Phase, quality: Sequence[Quality]) -> tuple[str, ...]:
    """Why the present round did not pass: what people said, and the conditions that ask for rework."""
    rejected = Approval.objects.filter(
        phase=phase, round=phase.round, purpose=Purpose.GATE, state=ApprovalState.REJECTED
    )
    said = tuple(reason for approval in rejected.order_by("opened_at") for reason in said_no(approval))
    return said + tuple(
        f"{each.name} is {_in_words(each)}" for each in quality if not each.met and each.otherwise == "rework"
    )


def said_no(approval: Approval) -> tuple[str, ...]:
    """The reasons of those who rejected it."""
    rejections = approval.decisions.filter(verdict=Verdict.REJECT).exclude(comment="")
    return tuple(rejections.values_list("comment", flat=True)) or (f"{approval.title!r} was rejected",)


def _digest_now(approval: Approval) -> str:
    """The digest of what it would show now; empty, and so equal to none, where that cannot be put together."""
    try:
        return shown(approval.project, approval.phase, approval.purpose).digest
    except ExpressionFailed:
        return ""


def _at_the_limit(seen: Seen, phase: Phase, gate: GateSpec, reasons: tuple[str, ...]) -> Seen:
    what = (
        f"“{phase.title}” has had {phase.iteration} rounds of at most {gate.max_iterations} and did not pass. Approve "
        "to accept it as it is or to have it worked over once more; reject to fail the project."
    )
    return replace(
        seen,
        title=f"No round is left: {seen.title}"[:LONGEST_TITLE],
        description=f"{what}\n\n{seen.description}".strip(),
        content={AT_THE_LIMIT: ACCEPT, **seen.content},
        evidence=[{"label": "Why it did not pass", "value": list(reasons)}, *seen.evidence],
    )


def _judge(name: str, check: str, otherwise: str, context: Mapping[str, Any]) -> Quality:
    """An expression that fails is a condition that is not met, and fails the gate: it is never taken for true."""
    try:
        met = compile_expression(check).check(context)
    except ExpressionFailed as error:
        return Quality(name, met=False, otherwise="fail", detail=storable(str(error)))
    return Quality(name, met=met, otherwise=otherwise, detail="" if met else check)


def _in_words(quality: Quality) -> str:
    return "met" if quality.met else f"not met: {quality.detail}"
