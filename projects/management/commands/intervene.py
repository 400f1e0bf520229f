"""``intervene``: change the plan of a live project."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.commanding.output import PhasegateCommand, Usage
from orchestrator_site.commanding.people import actor_named
from projects.blueprints.changing import Definition, read_definition
from projects.management.describing import intervention_document, project_document
from projects.management.finding import project_of
from projects.management.given import object_of, pairs_of, text_of, value_of
from projects.management.previewing import add_confirmation, confirmed, preview_lines
from projects.models import Intervention, Project
from projects.planning.edits import EDITS
from projects.services import interventions
from projects.states import InterventionState

_OPTIONS = {
    "skip": ("result", "result_file"),
    "modify": ("param", "agent", "capability", "set", "timeout", "retry"),
    "add": ("definition", "file", "before", "after", "phase"),
    "reorder": ("before", "after", "needs"),
}
"""Which options say more about which change."""


class Command(PhasegateCommand):
    """Change the plan of a live project."""

    help = "Retry, skip, modify, add, remove or reorder a step of a live project. --preview shows what it would do."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("id", help="of the project, or its last digits")
        parser.add_argument("change", choices=list(EDITS), help="what is to be done")
        parser.add_argument("step", nargs="?", default="", help="its key; add takes it from the definition")
        parser.add_argument("--result", metavar="JSON", help="skip: a result in place of the step's own")
        parser.add_argument("--result-file", metavar="FILE", help="skip: the same from a .json or .yaml file")
        parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="modify: a parameter")
        parser.add_argument("--agent", metavar="NAME", help="modify: who does it")
        parser.add_argument("--capability", metavar="NAME", help="modify: what whoever does it must be able to do")
        parser.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="modify: version, route, fallback or timeouts, as JSON or a word; null takes it away",
        )
        parser.add_argument("--timeout", metavar="DURATION", help="modify: how long an attempt may take, such as 5m")
        parser.add_argument("--retry", metavar="YAML", help="modify: such as '{max_attempts: 5}'")
        parser.add_argument("--definition", metavar="YAML", help="add: the step, as in a blueprint")
        parser.add_argument("--file", metavar="FILE", help="add: the same from a file")
        parser.add_argument("--before", metavar="STEP", help="add, reorder: this step then waits for it")
        parser.add_argument("--after", metavar="STEP", help="add, reorder: it waits for this step")
        parser.add_argument("--phase", metavar="PHASE", help="add: at the end of this phase")
        parser.add_argument("--needs", metavar="STEP,…", help="reorder: what it is to need; '' for nothing")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why, for the history")
        add_confirmation(parser)
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Look, show or ask, do, tell."""
        _check_options(options)
        actor = actor_named(options["user"])
        project = project_of(options["id"], actor)
        wish = {
            "project_id": project.pk,
            "actor": actor,
            "change": options["change"],
            "step": options["step"],
            "arguments": _arguments(options),
        }
        digest = options["digest"]
        if options["preview"] or not (options["yes"] or digest):
            preview = interventions.preview(**wish)
            if options["preview"]:
                self._show(preview.to_json(), preview_lines(preview), options)
                return
            if not confirmed(self, preview_lines(preview), options):
                self.note("Nothing was changed.")
                return
            digest = preview.digest
        made = interventions.intervene(**wish, preview_digest=digest, reason=options["reason"])
        self._say(made, options)

    def _show(self, document: dict[str, Any], lines: list[str], options: dict[str, Any]) -> None:
        if options["json"]:
            self.write_json({"preview": document})
        else:
            self.stdout.write("\n".join(lines))

    def _say(self, made: Intervention, options: dict[str, Any]) -> None:
        project = Project.objects.select_related("blueprint", "owner").get(pk=made.project_id)
        if options["json"]:
            self.write_json({"intervention": intervention_document(made), "project": project_document(project)})
        elif made.state == InterventionState.PROPOSED and made.approval is not None:
            self.stdout.write(f"Proposed: {made}. It is made when {made.approval.title!r} is approved.")
        else:
            self.stdout.write(f"Done: {made}. Plan {made.plan_after} of project {project.pk} is in force.")


def _check_options(options: dict[str, Any]) -> None:
    """Raise ``Usage`` for an option that says something about another change, or no step."""
    change = options["change"]
    for name in dict.fromkeys(name for names in _OPTIONS.values() for name in names):
        if options[name] not in (None, []) and name not in _OPTIONS.get(change, ()):
            meant = [each for each, names in _OPTIONS.items() if name in names]
            raise Usage(f"--{name.replace('_', '-')} goes with {' and '.join(meant)}, and not with {change}.")
    if change != "add" and not options["step"]:
        raise Usage(f"Say which step to {change}.")
    for one, other in (("result", "result_file"), ("definition", "file")):
        if options[one] is not None and options[other] is not None:
            raise Usage(f"Give --{one} or --{other.replace('_', '-')}, and not both.")


def _arguments(options: dict[str, Any]) -> dict[str, Any]:
    """The options of the change, as the service takes them."""
    match options["change"]:
        case "skip":
            return _skip(options)
        case "modify":
            return _modify(options)
        case "add":
            beside = {name: options[name] for name in ("before", "after", "phase") if options[name]}
            return {"definition": _definition(options), **beside}
        case "reorder":
            beside = {name: options[name] for name in ("before", "after") if options[name]}
            needs = options["needs"]
            return beside if needs is None else {**beside, "needs": [key for key in needs.split(",") if key]}
        case _:
            return {}


def _skip(options: dict[str, Any]) -> dict[str, Any]:
    if options["result_file"] is not None:
        return {"result": value_of(Path(options["result_file"]))}
    if options["result"] is None:
        return {}
    try:
        return {"result": json.loads(options["result"])}
    except ValueError:
        raise Usage(f"--result {options['result'][:60]!r} is no JSON: put a text between quotes, '\"…\"'.") from None


def _modify(options: dict[str, Any]) -> dict[str, Any]:
    plain = ("agent", "capability", "timeout")
    found: dict[str, Any] = {name: options[name] for name in plain if options[name] is not None}
    found |= pairs_of(options["set"], {}, option="--set")
    if options["param"]:
        found["params"] = pairs_of(options["param"], {}, option="--param")
    if options["retry"] is not None:
        found["retry"] = object_of(options["retry"], option="--retry")
    return found


def _definition(options: dict[str, Any]) -> Definition:
    if options["file"] is not None:
        return read_definition(text_of(Path(options["file"])), origin=options["file"])
    if options["definition"] is None:
        raise Usage("Give the step to add: --definition '{key: …, agent: …}', or --file FILE.")
    return read_definition(options["definition"], origin="--definition")
