"""The addresses of the pages."""

from __future__ import annotations

from django.urls import path

from orchestrator_site.dashboard.views import (
    agents,
    approvals,
    controls,
    documents,
    imported,
    login,
    project,
    projects,
    rounds,
    steps,
)

app_name = "dashboard"

urlpatterns = [
    path("", projects.ProjectList.as_view(), name="projects"),
    path("projects/<uuid:project_id>/", project.show, name="project"),
    path("projects/<uuid:project_id>/live", project.live, name="project-live"),
    path("projects/<uuid:project_id>/report", project.report, name="report"),
    path("projects/<uuid:project_id>/steps/", steps.StepList.as_view(), name="steps"),
    path("projects/<uuid:project_id>/steps/<uuid:step_id>/", steps.show, name="step"),
    path("projects/<uuid:project_id>/documents/<uuid:document_id>", documents.download, name="document"),
    path("projects/<uuid:project_id>/phases/<slug:key>/rounds", rounds.show, name="rounds"),
    path("projects/<uuid:project_id>/<slug:verb>", controls.control, name="control"),
    path("imported/", imported.ImportedList.as_view(), name="imported-list"),
    path("imported/<uuid:snapshot_id>/", imported.show, name="imported"),
    path("agents/", agents.AgentList.as_view(), name="agents"),
    path("inbox/", approvals.Inbox.as_view(), name="inbox"),
    path("approvals/<uuid:approval_id>/", approvals.decide, name="approval"),
    path("approvals/<uuid:approval_id>/evidence", approvals.evidence, name="evidence"),
    path("login/", login.Login.as_view(), name="login"),
    path("logout/", login.Logout.as_view(), name="logout"),
]
