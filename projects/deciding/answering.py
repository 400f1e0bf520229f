"""An answer on its way from a page to the service, bound to what was seen; noted in the admin's journal."""

from __future__ import annotations

from collections.abc import Mapping

from django.contrib.admin.models import CHANGE, LogEntry
from django.utils.translation import gettext as _

from orchestrator_site.errors import InvalidInput
from projects.deciding.inbox import Person
from projects.deciding.schema_form import ContentForm
from projects.models import Approval, Project
from projects.models.approval import Verdict
from projects.services import approvals
from projects.states import ApprovalState


class AnswerIncomplete(InvalidInput):
    """Something in the form is missing or wrong; it is marked there."""

    code = "answer_incomplete"


def answer(approval: Approval, person: Person, sent: Mapping[str, str], *, via: str) -> Approval:
    """Take an answer: ``verdict``, ``comment``, ``seen``, ``seen_content`` and the content's fields.

    Raises ``AnswerIncomplete`` and whatever ``services.approvals.decide`` raises.
    """
    try:
        verdict = Verdict(sent.get("verdict", ""))
    except ValueError:
        raise AnswerIncomplete(_("Choose whether to approve or to reject.")) from None
    seen_content = sent.get("seen_content", "")
    if approval.state == ApprovalState.OPEN:  # before the form is read, which would take another's edit for one undone
        approvals.check_content(approval, person, seen_content)
    decided = approvals.decide(
        approval_id=approval.pk,
        user=person,
        verdict=verdict,
        comment=sent.get("comment", ""),
        edits=_edits(approval, sent) if verdict == Verdict.APPROVE else None,
        seen_digest=sent.get("seen", ""),
        seen_content=seen_content,
        via=via,
    )
    note(person, decided, _("Approved.") if verdict == Verdict.APPROVE else _("Rejected."))
    return decided


def answer_as_shown(
    approval: Approval, person: Person, verdict: Verdict, comment: str, *, seen: str, seen_content: str, via: str
) -> Approval:
    """Approve or reject one of several, without edits. Raises what ``services.approvals.decide`` raises."""
    decided = approvals.decide(
        approval_id=approval.pk,
        user=person,
        verdict=verdict,
        comment=comment,
        seen_digest=seen,
        seen_content=seen_content,
        via=via,
    )
    note(
        person,
        decided,
        _("Approved with others.") if verdict == Verdict.APPROVE else _("Rejected with others."),
    )
    return decided


def said(approval: Approval, verdict: str) -> str:
    """What was achieved, in a sentence."""
    if verdict == Verdict.REJECT:
        return _("Rejected. Your comment was passed on.")
    if approval.state == ApprovalState.OPEN:
        left = approval.quorum - approval.approvals
        return _("Your approval counts. Still needed: %(left)d.") % {"left": left}
    return _("Approved. The project goes on.")


def note(person: Person, subject: Approval | Project, message: str) -> None:
    """Write the admin's journal too, where Django's administrators look first; the history has the proof."""
    LogEntry.objects.log_actions(
        user_id=person.pk or 0,
        queryset=[subject],
        action_flag=CHANGE,
        change_message=message,
        single_object=True,
    )


def _edits(approval: Approval, sent: Mapping[str, str]) -> dict[str, object]:
    form = ContentForm(approval.form, approval.content, sent)
    if not form.is_valid():
        raise AnswerIncomplete(_("Look at the marked fields."))
    return form.edits()
