"""``blueprints``: those there are; and whether files hold valid ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from agents.registry import load_agents
from agents.reporting import Table
from orchestrator_site.commanding.output import USAGE, PhasegateCommand, error_document
from orchestrator_site.errors import PhasegateError
from orchestrator_site.showing.numbers import counted
from projects.blueprints.catalogue import load_catalogue
from projects.blueprints.load import load_file
from projects.blueprints.schema import Blueprint
from projects.models import BlueprintVersion
from projects.reports.render_text import sections_as_text
from projects.services.acquaintance import strangers_in
from projects.services.registration import definition_of


class Command(PhasegateCommand):
    """List or validate blueprints."""

    help = "List the blueprints there are, or with --validate check files, naming every mistake in them."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("--validate", nargs="+", metavar="FILE", help="check these files")

    def handle(self, *_: Any, **options: Any) -> None:
        """List or validate."""
        if options["validate"]:
            self._validate([Path(name) for name in options["validate"]], as_json=options["json"])
        else:
            self._list(as_json=options["json"])

    def _validate(self, paths: list[Path], *, as_json: bool) -> None:
        checked = [_check(path) for path in paths]
        if as_json:
            self.write_json({"files": checked})
        else:
            for each in checked:
                self._say(each)
        if not all(each["valid"] for each in checked):
            self.end(USAGE)

    def _say(self, checked: dict[str, Any]) -> None:
        if checked["valid"]:
            self.stdout.write(f"{checked['file']}: valid ({checked['name']} v{checked['version']})")
            for warning in checked["warnings"]:
                self.note(f"Mind: {warning}")
        else:
            self.note(checked["error"]["message"])

    def _list(self, *, as_json: bool) -> None:
        known = _known()
        if as_json:
            self.write_json({"blueprints": known})
            return
        rows = tuple((each["name"], each["version"], each["title"], each["source"]) for each in known)
        table = Table(counted(len(known), "blueprint"), ("Name", "Version", "Title", "From"), rows)
        self.stdout.write(sections_as_text("Blueprints", [table]))


def _check(path: Path) -> dict[str, Any]:
    load_agents()  # aggregations of one's own are known by then
    try:
        blueprint = load_file(path).blueprint
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        return {
            "file": str(path),
            "valid": False,
            "error": {"code": "blueprint_unreadable", "message": message, "details": {}},
        }
    except PhasegateError as error:
        return {"file": str(path), "valid": False, "error": error_document(error)}
    told = {"name": blueprint.name, "version": blueprint.version, "warnings": strangers_in(blueprint)}
    return {"file": str(path), "valid": True, **told}


def _known() -> list[dict[str, Any]]:
    """The newest version of each name: of the catalogue, and of those that somebody registered."""
    newest: dict[str, tuple[int, dict[str, Any]]] = {
        name: (loaded.blueprint.version, _described(loaded.blueprint, "catalogue"))
        for name, loaded in load_catalogue().items()
    }
    for row in BlueprintVersion.objects.order_by("name", "version"):
        if row.name not in newest or newest[row.name][0] < row.version:
            newest[row.name] = (row.version, _described(definition_of(row), "registered"))
    return [described for _, (_, described) in sorted(newest.items())]


def _described(blueprint: Blueprint, source: str) -> dict[str, Any]:
    return {
        "name": blueprint.name,
        "version": blueprint.version,
        "title": blueprint.title,
        "description": blueprint.description,
        "source": source,
    }
