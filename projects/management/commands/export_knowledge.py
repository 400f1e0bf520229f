"""``export_knowledge``: a project's knowledge graph for other tools."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from agents.knowledge.exports import EXPORTS
from agents.knowledge.store import read_graph
from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import PhasegateCommand
from projects.errors import RefusedInState
from projects.management.finding import project_of
from projects.management.given import write_file
from projects.services.progressing import next_action

_FORMATS = {"graphml": "graphml", "json-ld": "jsonld", "cypher": "cypher", "json": "json"}


class Command(PhasegateCommand):
    """Export a knowledge graph."""

    help = "Write a project's knowledge graph as GraphML, JSON-LD, Cypher or JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("id", help="of the project, or its last digits")
        parser.add_argument("--format", choices=tuple(_FORMATS), required=True, help="how it is written")
        parser.add_argument("-o", "--output", metavar="FILE", help="default: standard output")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find, read, write."""
        project = project_of(options["id"], system_actor())
        graph = read_graph(project.pk)
        if not graph.nodes:
            raise RefusedInState(f"Project {project.pk} has no knowledge graph (yet). {next_action(project)}")
        write, _media_type = EXPORTS[_FORMATS[options["format"]]]
        written = write(graph)
        if options["output"] is None:
            self._to_standard_output(written, options)
            return
        path = write_file(options["output"], written)
        if options["json"]:
            self.write_json({"file": str(path), "nodes": len(graph.nodes), "edges": len(graph.edges)})
        else:
            self.stdout.write(f"Wrote {path}: {len(graph.nodes)} nodes and {len(graph.edges)} edges.")

    def _to_standard_output(self, written: str, options: dict[str, Any]) -> None:
        if options["json"] and not options["format"].startswith("json"):
            self.write_json({"format": options["format"], "graph": written})
        else:
            self.stdout.write(written)
