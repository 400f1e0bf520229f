"""The tables of projects. Statuses are written by the guarded updates of ``querysets`` and ``sql`` only."""

from projects.models.approval import Approval, Decision
from projects.models.blob import Blob
from projects.models.blueprint import BlueprintVersion
from projects.models.budget import Budget, Reservation
from projects.models.checkpoint import Checkpoint, ImportedSnapshot
from projects.models.document import Document, DocumentContent
from projects.models.idempotency import IdempotencyRecord
from projects.models.intervention import Intervention
from projects.models.phase import Phase
from projects.models.plan import PlanVersion
from projects.models.project import Project
from projects.models.pulse import Pace, Pulse
from projects.models.schedule import Schedule
from projects.models.signal import Signal
from projects.models.step import Attempt, Dependency, Step
from projects.models.swarm import SwarmState
from projects.models.timer import Timer
from projects.models.worker import Worker

__all__ = [
    "Approval",
    "Attempt",
    "Blob",
    "BlueprintVersion",
    "Budget",
    "Checkpoint",
    "Decision",
    "Dependency",
    "Document",
    "DocumentContent",
    "IdempotencyRecord",
    "ImportedSnapshot",
    "Intervention",
    "Pace",
    "Phase",
    "PlanVersion",
    "Project",
    "Pulse",
    "Reservation",
    "Schedule",
    "Signal",
    "Step",
    "SwarmState",
    "Timer",
    "Worker",
]
