"""What happens on yes, on no and on silence, in words; the engine's own rules say which."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from projects.models import Approval, Step
from projects.models.approval import Purpose
from projects.planning.gating import Verdict, after_rejection


@dataclass(frozen=True, slots=True)
class Consequences:
    """Three sentences. ``next_phase`` of ``foresee`` is the title of the phase that would follow."""

    on_yes: str
    on_no: str
    on_silence: str


def foresee(approval: Approval, next_phase: str | None) -> Consequences:
    """What each answer leads to, as things stand."""
    return Consequences(_on_yes(approval, next_phase), _on_no(approval), _on_silence(approval))


def _on_yes(approval: Approval, next_phase: str | None) -> str:
    step = approval.step if approval.purpose == Purpose.STEP else None
    missing = approval.quorum - approval.approvals
    if missing > 1:
        return ngettext(
            "Your yes is counted; %(count)d more person must approve.",
            "Your yes is counted; %(count)d more people must approve.",
            missing - 1,
        ) % {"count": missing - 1}
    if approval.purpose == Purpose.BUDGET:
        return _("The limit is raised, and the step that waits for it goes on.")
    if approval.purpose == Purpose.LIMIT:
        return _("As you choose: the phase passes its gate as it is, or it is worked over once more.")
    if step is not None:
        return _("The step “%(step)s” is completed with what you approve, and what needs it goes on.") % {
            "step": step.key
        }
    if approval.purpose == Purpose.PLAN:
        return _("The plan is changed as shown, if it still can be.")
    if next_phase is None:
        return _("The phase passes its gate, and with it the project is complete.")
    return _("The phase passes its gate and the project goes on with “%(phase)s”.") % {"phase": next_phase}


def _on_no(approval: Approval) -> str:
    if approval.purpose == Purpose.BUDGET:
        return _("The step that waits fails with your comment as the reason, and so does every other that needs more.")
    if approval.purpose == Purpose.STEP and approval.step is not None:
        return _on_no_of_step(approval.step)
    if approval.purpose == Purpose.PLAN:
        return _("The plan stays as it is, and the project goes on with it.")
    phase = approval.phase
    most = int((phase.gate or {}).get("max_iterations") or 1)
    following = after_rejection(
        approval.on_reject,
        (),
        iteration=approval.iteration,
        max_iterations=most,
        on_exhausted=str((phase.gate or {}).get("on_exhausted") or "fail"),
    ).verdict
    if approval.purpose == Purpose.LIMIT:
        return _("The project fails, with your comment as the reason.")
    if following is Verdict.ESCALATE:
        return _("No further round is left of %(most)d: others are asked, with your comment, what is to follow.") % {
            "most": most
        }
    if following is Verdict.REWORK:
        return _("“%(phase)s” is worked over with your comment, as round %(round)d of at most %(most)d.") % {
            "phase": phase.title,
            "round": approval.iteration + 1,
            "most": most,
        }
    if approval.on_reject == "rework":
        return _("No further round is left of %(most)d: the project fails, with your comment as the reason.") % {
            "most": most
        }
    return _("The project fails, with your comment as the reason.")


def _on_no_of_step(step: Step) -> str:
    following = {
        "fail": _("The step “%(step)s” fails with your comment as the reason, and the project with it."),
        "continue": _("The step “%(step)s” fails with your comment as the reason, and the project goes on without it."),
    }.get(
        (step.parent or step).on_failure,
        _("The step “%(step)s” fails with your comment as the reason, and what needs it is skipped."),
    )
    return following % {"step": step.key}


def _on_silence(approval: Approval) -> str:
    if approval.deadline is None and approval.purpose == Purpose.PLAN:
        return _("There is no deadline: the plan stays as it is until somebody decides.")
    if approval.deadline is None:
        return _("There is no deadline: the project waits until somebody decides.")
    by = date_format(timezone.localtime(approval.deadline), "DATETIME_FORMAT")
    if approval.on_timeout == "approve":
        return _("If nobody decides by %(by)s, it counts as approved.") % {"by": by}
    if approval.on_timeout == "escalate" and approval.escalation and approval.escalated_at is None:
        groups = ", ".join(approval.escalation.get("groups") or []) or _("anyone with the right to decide")
        return _("If nobody decides by %(by)s, it is put to %(groups)s instead.") % {
            "by": by,
            "groups": groups,
        }
    return _("If nobody decides by %(by)s, it counts as rejected.") % {"by": by}
