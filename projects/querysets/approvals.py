"""Reading and deciding approvals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Case, Exists, F, Func, OuterRef, Q, Value, When
from django.db.models.functions import Now

from orchestrator_site.access.actors import Actor
from projects.states import ApprovalState

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

    from projects.models import Approval


class ApprovalQuerySet(models.QuerySet["Approval"]):
    """Approvals."""

    def open(self) -> Self:
        """Those that wait for people."""
        return self.filter(state=ApprovalState.OPEN)

    def overdue(self) -> Self:
        """Open ones past their deadline, by the database's clock, of projects that are not paused."""
        return self.open().filter(_going_on("run"), deadline__lte=Now())

    def decidable_by(self, user: User | AnonymousUser) -> Self:
        """Those that the user may decide: the right, and membership of one of the approval's groups if it has any."""
        if not user.is_authenticated or not user.has_perm("projects.decide_approval"):
            return self.none()
        if user.is_superuser:
            return self
        names = list(user.groups.values_list("name", flat=True))
        mine = Q(groups=[])
        for name in names:
            mine |= Q(groups__contains=[name])
        return self.filter(mine)

    def visible_to(self, actor: Actor, user: User | AnonymousUser) -> Self:
        """Those the actor may read: all with the right to read projects, else those that the user may decide."""
        return self if actor.may("project.read") else self.decidable_by(user)

    def lock_undecided(self, approval_id: UUID) -> Approval | None:
        """The approval as it is now, held until this transaction ends: what it shows cannot change under a decision.

        The lock is that of the update which follows. None where ``approve`` and ``reject`` would say False.
        """
        return self._undecided(approval_id).select_for_update(of=("self",), no_key=True).first()

    def approve(self, approval_id: UUID, edits: Mapping[str, Any]) -> bool:
        """Count one approval with its edits, and close it with the last that the quorum asks.

        The edits are laid over the content in the update itself, so that those of another are not overwritten.

        One guarded update: of two people at once the second waits for the first and finds what it left. False: it is
        closed, its deadline is over, or its project is no longer running.
        """
        return (
            self._undecided(approval_id).update(
                approvals=F("approvals") + 1,
                content=Func(
                    F("content"), Value(dict(edits), models.JSONField()), arg_joiner=" || ", template="%(expressions)s"
                ),
                state=Case(
                    When(quorum__lte=F("approvals") + 1, then=Value(ApprovalState.APPROVED.value)),
                    default=F("state"),
                ),
                finished_at=Case(When(quorum__lte=F("approvals") + 1, then=Now()), default=F("finished_at")),
            )
            == 1
        )

    def reject(self, approval_id: UUID) -> bool:
        """open → rejected by a person. False: as for ``approve``."""
        return self._undecided(approval_id).update(state=ApprovalState.REJECTED, finished_at=Now()) == 1

    def time_out(self, approval_id: UUID, to: ApprovalState) -> bool:
        """open → rejected or approved by the deadline. False: a person decided first, or the deadline has moved."""
        return self.overdue().filter(pk=approval_id).update(state=to, finished_at=Now()) == 1

    def escalate(self, approval_id: UUID, *, groups: list[str], after: timedelta | None) -> bool:
        """Put it to other people at its deadline, once. False: decided meanwhile, or escalated already."""
        return (
            self.overdue()
            .filter(pk=approval_id, escalated_at__isnull=True)
            .update(groups=groups, escalated_at=Now(), deadline=None if after is None else Now() + after)
            == 1
        )

    def void(self, approval_id: UUID) -> bool:
        """open or approved → void: what was asked or approved is not what stands now.

        The one who calls holds the lock of the phase and has seen that nothing has followed from it. A decision that
        comes meanwhile waits, and finds it closed; one that was first is void with it. False: it was rejected,
        cancelled or void already.
        """
        return (
            self.filter(pk=approval_id, state__in=(ApprovalState.OPEN, ApprovalState.APPROVED)).update(
                state=ApprovalState.VOID, finished_at=Now()
            )
            == 1
        )

    def at_gate(self, phase_id: UUID) -> Self:
        """What is asked at the gate of a phase that waits, or was approved and has not been followed yet."""
        unfollowed = (ApprovalState.OPEN, ApprovalState.APPROVED)
        return self.filter(phase_id=phase_id, purpose="gate", round=F("phase__round"), state__in=unfollowed)

    def void_gate(self, phase_id: UUID) -> list[UUID]:
        """open or approved → void, for the gate of a phase that waits: what was asked has changed before it passed.

        Which ones; none where it was rejected meanwhile.
        """
        ids = list(self.at_gate(phase_id).values_list("pk", flat=True))
        voided = self.filter(pk__in=ids, state__in=(ApprovalState.OPEN, ApprovalState.APPROVED))
        return ids if voided.update(state=ApprovalState.VOID, finished_at=Now()) == len(ids) else []

    def cancel_of(self, project_id: UUID) -> int:
        """open → cancelled, for a project that has ended."""
        return self.filter(project_id=project_id, state=ApprovalState.OPEN).update(
            state=ApprovalState.CANCELLED, finished_at=Now()
        )

    def cancel_of_step(self, step_id: UUID) -> int:
        """open → cancelled, for a step that was cancelled."""
        return self.filter(step_id=step_id, state=ApprovalState.OPEN).update(
            state=ApprovalState.CANCELLED, finished_at=Now()
        )

    def _undecided(self, approval_id: UUID) -> Self:
        # The clock of a deadline stands still in a pause: what had not passed when it began has not passed.
        held_before = _of_project(directive="pause", directive_since__lt=OuterRef("deadline"))
        in_time = Q(deadline__isnull=True) | Q(deadline__gt=Now()) | held_before
        return self.filter(in_time, _going_on("run", "pause"), pk=approval_id, state=ApprovalState.OPEN)


def _going_on(*directives: str) -> Q:
    """That the approval's project runs; of one about its plan, that it may still run, or run again."""
    runs = Q(_of_project(state="running", directive__in=directives))
    return runs | Q(Q(purpose="plan") & Q(_of_project(state__in=("pending", "failed"), directive__in=directives)))


def _of_project(**conditions: Any) -> Exists:
    """A condition on the approval's project that may stand in a guarded update.

    A filter across the relation would have Django write ``id IN (SELECT … WHERE state = 'open')``. PostgreSQL does
    not evaluate such a subquery again for a row that it had to wait for, so that both of two people would decide.
    With EXISTS the guard on the row's own columns stays outside, where it is evaluated again.
    """
    project = apps.get_model("projects", "Project")
    return Exists(project._default_manager.filter(pk=OuterRef("project_id"), **conditions))
