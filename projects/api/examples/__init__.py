"""Examples of the OpenAPI document, a module a subject; a test holds them against their schemas."""

from projects.api.examples.agents import GATHERED, LEASE_HEARD, ROUTE_ASKED, ROUTED, SCATTER_ASKED
from projects.api.examples.approvals import APPROVAL, APPROVAL_DETAIL, DECISION_GIVEN, ROUNDS
from projects.api.examples.blueprints import BLUEPRINT, BLUEPRINT_DETAIL, BLUEPRINT_SOURCE
from projects.api.examples.checkpoints import CHECKPOINT, CHECKPOINT_DETAIL, RERUN_PREVIEW, RESTORE_PREVIEW, RESTORED
from projects.api.examples.comparisons import COMPARISON
from projects.api.examples.insight import BUDGET, DAYS, EVENT, GRAPH, PROGRESS, STATE, STUCK
from projects.api.examples.interventions import (
    CANCEL_MANY_PREVIEW,
    CANCEL_PREVIEW,
    INTERVENTION,
    INTERVENTION_GIVEN,
    INTERVENTION_PROPOSED,
    PREVIEW,
)
from projects.api.examples.projects import BATCH, DOCUMENT, PROJECT, PROJECT_DETAIL, PROJECT_GIVEN, SIGNAL
from projects.api.examples.schedules import SCHEDULE, SCHEDULE_GIVEN
from projects.api.examples.shared import DIGEST, MOMENT, PROJECT_ID
from projects.api.examples.snapshots import IMPORTED, SNAPSHOT
from projects.api.examples.steps import STEP, STEP_DETAIL

__all__ = [
    "APPROVAL",
    "APPROVAL_DETAIL",
    "BATCH",
    "BLUEPRINT",
    "BLUEPRINT_DETAIL",
    "BLUEPRINT_SOURCE",
    "BUDGET",
    "CANCEL_MANY_PREVIEW",
    "CANCEL_PREVIEW",
    "CHECKPOINT",
    "CHECKPOINT_DETAIL",
    "COMPARISON",
    "DAYS",
    "DECISION_GIVEN",
    "DIGEST",
    "DOCUMENT",
    "EVENT",
    "GATHERED",
    "GRAPH",
    "IMPORTED",
    "INTERVENTION",
    "INTERVENTION_GIVEN",
    "INTERVENTION_PROPOSED",
    "LEASE_HEARD",
    "MOMENT",
    "PREVIEW",
    "PROGRESS",
    "PROJECT",
    "PROJECT_DETAIL",
    "PROJECT_GIVEN",
    "PROJECT_ID",
    "RERUN_PREVIEW",
    "RESTORED",
    "RESTORE_PREVIEW",
    "ROUNDS",
    "ROUTED",
    "ROUTE_ASKED",
    "SCATTER_ASKED",
    "SCHEDULE",
    "SCHEDULE_GIVEN",
    "SIGNAL",
    "SNAPSHOT",
    "STATE",
    "STEP",
    "STEP_DETAIL",
    "STUCK",
]
