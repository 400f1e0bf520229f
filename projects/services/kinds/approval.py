"""``kind: approval``: a question put to people in the middle of a phase, beside steps that go on meanwhile.

What was approved is the step's result. A rejection, by a person or by the deadline, fails the step, and its
``on_failure`` says what follows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models.functions import Now

from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects.blueprints.schema import ApprovalSpec
from projects.models import Approval, Timer
from projects.models.approval import Purpose, Verdict
from projects.services import approvals, seeing, timers
from projects.services.kinds.specification import specification_of
from projects.states import ApprovalState

if TYPE_CHECKING:
    from projects.models import Step
    from projects.services.kinds import Work


class ApprovalKind:
    """Asks people."""

    def begin(self, work: Work, step: Step) -> None:
        """Put the question, and wait; or go on at once, where it was approved when the project was started."""
        approval = _ask(work, step)
        if work.project.auto_approve:
            approvals.approve_beforehand(approval, work.project)
            approval.refresh_from_db()
        if approval.state == ApprovalState.OPEN:
            work.wait(step)
        else:
            _settle(work, step, approval)

    def over(self, steps: Sequence[Step]) -> Collection[UUID]:
        """Those that have no open approval."""
        asked = set(Approval.objects.open().filter(step__in=steps, purpose=Purpose.STEP).values_list("step", flat=True))
        return [step.pk for step in steps if step.pk not in asked]

    def look(self, work: Work, step: Step) -> None:
        """Follow what was decided last; what has become void is asked again."""
        approval = Approval.objects.filter(step=step, purpose=Purpose.STEP).order_by("-opened_at", "-pk").first()
        if approval is None or approval.state in (ApprovalState.VOID, ApprovalState.CANCELLED):
            _ask(work, step)
        elif approval.state != ApprovalState.OPEN:
            _settle(work, step, approval)

    def stop(self, step: Step) -> None:
        """Nobody need answer any more."""
        for approval in Approval.objects.open().filter(step=step, purpose=Purpose.STEP):
            if Approval.objects.cancel_of_step(step.pk):
                Timer.objects.agree_with_approval(approval.pk)
                _note(approval, "approval.cancelled", step)


def _ask(work: Work, step: Step) -> Approval:
    """Open the approval with what is shown of it, evaluated now. Raises ``ExpressionFailed``."""
    spec, context = ApprovalSpec.model_validate_json(specification_of(step)["approval"]), work.context()
    asked = seeing.question_of(spec, context)
    title, description, content, evidence = asked.title, asked.description, asked.content, asked.evidence
    plan = work.project.plan_version
    approval = Approval.objects.create(
        project=work.project,
        phase=work.phase,
        purpose=Purpose.STEP,
        step=step,
        round=step.round,
        title=title,
        description=description,
        groups=list(spec.approvers.groups),
        quorum=spec.approvers.quorum,
        form=spec.form,
        content=content,
        asked_content=content,
        evidence=evidence,
        evidence_digest=digest_of([title, description, evidence, content, plan, step.round]),
        plan_version=plan,
        deadline=None if spec.deadline is None else Now() + timedelta(seconds=spec.deadline),
        on_timeout=spec.on_timeout,
        escalation=None if spec.escalate_to is None else spec.escalate_to.model_dump(mode="json"),
        on_reject=spec.on_reject,
    )
    timers.watch_approval(approval, spec.deadline)
    _note(approval, "approval.opened", step, title=title, evidence_sha256=approval.evidence_digest)
    return approval


def _settle(work: Work, step: Step, approval: Approval) -> None:
    """The step's end, by what was decided."""
    decisions = list(approval.decisions.order_by("decided_at").select_related("user"))
    last = Verdict.APPROVE if approval.state == ApprovalState.APPROVED else Verdict.REJECT
    said = [each for each in decisions if each.verdict == last]
    by = [each.user.get_username() if each.user else each.via for each in said]
    comments = [each.comment for each in said if each.comment]
    if last == Verdict.APPROVE:
        result: dict[str, Any] = {"approved": True, "content": approval.content, "by": by, "comments": comments}
        work.complete(step, result)
        return
    who = f" by {', '.join(by)}" if by else ""
    why = f": {' '.join(comments)}" if comments else ""
    work.fail(step, "rejected", f"{approval.title!r} was rejected{who}{why}")


def _note(approval: Approval, kind: str, step: Step, **data: Any) -> None:
    subject = {"phase": approval.phase.key, "round": step.round, "step": step.key}
    history.append(approval.project_id, kind, actor="system", subject=str(approval.pk), data={**subject, **data})
