"""The addresses of the API, below ``/api/v2/orchestrator/``."""

from __future__ import annotations

from projects.api.routing import route
from projects.api.views import (
    approvals,
    blueprints,
    budgets,
    control,
    documents,
    history,
    insight,
    overview,
    projects,
    schedules,
    steps,
)

urlpatterns = [
    route("projects", projects.ProjectList, "projects"),
    route("projects/stuck", overview.Stuck, "stuck"),
    route("projects/<str:project_id>", projects.ProjectDetail, "project"),
    route("projects/<str:project_id>/approval", approvals.ProjectApproval, "project-approval"),
    route("projects/<str:project_id>/budgets", budgets.BudgetList, "budgets"),
    route("projects/<str:project_id>/budgets/<str:budget_id>", budgets.BudgetDetail, "budget"),
    route("projects/<str:project_id>/cancel", control.Cancel, "project-cancel"),
    route("projects/<str:project_id>/documents", documents.DocumentList, "documents"),
    route(
        "projects/<str:project_id>/documents/<str:document_id>/content",
        documents.DocumentContent,
        "document-content",
    ),
    route("projects/<str:project_id>/documents/<str:document_id>/text", documents.DocumentText, "document-text"),
    route("projects/<str:project_id>/graph", insight.Graph, "project-graph"),
    route("projects/<str:project_id>/history", history.History, "project-history"),
    route("projects/<str:project_id>/knowledge", insight.Knowledge, "project-knowledge"),
    route("projects/<str:project_id>/pause", control.Pause, "project-pause"),
    route("projects/<str:project_id>/progress", insight.Progress, "project-progress"),
    route("projects/<str:project_id>/report", insight.Report, "project-report"),
    route("projects/<str:project_id>/resume", control.Resume, "project-resume"),
    route("projects/<str:project_id>/snapshot", insight.Snapshot, "project-snapshot"),
    route("projects/<str:project_id>/state", insight.State, "project-state"),
    route("projects/<str:project_id>/steps", steps.StepList, "steps"),
    route("projects/<str:project_id>/steps/<str:key>", steps.StepDetail, "step"),
    route("approvals", approvals.ApprovalList, "approvals"),
    route("approvals/<str:approval_id>", approvals.ApprovalDetail, "approval"),
    route("approvals/<str:approval_id>/decisions", approvals.Decisions, "decisions"),
    route("blueprints", blueprints.BlueprintList, "blueprints"),
    route("blueprints/<str:name>", blueprints.BlueprintDetail, "blueprint"),
    route("schedules", schedules.ScheduleList, "schedules"),
    route("schedules/<str:schedule_id>", schedules.ScheduleDetail, "schedule"),
    route("stats/daily", overview.Daily, "stats-daily"),
]
