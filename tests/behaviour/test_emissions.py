"""An emissions project from its tables to its report: every row counts, and every figure can be verified."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from orchestrator_site.access.actors import system_actor
from projects.models import Blob, Project, Step
from projects.reports.formats import render_report
from projects.services import control, creating, intake, results
from projects.services.registration import find_blueprint
from tests.builders import drive, look, result
from tests.unit.emissions.making_suppliers import as_csv, as_parquet, suppliers

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "suppliers.csv"
OWN_FACTORS = b"""factor_id,kind,activity,naics,name,kg_co2e,per,categories,region,year,source,licence
mill.steel,activity,steel,,Steel of our mill,1.5,kg,1,GLO,2025,Declaration of the mill 2025-03,internal
"""


def emissions_of(*given: tuple[str, bytes], **inputs: Any) -> Project:
    created = creating.create_project(
        blueprint=find_blueprint("emissions-report"),
        inputs=inputs,
        actor=system_actor(),
        documents=[intake.Given(name, content) for name, content in given],
    )
    control.start(project_id=created.project.pk, actor=system_actor())
    return drive(look(created.project))


def verified(project: Project, *options: str) -> tuple[int, dict[str, Any]]:
    out = StringIO()
    try:
        call_command("verify_emissions", str(project.pk), *options, json=True, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def test_the_example_is_calculated_and_every_row_is_accounted_for() -> None:
    project = emissions_of(("suppliers.csv", EXAMPLE.read_bytes()), chunk_rows=30)

    assert project.state == "completed", project.failure
    combined = result(project, "combine")
    assert combined["rows_in"] == 200 == combined["computed"] + combined["set_aside"]
    assert combined["set_aside"] == sum(combined["reasons"].values()) > 0
    assert Step.objects.filter(parent__key="calculate", project=project).count() == 7
    assert sum(total for total, _ in combined["by_category"].values()) == combined["milligrams"]


@pytest.mark.parametrize("form", ["text", "json", "markdown", "html"])
def test_the_report_tells_totals_factors_sources_and_what_was_set_aside(form: str) -> None:
    project = emissions_of(("suppliers.csv", EXAMPLE.read_bytes()))

    report = render_report(project, form)
    for told in (result(project, "combine")["root"], "UK DESNZ", "US EPA, Supply Chain", "the number is negative"):
        assert told in report


def test_a_supplier_is_looked_up_with_factor_source_digest_and_its_path_to_the_root() -> None:
    project = emissions_of(("suppliers.csv", EXAMPLE.read_bytes()), chunk_rows=64)

    status, told = verified(project, "--supplier", "S000002")

    assert status == 0
    (figure,) = told["supplier"]
    assert figure["tonnes"] == "2.039611454"  # 20,068.99 tkm x 0.10163 kg
    assert figure["factor"]["source"].startswith("UK DESNZ")
    assert figure["path_holds"]
    assert len(figure["digest"]) == 64
    assert told["holds"]


def test_a_supplier_that_was_set_aside_is_told_with_the_reason_and_one_unknown_is_not_found() -> None:
    project = emissions_of(("suppliers.csv", EXAMPLE.read_bytes()))

    _, told = verified(project, "--supplier", "S000003")
    assert [each["reason"] for each in told["supplier"]] == ["negative"]
    assert verified(project, "--supplier", "nobody")[0] == 3


def test_calculating_again_finds_everything_as_it_was_kept() -> None:
    project = emissions_of(("suppliers.csv", EXAMPLE.read_bytes()), chunk_rows=50)

    status, told = verified(project)

    assert (status, told["holds"], told["rows_calculated_again"]) == (0, True, 200)


def test_a_figure_that_somebody_changed_is_found() -> None:
    project = emissions_of(("suppliers.csv", EXAMPLE.read_bytes()))
    (row,) = Step.objects.filter(parent__key="calculate", project=project)
    changed = results.of(row)
    changed["milligrams"][7] -= 1
    Step.objects.filter(pk=row.pk).update(**results.fields(changed))

    status, told = verified(project)

    assert status == 1
    assert any("milligrams" in each for each in told["differences"])
    assert any("row" in each for each in told["differences"])


def test_parquet_in_row_groups_gives_what_the_csv_gives() -> None:
    rows = suppliers(900, seed=3, bad=0.1)
    by_csv = emissions_of(("a.csv", as_csv(rows)), chunk_rows=100)
    by_parquet = emissions_of(("a.parquet", as_parquet(rows, group=128)), chunk_rows=300)

    assert by_parquet.state == "completed", by_parquet.failure
    assert result(by_parquet, "combine")["root"] == result(by_csv, "combine")["root"]


def test_a_table_with_semicolons_and_decimal_commas_gives_the_same_root_of_figures() -> None:
    rows = suppliers(300, seed=5, bad=0)
    english = emissions_of(("a.csv", as_csv(rows)))
    german = emissions_of(("a.csv", as_csv(rows, delimiter=";", comma=True)))

    assert result(german, "combine")["milligrams"] == result(english, "combine")["milligrams"]


def test_factors_of_ones_own_stand_before_the_built_in_ones() -> None:
    table = b"supplier_id,activity,amount,unit\nA,steel,1000,kg\nB,paper,1,t\n"
    project = emissions_of(("s.csv", table), ("mine.csv", OWN_FACTORS), factors_document="mine.csv")

    combined = result(project, "combine")
    assert combined["by_factor"]["mill.steel"] == [1_500_000_000, 1]
    assert combined["by_factor"]["material.paper"] == [1_345_077_900, 1]


def test_a_project_with_too_many_bad_rows_fails_after_it_has_told_which() -> None:
    project = emissions_of(("s.csv", b"supplier_id,activity,amount,unit\nA,steel,1,kg\nB,steel,x,kg\nC,steel,y,kg\n"))

    assert project.state == "failed"
    assert result(project, "combine")["reasons"] == {"number_unreadable": 2}


def test_a_table_that_names_no_supplier_fails_at_once_and_says_so() -> None:
    project = emissions_of(("s.csv", b"thing,amount\nsteel,1\n"))

    assert project.state == "failed"
    assert "no column names the supplier" in json.dumps(project.failure)


def test_large_results_lie_aside_compressed() -> None:
    project = emissions_of(("a.csv", as_csv(suppliers(3_000, seed=9, bad=0.01))), chunk_rows=1_500)

    rows = list(Step.objects.filter(parent__key="calculate", project=project))
    assert [row.result for row in rows] == [None, None]
    sizes = Blob.objects.filter(pk__in=[row.result_blob_id for row in rows]).values_list("size", "content")
    assert all(len(content) < size * 0.6 for size, content in sizes)
