"""Reading and moving projects."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from orchestrator_site.access.actors import Actor
from projects.states import PROJECT, Directive, ProjectState

if TYPE_CHECKING:
    from projects.models import Project


class ProjectQuerySet(models.QuerySet["Project"]):
    """Projects."""

    def visible_to(self, actor: Actor) -> Self:
        """Those the actor may see: all with the right to read any, else their own and those they may decide on."""
        if actor.may("project.read"):
            return self
        if actor.user_id is None:
            return self.none()
        decisions = apps.get_model("projects", "Decision")._default_manager
        decided = decisions.filter(approval__project=OuterRef("pk"), user_id=actor.user_id)
        return self.filter(Q(owner_id=actor.user_id) | Exists(decided))

    def live(self) -> Self:
        """Those that are not over."""
        return self.filter(state__in=sorted(PROJECT.live))

    def lock_for_control(self, project_id: UUID, *, if_free: bool = False) -> Project | None:
        """The project, locked so that no claim of a step is under way while its directive changes.

        A claim holds ``FOR KEY SHARE`` on this row until it commits, and this lock waits for it; a claim that comes
        later waits for us and reads the new directive. So after a pause has committed, no step starts. ``if_free`` is
        for those who look after many: None where somebody else holds it.
        """
        return self.select_for_update(of=("self",), skip_locked=if_free).filter(pk=project_id).first()

    def lock_for_advance(self, project_id: UUID) -> Project | None:
        """The project with its owner, locked so that neither its state nor its plan changes meanwhile.

        Claims of steps, which hold ``FOR KEY SHARE``, go on beside it. Everybody locks the project before its phase, so
        that none of two waits for the other.
        """
        locked = self.select_for_update(of=("self",), no_key=True).select_related("owner")
        return locked.filter(pk=project_id).first()

    def lock_whole(self, project_id: UUID, *, if_free: bool = False) -> Project | None:
        """The project and its phases, locked: no claim and no ``advance`` is under way while its plan changes.

        ``if_free`` as for ``lock_for_control``.
        """
        project = self.lock_for_control(project_id, if_free=if_free)
        if project is None:
            return None
        phases = apps.get_model("projects", "Phase")._default_manager.filter(project_id=project_id)
        list(phases.select_for_update().order_by("position").values_list("pk"))
        return project

    def begin(self, project_id: UUID) -> bool:
        """pending → running. False: somebody else started it, or it was cancelled."""
        return self._move(project_id, ProjectState.RUNNING, started_at=Now())

    def complete(self, project_id: UUID) -> bool:
        """running → completed. False: it ended otherwise meanwhile."""
        return self._move(project_id, ProjectState.COMPLETED, finished_at=Now())

    def fail(self, project_id: UUID, *, code: str, reason: str) -> bool:
        """running → failed. False: it ended otherwise meanwhile."""
        return self._move(project_id, ProjectState.FAILED, finished_at=Now(), failure_code=code, failure=reason)

    def cancel(self, project_id: UUID) -> bool:
        """pending or running → cancelled. False: it was over already."""
        return self._move(project_id, ProjectState.CANCELLED, finished_at=Now())

    def revive(self, project_id: UUID, **fields: Any) -> bool:
        """failed or completed → running, because a person brings it back. False: it had not ended so.

        The caller holds the project's lock: what ended it and what brings it back must not cross.
        """
        ended = [state for state in PROJECT.table if PROJECT.revives(state, ProjectState.RUNNING)]
        again = {"finished_at": None, "failure_code": "", "failure": "", **fields}
        return self.filter(pk=project_id, state__in=ended).update(state=ProjectState.RUNNING, **again) == 1

    def raise_plan(self, project_id: UUID, before: int) -> bool:
        """Let the plan's next version be in force. False: another intervention was first."""
        return self.filter(pk=project_id, plan_version=before).update(plan_version=before + 1) == 1

    def direct(self, project_id: UUID, directive: Directive) -> bool:
        """Set what the operator wants, of a project that is not over and not being cancelled."""
        return (
            self.filter(pk=project_id, state__in=sorted(PROJECT.live))
            .exclude(directive__in=(directive, Directive.CANCEL))
            .update(directive=directive, directive_since=Now())
            == 1
        )

    def hold(self, project_id: UUID) -> bool:
        """Pause a running project because the one above it is paused. False: it is paused or ending already."""
        return (
            self.filter(pk=project_id, state=ProjectState.RUNNING, directive=Directive.RUN).update(
                directive=Directive.PAUSE, directive_since=Now(), held_by_parent=True
            )
            == 1
        )

    def go_on(self, project_id: UUID, length: timedelta) -> bool:
        """paused → run, its own deadline moved by the length of the pause. False: it is not paused any more."""
        return (
            self.filter(pk=project_id, state__in=sorted(PROJECT.live), directive=Directive.PAUSE).update(
                directive=Directive.RUN,
                directive_since=Now(),
                held_by_parent=False,
                drained_at=None,
                deadline=F("deadline") + length,
            )
            == 1
        )

    def _move(self, project_id: UUID, to: ProjectState, **fields: Any) -> bool:
        return self.filter(pk=project_id, state__in=PROJECT.sources(to)).update(state=to, **fields) == 1
