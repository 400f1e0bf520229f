"""The states of projects, phases, steps and approvals, and what may follow what.

Guards of updates, database constraints, admin choices, the diagrams in the documentation and tests derive from these
tables. Each member says what it means, who moves it on, and what happens if nobody does.
"""

from __future__ import annotations

from orchestrator_site.statemachine import Machine, State, machine


class ProjectState(State):
    """A project's states."""

    PENDING = "pending", "Created; `start` moves it on. Recovery leaves it alone."
    RUNNING = (
        "running",
        "Its phases are worked on; `advance` moves it on, and recovery where a message was lost.",
    )
    COMPLETED = "completed", "Every phase passed its gate."
    FAILED = "failed", "A step, a quality condition or a person said no; `rerun` makes a new project of it."
    CANCELLED = "cancelled", "A person ended it."


class Directive(State):
    """What an operator wants of a project: intent that every claim reads, not a state forced onto running work."""

    RUN = "run", "Steps may start."
    PAUSE = "pause", "No step starts; those that run may finish, and their results count."
    CANCEL = "cancel", "No step starts; those that run are told, and the project ends once they have ended."


class PhaseState(State):
    """A phase's states."""

    PENDING = "pending", "Phases before it are not through; `advance` moves it on."
    RUNNING = "running", "Its steps are worked on; `advance` moves it on."
    WAITING = (
        "waiting",
        "Its steps are done and its approval is open; a decision or the deadline moves it on.",
    )
    COMPLETED = "completed", "Its gate let it pass."
    FAILED = "failed", "A step or the gate failed it."
    CANCELLED = "cancelled", "The project was cancelled before it was through."


class StepState(State):
    """A step's states."""

    PENDING = "pending", "A step it needs is not through; `advance` makes it ready."
    READY = (
        "ready",
        "It may be claimed; a message carries it to a worker, and recovery sends a lost one again.",
    )
    RUNNING = (
        "running",
        "A worker holds its lease; the worker commits the outcome, or recovery takes it back.",
    )
    WAITING = (
        "waiting",
        "For its items, a timer, a signal, a person or a child project; `advance` moves it on when that is over.",
    )
    COMPLETED = "completed", "Its result is committed."
    FAILED = "failed", "Its last attempt failed, and no other is allowed."
    SKIPPED = "skipped", "Its condition was false, a step it needs did not complete, or an operator passed it over."
    CANCELLED = "cancelled", "The project ended before it was done."


class ApprovalState(State):
    """An approval's states."""

    OPEN = "open", "People may decide; at the deadline its timer rejects, approves or escalates it."
    APPROVED = "approved", "As many approved as the quorum asks."
    REJECTED = "rejected", "Somebody rejected it, or nobody answered in time."
    CANCELLED = "cancelled", "The project ended, so that nobody need answer."
    VOID = "void", "What was asked or approved has changed since; it is asked again."


class InterventionState(State):
    """The states of an operator's change to a plan."""

    PROPOSED = "proposed", "It waits for the approval that policy asks for."
    APPLIED = "applied", "It is the plan's next version."
    REFUSED = "refused", "People said no, or it no longer fitted the plan when its turn came."


class AttemptOutcome(State):
    """How an attempt at a step ended."""

    RUNNING = "running", "It has not ended."
    COMPLETED = "completed", "Its result was committed."
    FAILED = "failed", "The agent raised an error."
    TIMED_OUT = "timed_out", "It took longer than the step's timeout."
    LOST = "lost", "Its worker fell silent or died; recovery took the step back."
    HANDED_BACK = "handed_back", "Its worker gave the step back: it was told to stop, or did not come to begin it."
    CANCELLED = "cancelled", "The project was cancelled meanwhile."
    HELD = "held", "No agent could take the step; it waits, and this counts as no attempt."


PROJECT: Machine[ProjectState] = machine(
    "project",
    ProjectState.PENDING,
    {
        ProjectState.PENDING: {ProjectState.RUNNING, ProjectState.CANCELLED},
        ProjectState.RUNNING: {ProjectState.COMPLETED, ProjectState.FAILED, ProjectState.CANCELLED},
        ProjectState.COMPLETED: set(),
        ProjectState.FAILED: set(),
        ProjectState.CANCELLED: set(),
    },
    revivals={
        ProjectState.FAILED: {ProjectState.RUNNING},  # an intervention mends what failed, or a restore goes back
        ProjectState.COMPLETED: {ProjectState.RUNNING},  # a restore goes back
    },
)

