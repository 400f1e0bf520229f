"""Which approvals a person may read, and which wait for them."""

from __future__ import annotations

from typing import TypeAlias
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.core.signing import Signer
from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import OrderBy
from django.utils.crypto import constant_time_compare

from projects.models import Approval, Decision
from projects.states import ApprovalState

Person: TypeAlias = User | AnonymousUser


def readable_by(person: Person) -> QuerySet[Approval]:
    """Those the person may decide or has decided; all of them with the right to view approvals."""
    if person.is_authenticated and person.has_perm("projects.view_approval"):
        return Approval.objects.all()
    decidable = Approval.objects.decidable_by(person).values("pk")
    return Approval.objects.filter(Q(pk__in=decidable) | Q(Exists(_own(person))))


def waiting_for(person: Person) -> QuerySet[Approval]:
    """Open ones that the person may decide and has not decided yet."""
    return Approval.objects.decidable_by(person).open().filter(~Exists(_own(person)))


def waiting_first() -> tuple[OrderBy, ...]:
    """The order of a list: open ones first, the nearest deadline before others; then the closed, latest first."""
    is_closed = Case(When(state=ApprovalState.OPEN, then=Value(0)), default=Value(1), output_field=IntegerField())
    open_deadline = Case(When(state=ApprovalState.OPEN, then=F("deadline")), default=None)
    return is_closed.asc(), open_deadline.asc(nulls_last=True), F("id").desc()


def mark_of(approval: Approval, person: Person) -> str:
    """What the page of an approval carries to prove that it was shown to this person."""
    return _SIGNER.signature(f"{approval.pk} {person.pk}")


def was_shown(approval_id: UUID, person: Person, mark: str) -> bool:
    """Whether a person has had the page before them: then they may be told that it is no longer theirs to decide."""
    return constant_time_compare(_SIGNER.signature(f"{approval_id} {person.pk}"), mark)


_SIGNER = Signer(salt="projects.deciding.shown")


def _own(person: Person) -> QuerySet[Decision]:
    return Decision.objects.filter(approval=OuterRef("pk"), user_id=person.pk or 0)
