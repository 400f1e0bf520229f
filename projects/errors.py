"""What can go wrong with projects: a class per refusal, each with a stable code."""

from __future__ import annotations

from orchestrator_site.errors import Forbidden, InvalidInput, NotFound, PhasegateError, Refused


class ProjectNotFound(NotFound):
    """There is no such project, or it is not yours to see."""

    code = "project_not_found"


class BlueprintNotFound(NotFound):
    """No blueprint of that name is registered."""

    code = "blueprint_not_found"


class BlueprintChanged(Refused):
    """The blueprint was changed without a new version number."""

    code = "blueprint_changed"


class BlueprintEndless(InvalidInput):
    """By its steps the blueprint starts itself again and again."""

    code = "blueprint_endless"


class ApprovalNotFound(NotFound):
    """There is no such approval, or it is not yours to see."""

    code = "approval_not_found"


class ApprovalClosed(Refused):
    """The approval has been decided already."""

    code = "approval_closed"


class ApprovalExpired(Refused):
    """The deadline of the approval is over."""

    code = "approval_expired"


class AlreadyDecided(Refused):
    """You have decided on this approval already."""

    code = "already_decided"


class EvidenceChanged(Refused):
    """What you saw is not what is asked any more; look again before you decide."""

    code = "evidence_changed"


class ContentChanged(Refused):
    """Somebody edited the content meanwhile; look again before you decide."""

    code = "content_changed"


class NotAnApprover(Forbidden):
    """You are not among those who may decide this approval."""

    code = "not_an_approver"


class CommentRequired(InvalidInput):
    """A rejection needs a comment, so that others learn why."""

    code = "comment_required"


class NothingSearched(NotFound):
    """The step is no search, or its first generation is not over."""

    code = "nothing_searched"


class RoundNotFound(NotFound):
    """There is no such phase, or it has no such round."""

    code = "round_not_found"


class RefusedInState(Refused):
    """The project is in a state in which this cannot be done."""

    code = "refused_in_state"


class DocumentRefused(InvalidInput):
    """The document cannot be taken."""

    code = "document_refused"


class AfterNotFound(NotFound):
    """A project to run after does not exist."""

    code = "after_not_found"


class KeyTaken(Refused):
    """The key belongs to a project that does another job."""

    code = "key_taken"


class BudgetNotFound(NotFound):
    """The project has no such budget."""

    code = "budget_not_found"


class BudgetInvalid(InvalidInput):
    """The limits of a budget do not fit one another."""

    code = "budget_invalid"


class ConcurrencyKeyEmpty(InvalidInput):
    """The concurrency key of a step is empty."""

    code = "concurrency_key_empty"


class ResultDamaged(PhasegateError):
    """A large result is missing, or is not what was kept."""

    code = "result_damaged"


class ScheduleNotFound(NotFound):
    """There is no such schedule, or it is not yours to see."""

    code = "schedule_not_found"


class ScheduleInvalid(InvalidInput):
    """The schedule would never start anything."""

    code = "schedule_invalid"


class ScheduleNameTaken(Refused):
    """A schedule of that name is there already."""

    code = "schedule_name_taken"


class TooDeep(Refused):
    """Too many projects stand above this one."""

    code = "too_deep"


class DeadlineInvalid(InvalidInput):
    """The deadline is no duration."""

    code = "deadline_invalid"


class SignalInvalid(InvalidInput):
    """The signal has no name that a step could wait for, or holds too much."""

    code = "signal_invalid"


class SignalKeyTaken(Refused):
    """The key belongs to a signal that says something else."""

    code = "signal_key_taken"


class SelectionInvalid(InvalidInput):
    """It is not clear which projects are meant."""

    code = "selection_invalid"


class CheckpointNotFound(NotFound):
    """The project has no such checkpoint."""

    code = "checkpoint_not_found"


class EventNotFound(NotFound):
    """The project's history has no such event, or none from which it could go on."""

    code = "event_not_found"


class CheckpointDamaged(Refused):
    """The checkpoint is not what was taken."""

    code = "checkpoint_damaged"


class NotRebuildable(Refused):
    """The state at that event cannot be made out of a checkpoint and the history."""

    code = "not_rebuildable"


class StepsRunning(Refused):
    """Steps of the project are running."""

    code = "steps_running"


class StepNotFound(NotFound):
    """The project has no such step."""

    code = "step_not_found"


class SnapshotRefused(InvalidInput):
    """This is no snapshot of a project."""

    code = "snapshot_refused"


class SnapshotFormatUnknown(SnapshotRefused):
    """The snapshot is of a format that this version does not know."""

    code = "snapshot_format_unknown"


class SnapshotTampered(SnapshotRefused):
    """The snapshot is not what was taken."""

    code = "snapshot_tampered"


class SnapshotNotFound(NotFound):
    """There is no such imported snapshot."""

    code = "snapshot_not_found"


class StepNotInPlan(NotFound):
    """The plan has no such step."""

    code = "step_not_in_plan"


class StepHasStarted(Refused):
    """The step has started: only what has not can be changed."""

    code = "step_has_started"


class StepNotFailed(Refused):
    """The step has not failed: only a failed step is retried."""

    code = "step_not_failed"


class PhaseIsOver(Refused):
    """The phase is over: its steps cannot be changed any more."""

    code = "phase_is_over"


class WouldMakeCycle(Refused):
    """The steps would wait for one another."""

    code = "would_make_cycle"


class StepStillNeeded(Refused):
    """Another step needs this one."""

    code = "step_still_needed"


class PlanWouldBreak(Refused):
    """Something would be read in the changed plan that is not there, or not there yet."""

    code = "plan_would_break"


class NothingChanges(Refused):
    """The plan is as it would be after the change."""

    code = "nothing_changes"


class EditInvalid(InvalidInput):
    """The change is not one that can be made."""

    code = "edit_invalid"


class ProjectChanged(Refused):
    """The project has changed since: look at a new preview before you confirm."""

    code = "project_changed"


class StartTimedOut(PhasegateError):
    """Nobody began the step in time."""

    code = "start_timed_out"


class AttemptOver(Refused):
    """The attempt is over, or the step is another's by now: what comes for it does not count."""

    code = "attempt_over"
