"""What can go wrong with projects: a class per refusal, each with a stable code."""

from __future__ import annotations

from orchestrator_site.errors import Forbidden, InvalidInput, NotFound, Refused


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


class NotAnApprover(Forbidden):
    """You are not among those who may decide this approval."""

    code = "not_an_approver"


class CommentRequired(InvalidInput):
    """A rejection needs a comment, so that others learn why."""

    code = "comment_required"


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
