"""What one may see of a project: progress, state, report, snapshot, graph, knowledge."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from agents.knowledge.exports import EXPORTS
from agents.knowledge.store import read_graph
from orchestrator_site.api.operations import ETAG, IF_NONE_MATCH, NOT_MODIFIED, answered, operation
from projects.api import conditional, drawing, examples
from projects.api.answers import raw
from projects.api.filters import KnowledgeQuery, ReportQuery, SnapshotQuery
from projects.api.resource import Resource
from projects.api.serializers.insight import GraphSerializer, ProgressSerializer, ProjectInBriefSerializer
from projects.reports import FORMATS, render_report
from projects.services import progressing, snapshots

_EXPORT_NAMES = {"json-ld": "jsonld"}
_ENDINGS = {"json": "json", "graphml": "graphml", "json-ld": "jsonld", "cypher": "cypher"}


class Chosen(Resource):
    """A resource whose format is chosen by a parameter, whatever `Accept` says."""

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Any renderer will do, for the problems."""
        return super().perform_content_negotiation(request, force=True)


class Progress(Resource):
    """`projects/{project_id}/progress`."""

    tag = "projects"

    @operation(
        "projects_progress",
        "Follow a project",
        "How far it is, how long it may take, and why it does not move where it does not.",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: ProgressSerializer, 304: NOT_MODIFIED},
        examples=[answered(examples.PROGRESS)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """Its progress."""
        self.query()
        project = self.project(project_id)
        data = progressing.progress(project_id=project.pk).to_json()
        return conditional.tagged(request, project, data, passing=("elapsed", "share", "eta", "eta_low", "eta_high"))


class State(Resource):
    """`projects/{project_id}/state`."""

    tag = "projects"

    @operation(
        "projects_state",
        "Read the state of a project",
        "State and directive, and those of its phases and their steps, short.",
        parameters=[IF_NONE_MATCH, ETAG],
        responses={200: ProjectInBriefSerializer, 304: NOT_MODIFIED},
        examples=[answered(examples.STATE)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """Its state."""
        self.query()
        project = self.project(project_id)
        return conditional.tagged(request, project, ProjectInBriefSerializer(drawing.state_of(project)).data)


class Graph(Resource):
    """`projects/{project_id}/graph`."""

    tag = "projects"

    @operation(
        "projects_graph",
        "Draw a project",
        "Nodes and edges of its present plan with their states.",
        responses={200: GraphSerializer},
        examples=[answered(examples.GRAPH)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """Its graph."""
        self.query()
        return Response(GraphSerializer(drawing.graph_of(self.project(project_id))).data)


class Report(Chosen):
    """`projects/{project_id}/report`."""

    tag = "results"

    @operation(
        "projects_report",
        "Read the report of a project",
        "What is true of every project, and what its blueprint reports.",
        parameters=[ReportQuery],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "text/plain"): OpenApiTypes.STR,
            (200, "text/markdown"): OpenApiTypes.STR,
            (200, "text/html"): OpenApiTypes.STR,
        },
        examples=[answered({"project": {"id": examples.PROJECT_ID, "state": "completed"}})],
    )
    def get(self, request: Request, project_id: str) -> HttpResponse:
        """Its report."""
        chosen = self.query(ReportQuery)["format"]
        project = self.project(project_id)
        return raw(render_report(project, chosen), FORMATS[chosen].media_type)


class Snapshot(Resource):
    """`projects/{project_id}/snapshot`."""

    tag = "results"

    @operation(
        "projects_snapshot",
        "Take a snapshot of a project",
        "Everything about the project now, as one JSON document that carries the SHA-256 of its body.",
        parameters=[SnapshotQuery],
        responses={200: OpenApiTypes.OBJECT},
        examples=[answered(examples.SNAPSHOT)],
    )
    def get(self, request: Request, project_id: str) -> Response:
        """Its snapshot."""
        query = self.query(SnapshotQuery)
        project = self.project(project_id)
        return Response(snapshots.snapshot(project_id=project.pk, with_documents=query["documents"]))


class Knowledge(Chosen):
    """`projects/{project_id}/knowledge`."""

    tag = "results"

    @operation(
        "projects_knowledge",
        "Export the knowledge graph of a project",
        "What the project has learned, as nodes and edges; empty where it has no graph.",
        parameters=[KnowledgeQuery],
        responses={
            (200, "application/json"): OpenApiTypes.OBJECT,
            (200, "application/xml"): OpenApiTypes.STR,
            (200, "application/ld+json"): OpenApiTypes.OBJECT,
            (200, "text/plain"): OpenApiTypes.STR,
        },
        examples=[answered({"id": examples.PROJECT_ID, "nodes": [], "edges": []})],
    )
    def get(self, request: Request, project_id: str) -> HttpResponse:
        """Its knowledge."""
        chosen = self.query(KnowledgeQuery)["format"]
        project = self.project(project_id)
        write, media_type = EXPORTS[_EXPORT_NAMES.get(chosen, chosen)]
        name = None if chosen == "json" else f"knowledge-{project.short_id}.{_ENDINGS[chosen]}"
        kind = f"{media_type}; charset=utf-8" if media_type == "text/plain" else media_type
        return raw(write(read_graph(project.pk)), kind, attachment=name)
