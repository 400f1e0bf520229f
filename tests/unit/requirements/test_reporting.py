"""The report of a run and the comparison of two, built from what steps return."""

from __future__ import annotations

import json
from dataclasses import replace

from agents.library.requirements.comparison import compare, comparison_report
from agents.library.requirements.report import build_report
from agents.library.requirements.requirement import Modality, Requirement, RequirementType, Status
from agents.reporting import Facts, Items, ReportContent, Table, Text
from tests.unit.requirements.running import requirement


def _part(*requirements: Requirement, name: str = "requirements", part: int = 0) -> dict[str, object]:
    return {"document": 0, "part": part, name: [one.to_json() for one in requirements]}


def _table(report: ReportContent, title: str) -> Table:
    return next(one for one in report.sections if isinstance(one, Table) and one.title == title)


def _facts(report: ReportContent) -> dict[str, object]:
    return dict(next(one for one in report.sections if isinstance(one, Facts)).facts)


CAT = requirement("The cat must sleep.", in_focus=True, type=RequirementType.SECURITY, gdpr="'cat' touches Art. 4")
DOG = requirement("The dog may bark.", modality=Modality.MAY)
COW = requirement("The cow had to moo.").rejected("past", "It tells what was the case.")


def test_a_project_without_results_has_a_report() -> None:
    report = build_report({}, {"outline": "running"})
    assert _facts(report)["State"] == "0 of 1 steps done"
    assert report.data["figures"]["candidates"] == 0


def test_while_a_project_runs_pending_and_validating_ones_are_counted() -> None:
    results = {
        "create": [_part(CAT, DOG, name="candidates"), _part(COW, name="candidates", part=1), None],
        "validate": [None, _part(COW, part=1), None],
    }
    counts = build_report(results, {"create": "completed", "validate": "running"}).data["figures"]["by_status"]
    assert (counts["pending"], counts["rejected"], counts["integrated"]) == (2, 1, 0)


def test_the_report_puts_what_is_in_focus_first_and_tells_reasons() -> None:
    results = {"validate": [_part(replace(CAT, status=Status.VALIDATING), DOG, COW)]}
    report = build_report(results, {"validate": "completed"})
    assert [row[1] for row in _table(report, "Requirements in focus").rows] == ["The cat must sleep."]
    assert [row[1] for row in _table(report, "Other requirements").rows] == ["The dog may bark."]
    assert _table(report, "Rejected").rows[0][2] == "It tells what was the case."
    assert _table(report, "GDPR tracking").rows[0][2] == "'cat' touches Art. 4"


def test_use_of_language_models_is_told_by_agent_and_is_zero_without_any() -> None:
    none = _table(build_report({}, {}), "Language model use")
    assert none.rows == (("all", 0, 0, 0, 0),)
    usage = {"requirement-creator": {"requests": 2, "tokens_in": 10, "tokens_out": 5, "cost": 0.5}}
    some = _table(build_report({}, {}, usage=usage), "Language model use")
    assert some.rows == (("requirement-creator", 2, 10, 5, 0.5), ("all", 2, 10, 5, 0.5))


def test_a_report_is_json() -> None:
    report = build_report({"validate": [_part(CAT, DOG, COW)]}, {"validate": "completed"})
    sections = json.loads(json.dumps(report.to_json()))["sections"]
    assert {section["kind"] for section in sections} == {"facts", "table", "list"}
    assert Text("Why", "So.").to_json() == {"kind": "text", "title": "Why", "text": "So."}
    assert Items("Which", ("a",)).to_json()["items"] == ["a"]


def test_a_requirement_survives_the_trip_through_json() -> None:
    one = replace(CAT, context=DOG.citation, also=(DOG.citation,), doubts=("pronoun",), retries=2, confidence=0.7)
    assert Requirement.from_json(json.loads(json.dumps(one.to_json()))) == one
    assert Requirement.from_json(json.loads(json.dumps(COW.to_json()))) == COW


def test_two_equal_runs_do_not_differ() -> None:
    comparison = compare([CAT, DOG], [CAT, DOG])
    assert (comparison.added, comparison.removed, comparison.changed) == ((), (), ())
    assert comparison.unchanged == (CAT, DOG)


def test_what_came_and_what_went_is_told() -> None:
    comparison = compare([CAT, DOG], [DOG, COW])
    assert [one.statement for one in comparison.added] == ["The cow had to moo."]
    assert [one.statement for one in comparison.removed] == ["The cat must sleep."]


def test_a_reworded_requirement_counts_as_changed_not_as_two() -> None:
    before = requirement("The server must answer each search of a member within 2 seconds on average.")
    after = requirement("The server must answer each search of a member within 3 seconds on average.")
    (change,) = compare([before], [after]).changed
    assert [one.field for one in change.differences] == ["statement"]


def test_changed_fields_are_told_before_and_after() -> None:
    (change,) = compare([CAT], [replace(CAT, type=RequirementType.LEGAL)]).changed
    assert [(one.field, one.before, one.after) for one in change.differences] == [("type", "security", "legal")]
    report = comparison_report(compare([CAT, DOG], [replace(CAT, type=RequirementType.LEGAL)]))
    assert report.data["figures"] == {"added": 0, "removed": 1, "changed": 1, "unchanged": 0}
    assert json.dumps(report.to_json())
