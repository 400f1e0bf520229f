"""The tables of projects. Statuses are written by the guarded updates of ``querysets`` and ``sql`` only."""

from projects.models.approval import Approval, Decision
from projects.models.blueprint import BlueprintVersion
from projects.models.document import Document, DocumentContent
from projects.models.idempotency import IdempotencyRecord
from projects.models.phase import Phase
from projects.models.plan import PlanVersion
from projects.models.project import Project
from projects.models.step import Attempt, Dependency, Step
from projects.models.worker import Worker

__all__ = [
    "Approval",
    "Attempt",
    "BlueprintVersion",
    "Decision",
    "Dependency",
    "Document",
    "DocumentContent",
    "IdempotencyRecord",
    "Phase",
    "PlanVersion",
    "Project",
    "Step",
    "Worker",
]
