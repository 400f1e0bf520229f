"""``verify_emissions``: calculate a project's emissions again from its documents, and look up a supplier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from agents.library.emissions.columns import OWN, Figure, figures_of, set_aside_of
from agents.library.emissions.factors import FactorTable
from agents.library.emissions.opened import factors_of, tables_of
from agents.library.emissions.values import REASONS, VERSION, SetAside, tonnes
from agents.library.emissions.verifying import Checked, contradictions, leads_to_root, recalculate
from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import FAILED, NOT_FOUND, PhasegateCommand
from orchestrator_site.showing.visible import one_line
from projects.errors import RefusedInState
from projects.management.finding import project_of
from projects.models import Project
from projects.reports.results import latest
from projects.services.contexts import documents_of
from projects.services.progressing import next_action


class Command(PhasegateCommand):
    """Verify emissions."""

    help = "Calculate a project's emissions again from its documents, compare every digest, and look up one supplier."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("id", help="of the project, or its last digits")
        parser.add_argument(
            "--supplier", metavar="X", help="show this supplier's figures, by id or name, and verify them"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Read what is kept, calculate again, compare, tell."""
        project = project_of(options["id"], system_actor())
        results, _states = latest(project)
        if "combine" not in results or "calculate" not in results:
            raise RefusedInState(f"Project {project.pk} has no emissions (yet). {next_action(project)}")
        supplier = options["supplier"]
        factors = factors_of(documents_of(project.pk), project.inputs)
        wrong = contradictions(results["calculate"], results["combine"]) + _changed(results, factors)
        checked = _again(project, results, factors, supplier)
        found = _look_up(results, factors, supplier) if supplier is not None else []
        self._show(project, results, checked, wrong, found, options)
        if supplier is not None and not found:
            self.end(NOT_FOUND)
        if wrong or not checked.holds or any(each.get("path_holds") is False for each in found):
            self.end(FAILED)

    def _show(
        self,
        project: Project,
        results: Mapping[str, Any],
        checked: Checked,
        wrong: Sequence[str],
        found: Sequence[Mapping[str, Any]],
        options: Mapping[str, Any],
    ) -> None:
        combined = results["combine"]
        if options["json"]:
            self.write_json(
                {
                    "project": str(project.pk),
                    "root": combined["root"],
                    "tonnes": tonnes(combined["milligrams"]),
                    "rows_calculated_again": checked.rows,
                    "holds": checked.holds and not wrong,
                    "differences": [*wrong, *checked.differences],
                    **({"supplier": list(found)} if options["supplier"] is not None else {}),
                }
            )
            return
        for each in found:
            self.stdout.write("\n".join(_lines(each)) + "\n")
        if options["supplier"] is not None and not found:
            self.stdout.write(f"No row names the supplier {one_line(options['supplier'])!r}.")
            return
        for difference in [*wrong, *checked.differences]:
            self.stdout.write(f"DIFFERS: {one_line(difference)}")
        verdict = "holds" if checked.holds and not wrong else "DOES NOT HOLD"
        self.stdout.write(
            f"{checked.rows} rows calculated again; {tonnes(combined['milligrams'])} t CO2e; "
            f"root {combined['root']}: {verdict}."
        )


def _again(project: Project, results: Mapping[str, Any], factors: FactorTable, supplier: str | None) -> Checked:
    tables = tables_of(documents_of(project.pk), project.inputs)
    return recalculate(tables, results["calculate"], results["collect"]["chunks"], factors, supplier)


def _changed(results: Mapping[str, Any], factors: FactorTable) -> list[str]:
    collected = results["collect"]
    found = []
    if collected["calculation"] != VERSION:
        found.append(f"this program calculates as {VERSION}, the project as {collected['calculation']}")
    if collected["factors"]["digest"] != factors.digest:
        found.append("the factors of this program are not those of the project")
    return found


def _look_up(results: Mapping[str, Any], factors: FactorTable, supplier: str) -> list[dict[str, Any]]:
    chunks = results["calculate"]
    names = {one["number"]: one["name"] for one in results["collect"]["documents"]}
    figures = [_figure(each, factors, names, results) for chunk in chunks for each in figures_of(chunk, supplier)]
    aside = [
        _aside(each, names[chunk["document"]])
        for chunk in chunks
        for each in set_aside_of(chunk)
        if each.supplier == supplier
    ]
    return [*figures, *aside]


def _figure(
    figure: Figure, factors: FactorTable, names: Mapping[int, str], results: Mapping[str, Any]
) -> dict[str, Any]:
    path = leads_to_root(results["calculate"], figure.digest, results["combine"]["root"])
    own = figure.factor_id == OWN
    return {
        **asdict(figure),
        "document": names[figure.document],
        "method": figure.method.label,
        "tonnes": tonnes(figure.milligrams),
        "factor": None if own else factors.factors[factors.place(figure.factor_id)].to_json(),
        "path_holds": path is not None,
        "path": path,
    }


def _aside(each: SetAside, document: str) -> dict[str, Any]:
    return {**asdict(each), "document": document, "reason": each.reason.value, "meaning": REASONS[each.reason]}


def _lines(told: Mapping[str, Any]) -> list[str]:
    where = f"{one_line(told['document'])}, line {told['line']}"
    if "reason" in told:
        return [
            f"{one_line(told['supplier'])}: set aside ({told['meaning']}: {one_line(told['value'])!r})",
            f"  {where}",
        ]
    factor = told["factor"]
    return [
        f"{one_line(told['supplier'])} {one_line(told['name'])}: {told['tonnes']} t CO2e, category {told['category']}, "
        f"{told['method']}, quality {told['quality']}",
        f"  {where}",
        *(
            [f"  {factor['factor_id']}: {factor['kg_co2e']} kg CO2e/{factor['per']}, {factor['source']}"]
            if factor
            else ["  the supplier's own figures"]
        ),
        f"  digest {told['digest']}, {len(told['path'] or ())} steps below the root",
    ]
