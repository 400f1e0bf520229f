"""Everything that the page of an approval shows, read at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from orchestrator_site import clock
from orchestrator_site.errors import InvalidInput, PhasegateError
from orchestrator_site.showing.visible import has_hidden
from projects.deciding import inbox
from projects.deciding.consequences import Consequences, foresee
from projects.deciding.evidence import Exhibit, Laid, exhibits, lay_out
from projects.deciding.inbox import Person
from projects.deciding.schema_form import ContentForm
from projects.models import Approval, Decision, Phase
from projects.models.approval import Purpose
from projects.states import ApprovalState, Directive, ProjectState

QUALITY = "Quality: "


@dataclass(frozen=True, slots=True)
class Changed:
    """A line of what is different from when it was last asked or approved."""

    label: str
    before: Laid
    after: Laid


@dataclass(frozen=True, slots=True)
class ApprovalPage:
    """An approval as one person sees it.

    ``closed_because`` says why this person cannot decide it now; empty where they can. ``digest`` and
    ``content_digest`` go into the form, so that a decision is bound to what was seen; ``mark`` proves that this person
    was shown it. ``asked_before`` is the void approval that this one was asked again for, ``asked_again`` the one that
    came after.
    """

    approval: Approval
    evidence: tuple[Exhibit, ...]
    quality: tuple[Exhibit, ...]
    form: ContentForm
    hidden_in_content: tuple[tuple[str, str], ...]
    content_digest: str
    consequences: Consequences
    decisions: tuple[Decision, ...]
    remaining: timedelta | None
    closed_because: str
    content: tuple[Exhibit, ...]
    difference: tuple[Changed, ...]
    asked_before: Approval | None
    asked_again: Approval | None
    mark: str
    comment: str = ""

    @property
    def may_decide(self) -> bool:
        """Whether the buttons are there."""
        return not self.closed_because

    @property
    def digest(self) -> str:
        """SHA-256 of the evidence, in full."""
        return self.approval.evidence_digest

    @property
    def short_digest(self) -> str:
        """Its first twelve digits, to be compared by eye."""
        return self.approval.evidence_digest[:12]

    @property
    def is_overdue(self) -> bool:
        """Whether the deadline is over."""
        return self.remaining is not None and self.remaining <= timedelta(0)


def page_of(approval: Approval, person: Person, sent: Any = None, error: PhasegateError | None = None) -> ApprovalPage:
    """The page for a person. What they ``sent`` is shown again where they only have to put it right.

    After a conflict the fields show what the content is now, so that nobody overwrites another's edit unseen.
    """
    now = clock.now()
    decisions = tuple(Decision.objects.filter(approval=approval).select_related("user").order_by("decided_at"))
    shown = exhibits(approval.evidence)
    form = ContentForm(approval.form, approval.content, sent if isinstance(error, InvalidInput) else None)
    return ApprovalPage(
        approval=approval,
        evidence=tuple(each for each in shown if not each.label.startswith(QUALITY)),
        quality=tuple(
            Exhibit(each.label.removeprefix(QUALITY), each.value) for each in shown if each.label.startswith(QUALITY)
        ),
        form=form,
        hidden_in_content=_hidden(form),
        content_digest=approval.content_digest,
        consequences=foresee(approval, _next_phase(approval)),
        decisions=decisions,
        remaining=_remaining(approval, now),
        closed_because=_why_closed(approval, person, decisions, now),
        content=tuple(
            Exhibit(str(field.label), lay_out(approval.content.get(name))) for name, field in form.fields.items()
        ),
        difference=tuple(
            Changed(str(each["label"]), lay_out(each["before"]), lay_out(each["after"]))
            for each in approval.difference or ()
        ),
        asked_before=approval.supersedes,
        asked_again=Approval.objects.filter(supersedes=approval).first(),
        mark=inbox.mark_of(approval, person),
        comment=str(sent.get("comment", "")) if sent is not None else "",
    )


def _remaining(approval: Approval, now: datetime) -> timedelta | None:
    """Time left; the clock of a deadline stands still while the project is paused."""
    if approval.deadline is None or approval.state != ApprovalState.OPEN:
        return None
    project = approval.project
    since = project.directive_since if project.directive == Directive.PAUSE else None
    return approval.deadline - (since or now)


def _why_closed(approval: Approval, person: Person, decisions: tuple[Decision, ...], now: datetime) -> str:
    """Why the person cannot decide now. The service decides in the end: this only spares them the attempt."""
    own = next((each for each in decisions if each.user_id is not None and each.user_id == person.pk), None)
    if own is not None and approval.state == ApprovalState.OPEN:
        return _("You have decided. It waits for others.")
    if approval.state != ApprovalState.OPEN:
        return {
            ApprovalState.APPROVED.value: _("This was approved: it is decided once."),
            ApprovalState.REJECTED.value: _("This was rejected: it is decided once."),
            ApprovalState.VOID.value: _("What this shows has changed since: it is void, and no decision on it counts."),
        }.get(approval.state, _("The project ended before anybody decided."))
    if not _goes_on(approval):
        return _("The project has ended: there is nothing left to decide.")
    remaining = _remaining(approval, now)
    if remaining is not None and remaining <= timedelta(0):
        return _("The deadline is over.")
    if not Approval.objects.decidable_by(person).filter(pk=approval.pk).exists():
        return _("You may read this, but not decide it.")
    return ""


def _goes_on(approval: Approval) -> bool:
    """Whether anything follows from an answer; a change of the plan may mend a failed project."""
    project = approval.project
    mended = approval.purpose == Purpose.PLAN and project.state in (ProjectState.PENDING, ProjectState.FAILED)
    return project.directive != Directive.CANCEL and (project.state == ProjectState.RUNNING or mended)


def _next_phase(approval: Approval) -> str | None:
    later = Phase.objects.filter(project=approval.project_id, position__gt=approval.phase.position)
    return later.order_by("position").values_list("title", flat=True).first()


def _hidden(form: ContentForm) -> tuple[tuple[str, str], ...]:
    """Fields whose present text holds what cannot be seen: a text box would not show it."""
    found = []
    for field in form.fields.values():
        text = field.prepare_value(field.initial)
        if isinstance(text, str) and has_hidden(text):
            found.append((str(field.label), text))
    return tuple(found)
