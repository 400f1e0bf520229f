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


class NotAnApprover(Forbidden):
    """You are not among those who may decide this approval."""

    code = "not_an_approver"


class CommentRequired(InvalidInput):
    """A rejection needs a comment, so that others learn why."""

    code = "comment_required"


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