PHASE: Machine[PhaseState] = machine(
    "phase",
    PhaseState.PENDING,
    {
        PhaseState.PENDING: {PhaseState.RUNNING, PhaseState.CANCELLED},
        PhaseState.RUNNING: {
            PhaseState.WAITING,
            PhaseState.COMPLETED,
            PhaseState.FAILED,
            PhaseState.CANCELLED,
        },
        PhaseState.WAITING: {
            PhaseState.RUNNING,  # rework: the phase runs again as its next round
            PhaseState.COMPLETED,
            PhaseState.FAILED,
            PhaseState.CANCELLED,
        },
        PhaseState.COMPLETED: set(),
        PhaseState.FAILED: set(),
        PhaseState.CANCELLED: set(),
    },
    revivals={
        # A restore goes back, and forward again to where the phase was through.
        PhaseState.FAILED: {PhaseState.RUNNING, PhaseState.PENDING, PhaseState.COMPLETED},
        PhaseState.CANCELLED: {PhaseState.RUNNING, PhaseState.PENDING, PhaseState.COMPLETED},
        PhaseState.COMPLETED: {PhaseState.RUNNING, PhaseState.PENDING},
        PhaseState.PENDING: {PhaseState.COMPLETED},
        PhaseState.WAITING: {PhaseState.PENDING},
        PhaseState.RUNNING: {PhaseState.PENDING},
    },
)

STEP: Machine[StepState] = machine(
    "step",
    StepState.PENDING,
    {
        StepState.PENDING: {
            StepState.READY,
            StepState.RUNNING,  # the next of a leg, claimed in the statement that commits the one before it
            StepState.WAITING,
            StepState.COMPLETED,  # a for_each over an empty list, or carried over from an earlier round or run
            StepState.FAILED,  # its condition or list could not be evaluated
            StepState.SKIPPED,
            StepState.CANCELLED,
        },
        StepState.READY: {StepState.RUNNING, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED},
        StepState.RUNNING: {
            StepState.READY,  # retry, or taken back from a dead worker
            StepState.COMPLETED,
            StepState.FAILED,
            StepState.CANCELLED,
        },
        StepState.WAITING: {StepState.COMPLETED, StepState.FAILED, StepState.SKIPPED, StepState.CANCELLED},
        StepState.COMPLETED: set(),
        StepState.FAILED: set(),
        StepState.SKIPPED: set(),
        StepState.CANCELLED: set(),
    },
    # A committed result is never taken back: a restore makes new rows in the phase's next round.
    revivals={
        StepState.FAILED: {StepState.PENDING, StepState.SKIPPED},
        StepState.CANCELLED: {StepState.PENDING},
        StepState.SKIPPED: {StepState.PENDING},
    },
)

APPROVAL: Machine[ApprovalState] = machine(
    "approval",
    ApprovalState.OPEN,
    {
        ApprovalState.OPEN: {
            ApprovalState.APPROVED,
            ApprovalState.REJECTED,
            ApprovalState.CANCELLED,
            ApprovalState.VOID,
        },
        ApprovalState.APPROVED: set(),
        ApprovalState.REJECTED: set(),
        ApprovalState.CANCELLED: set(),
        ApprovalState.VOID: set(),
    },
    # Not by a person, but after one: what was approved turned out to have changed before anything followed from it.
    revivals={ApprovalState.APPROVED: {ApprovalState.VOID}},
)

INTERVENTION: Machine[InterventionState] = machine(
    "intervention",
    InterventionState.PROPOSED,
    {
        InterventionState.PROPOSED: {InterventionState.APPLIED, InterventionState.REFUSED},
        InterventionState.APPLIED: set(),
        InterventionState.REFUSED: set(),
    },
)

MACHINES: tuple[
    Machine[ProjectState]
    | Machine[PhaseState]
    | Machine[StepState]
    | Machine[ApprovalState]
    | Machine[InterventionState],
    ...,
] = (PROJECT, PHASE, STEP, APPROVAL, INTERVENTION)
