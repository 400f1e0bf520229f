"""Approvals: decided once, by people with the right, before the deadline; or by the deadline itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NoReturn
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db import IntegrityError, transaction

from orchestrator_site import faults
from orchestrator_site.digests import canonical_text, digest_of
from orchestrator_site.history import services as history
from orchestrator_site.storable import refuse_unstorable, why_not
from projects.blueprints.errors import FormInvalid
from projects.blueprints.inputs import validate_form
from projects.errors import (
    AlreadyDecided,
    ApprovalClosed,
    ApprovalExpired,
    ApprovalNotFound,
    CommentRequired,
    ContentChanged,
    EvidenceChanged,
    NotAnApprover,
    RefusedInState,
)
from projects.models import Approval, Decision, Project, Timer
from projects.models.approval import Verdict
from projects.planning.binding import Edit, Line, edits_unseen
from projects.services import budgets, notifying, publishing, seeing
from projects.states import ApprovalState, Directive, ProjectState

LONGEST_TOLD = 80
"""Letters of a value in the words of a refusal."""


def decide(
    *,
    approval_id: UUID,
    user: User | AnonymousUser,
    verdict: Verdict,
    comment: str = "",
    edits: Mapping[str, Any] | None = None,
    seen_digest: str | None = None,
    seen_content: str | None = None,
    via: str,
) -> Approval:
    """Put down one person's verdict; the last that the quorum asks, or one rejection, closes the approval.

    ``seen_digest`` is the evidence digest of the page that the person had before them, ``seen_content`` the digest of
    the content; where they are given they must be the present ones. Who gives none for the content has seen it as it
    was asked. What the approval shows must be what stands now. Of two people at once, or of one person in two
    windows, one is first and the other learns so. The right to decide is looked up at this moment.
    Raises ``ApprovalNotFound``, ``NotAnApprover``, ``AlreadyDecided``, ``ApprovalClosed``, ``ApprovalExpired``,
    ``EvidenceChanged``, ``ContentChanged``, ``CommentRequired``, ``FormInvalid``, ``InvalidInput`` for text that cannot
    be kept.
    """
    refuse_unstorable(comment=comment)
    approval = find_approval(approval_id=approval_id)
    _check_right(approval, user)
    if verdict == Verdict.REJECT and not comment.strip():
        raise CommentRequired()
    if seen_digest is not None and seen_digest != approval.evidence_digest:
        raise EvidenceChanged()
    if approval.state == ApprovalState.OPEN and seeing.changed(approval):
        publishing.wake_now(approval.project_id)  # whoever looks at the project next voids it and asks again
        raise EvidenceChanged()
    edited = dict(edits or {}) if verdict == Verdict.APPROVE else {}
    if why := why_not(edited):
        raise FormInvalid(f"The edits cannot be kept: {why}.")
    _decide_once(approval, user, verdict, comment.strip(), edited, seen_content, via)
    approval.refresh_from_db()
    return approval


def check_content(approval: Approval, user: User | AnonymousUser, seen: str | None) -> None:
    """Refuse who has not seen the content as it is: ``seen`` is the digest of what they saw, None is as it was asked.

    Who has decided already learns that: the edit may be their own. Raises ``ContentChanged``, ``AlreadyDecided``.
    """
    if seen == approval.content_digest or (seen is None and not _was_edited(approval)):
        return
    if approval.decisions.filter(user_id=user.pk or 0).exists():
        raise _decided_already(approval, user)
    given = approval.decisions.filter(verdict=Verdict.APPROVE).exclude(edits={}).select_related("user")
    edits = [Edit(each.user.get_username() if each.user else each.via, each.edits) for each in given]
    lines = edits_unseen(approval.asked_content or {}, edits, seen)
    raise ContentChanged(
        f"The content of {approval.title!r} is not what you saw: {_in_words(lines)}. Look at it as it is now; to "
        f"decide on that, give its content_digest, {approval.content_digest}.",
        errors=[{"field": f"content.{line['label']}", "message": _changed(line)} for line in lines],
    )


def approve_beforehand(approval: Approval, project: Project) -> None:
    """Approve as the person who started the project with ``auto_approve``, whatever the quorum."""
    Approval.objects.filter(pk=approval.pk).update(quorum=1)
    if not Approval.objects.approve(approval.pk, {}):
        return
    Timer.objects.agree_with_approval(approval.pk)
    if project.owner is not None:
        Decision.objects.create(
            approval=approval,
            user=project.owner,
            verdict=Verdict.APPROVE,
            comment="Approved beforehand, when the project was started.",
            via="auto",
            evidence_digest=approval.evidence_digest,
        )
    _note_decided(approval, "approval.approved", f"user:{project.owner}" if project.owner else "auto", via="auto")
    budgets.after_decision(approval)


def time_out(approval: Approval) -> bool:
    """Do what the blueprint says happens at the deadline. False: a person was first."""
    with transaction.atomic():
        if approval.on_timeout == "escalate" and approval.escalated_at is None and approval.escalation:
            return _escalate(approval, approval.escalation)
        approve = approval.on_timeout == "approve"
        to = ApprovalState.APPROVED if approve else ApprovalState.REJECTED
        if not Approval.objects.time_out(approval.pk, to):
            return False
        Timer.objects.agree_with_approval(approval.pk)
        Decision.objects.create(
            approval=approval,
            verdict=Verdict.APPROVE if approve else Verdict.REJECT,
            comment=f"Nobody decided by {approval.deadline:%Y-%m-%d %H:%M} UTC.",
            via="deadline",
            evidence_digest=approval.evidence_digest,
        )
        _note_decided(approval, f"approval.{to.value}", "deadline", via="deadline")
        budgets.after_decision(approval)
        publishing.wake(approval.project_id)
        return True


def _escalate(approval: Approval, escalation: Mapping[str, Any]) -> bool:
    after = escalation.get("deadline")
    groups = list(escalation.get("groups") or [])
    landed = Approval.objects.escalate(
        approval.pk, groups=groups, after=None if after is None else timedelta(seconds=float(after))
    )
    if landed:
        Timer.objects.agree_with_approval(approval.pk)
        _note(approval, "approval.escalated", "deadline", groups=groups)
    return landed


def _check_right(approval: Approval, user: User | AnonymousUser) -> None:
    # Read anew: an object of the user keeps the rights that it had when it was first asked.
    present = User.objects.filter(pk=user.pk or 0, is_active=True).first()
    if present is not None and Approval.objects.decidable_by(present).filter(pk=approval.pk).exists():
        return
    wanted = f" Members of {', '.join(approval.groups)} may." if approval.groups else ""
    raise NotAnApprover(f"{user.get_username() or 'You'} may not decide {approval.title!r}.{wanted}")


def _decide_once(
    approval: Approval,
    user: User | AnonymousUser,
    verdict: Verdict,
    comment: str,
    edits: Mapping[str, Any],
    seen_content: str | None,
    via: str,
) -> None:
    """The lock first: what is decided on is what was seen, and what follows in this transaction is decided for good."""
    try:
        with transaction.atomic():
            present = Approval.objects.lock_undecided(approval.pk)
            if present is None:
                _say_why_not(approval.pk, user)
            check_content(present, user, seen_content)
            if edits:
                validate_form(present.form, {**present.content, **edits})
            landed = (
                Approval.objects.approve(approval.pk, edits)
                if verdict == Verdict.APPROVE
                else Approval.objects.reject(approval.pk)
            )
            if not landed:
                _say_why_not(approval.pk, user)
            _check_right(approval, user)  # again: the lock may have waited for another's decision
            Decision.objects.create(
                approval=approval,
                user_id=user.pk,
                verdict=verdict,
                comment=comment,
                edits=dict(edits),
                via=via,
                evidence_digest=approval.evidence_digest,
            )
            state = Approval.objects.values_list("state", flat=True).get(pk=approval.pk)
            if state != ApprovalState.OPEN:
                Timer.objects.agree_with_approval(approval.pk)
            kind = "approval.counted" if state == ApprovalState.OPEN else f"approval.{state}"
            said = {"comment": comment, "edited": sorted(edits), "content_seen_sha256": present.content_digest}
            _note_decided(approval, kind, f"user:{user.get_username()}", via=via, **said)
            budgets.after_decision(approval)
            faults.point("in_decision")
            publishing.wake(approval.project_id)
    except IntegrityError as error:
        if "decision_one_a_person" not in str(error):
            raise
        raise _decided_already(approval, user) from None


def _was_edited(approval: Approval) -> bool:
    if approval.asked_content is not None:
        return digest_of(approval.asked_content) != approval.content_digest
    return approval.decisions.exclude(edits={}).exists()


def _in_words(lines: Sequence[Line]) -> str:
    return "; ".join(f"{line['label']}: {_changed(line)}" for line in lines) or "it was never as you say"


def _changed(line: Line) -> str:
    return f"{line['by']} changed {_in_short(line['before'])} to {_in_short(line['after'])}"


def _in_short(value: Any) -> str:
    text = canonical_text(value)
    return text if len(text) <= LONGEST_TOLD else f"{text[:LONGEST_TOLD]}…"


def _decided_already(approval: Approval, user: User | AnonymousUser) -> AlreadyDecided:
    return AlreadyDecided(f"{user.get_username()} has decided on {approval.title!r} already.")


def _say_why_not(approval_id: UUID, user: User | AnonymousUser) -> NoReturn:
    approval = Approval.objects.select_related("project").get(pk=approval_id)
    if approval.decisions.filter(user_id=user.pk or 0).exists():
        raise _decided_already(approval, user)
    if approval.state == ApprovalState.VOID:
        again = Approval.objects.filter(supersedes=approval).first()
        where = f" It is asked again as {again.pk}." if again is not None else ""
        raise EvidenceChanged(f"What {approval.title!r} showed has changed since.{where} Look again before you decide.")
    if approval.state != ApprovalState.OPEN:
        by = approval.decisions.order_by("-decided_at").first()
        who = f" by {by.user.get_username() if by.user else 'the deadline'}" if by is not None else ""
        raise ApprovalClosed(f"{approval.title!r} was {approval.state}{who} already: it is decided once.")
    project = approval.project
    if project.state != ProjectState.RUNNING or project.directive == Directive.CANCEL:
        raise RefusedInState(f"The project of {approval.title!r} has ended: there is nothing left to decide.")
    raise ApprovalExpired(f"{approval.title!r} was to be decided by {approval.deadline:%Y-%m-%d %H:%M} UTC.")


def find_approval(*, approval_id: UUID) -> Approval:
    """The approval of an id. Raises ``ApprovalNotFound``."""
    approval = Approval.objects.select_related("project", "phase").filter(pk=approval_id).first()
    if approval is None:
        raise ApprovalNotFound(f"There is no approval {approval_id}.")
    return approval


def open_approval_of(project: Project) -> Approval:
    """The one that a project waits for. Raises ``RefusedInState`` where it waits for none, or for several."""
    found = list(Approval.objects.open().filter(project=project).order_by("opened_at")[:20])
    if not found:
        raise RefusedInState(f"Project {project.pk} waits for no approval (it is {project.state}).")
    return only_one(found, project.pk)


def only_one(found: Sequence[Approval], project_id: UUID) -> Approval:
    """The one approval that is meant where its project is named. Raises ``RefusedInState`` where there are several."""
    if len(found) > 1:
        named = ", ".join(f"{approval.title!r} ({approval.pk})" for approval in found)
        raise RefusedInState(f"Project {project_id} waits for {len(found)} approvals; name the one you mean: {named}.")
    return found[0]


def user_named(username: str) -> User:
    """The user of a name. Raises ``NotAnApprover`` where there is none."""
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise NotAnApprover(f"There is no active user {username!r}.")
    return user


def _note_decided(approval: Approval, kind: str, actor: str, **data: Any) -> None:
    """The decision, bound to what was shown and to the content as it stands with it; and tell who waits for it."""
    content = Approval.objects.values_list("content", flat=True).get(pk=approval.pk)
    _note(approval, kind, actor, plan_version=approval.plan_version, content_sha256=digest_of(content), **data)
    notifying.notify(approval.project_id, "decided")


def _note(approval: Approval, kind: str, actor: str, **data: Any) -> None:
    history.append(
        approval.project_id,
        kind,
        actor=actor,
        subject=str(approval.pk),
        data={"title": approval.title, "evidence_sha256": approval.evidence_digest, **data},
    )
