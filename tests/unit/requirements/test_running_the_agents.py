"""The blueprint's agents one after another: from documents to what the approver sees and the report tells."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from agents.errors import PermanentFailure
from agents.library.requirements.edits import with_edits
from agents.library.requirements.graph import graph_of
from agents.library.requirements.report import build_report
from agents.library.requirements.requirement import Status
from agents.library.requirements.run import settled
from tests.unit.requirements.running import Handle, call, run_to_integration

LAW = Path(__file__).parent / "member_data_regulation.txt"
SMALLEST_BLOB = 64 * 1024


@pytest.fixture(scope="module")
def law() -> Handle:
    return Handle(LAW.read_bytes(), "regulation.txt")


@pytest.fixture(scope="module")
def results(law: Handle) -> dict[str, Any]:
    return run_to_integration([law], intent="Extract legal requirements")


def test_every_normative_word_of_a_legal_text_is_accounted_for(results: dict[str, Any]) -> None:
    consolidated = results["consolidate"]
    assert consolidated["ledger"]["words"] > 20
    assert consolidated["coverage"] == 1.0
    assert consolidated["citations_verified"] == 1.0


def test_articles_and_lists_become_requirements_that_stand_alone(results: dict[str, Any]) -> None:
    statements = [one.statement for one in settled(results) if one.live]
    assert "Member data shall be accurate and, where necessary, kept up to date." in statements
    assert (
        "Keeping member data shall be lawful only if at least one of the following applies: the member has "
        "given consent; it is necessary for a contract with the member; the law requires it."
    ) in statements
    assert any(one.citation.number for one in settled(results) if one.live)


def test_statements_of_a_legal_text_are_legal_requirements(results: dict[str, Any]) -> None:
    by_type = build_report(results, {}).data["figures"]["by_type"]
    assert by_type["legal"] >= 0.8 * sum(by_type.values())


def test_each_result_is_small(results: dict[str, Any]) -> None:
    for result in (results["outline"], results["consolidate"], *results["create"], *results["validate"]):
        assert len(json.dumps(result)) < SMALLEST_BLOB


def test_the_same_document_gives_the_same_keys_again(law: Handle, results: dict[str, Any]) -> None:
    again = run_to_integration([law], intent="Extract legal requirements")
    assert [one.key for one in settled(again)] == [one.key for one in settled(results)]
    assert len({one.key for one in settled(again)}) == len(settled(again))


def test_rework_takes_the_reviewers_exclusions_into_account(law: Handle) -> None:
    again = run_to_integration([law], rework=["exclude REQ-0002: we do not need it"])
    (gone,) = [one for one in settled(again) if one.rejection and one.rejection.code == "reviewer"]
    assert gone.id == "REQ-0002"
    assert "we do not need it" in gone.rejection.reason if gone.rejection else False


def test_what_the_approver_edits_shows_in_report_and_graph(results: dict[str, Any]) -> None:
    decision = {"exclude": ["REQ-0001"], "titles": {"REQ-0002": "A better title"}, "note": "Well done"}
    approved = with_edits(settled(results), decision)
    nodes, _ = graph_of(approved, results["outline"]["documents"])
    ids = {node.properties["id"]: node.properties["title"] for node in nodes if node.kind == "requirement"}
    assert "REQ-0001" not in ids
    assert ids["REQ-0002"] == "A better title"
    report = build_report({**results, "graph": {"decision": decision}}, {})
    assert ("Note of the approver", "Well done") in report.sections[0].facts  # type: ignore[union-attr]
    left_out = [one for one in report.data["rejected"] if one["rejection"]["code"] == "reviewer"]
    assert [one["id"] for one in left_out] == ["REQ-0001"]


def test_several_documents_keep_their_own_citations(law: Handle) -> None:
    other = Handle(b"The lamp must be green.\n", "lamp.txt", id="0192f3a0-0000-7000-8000-00000000000e")
    both = run_to_integration([law, other])
    assert both["consolidate"]["citations_verified"] == 1.0
    (lamp,) = [one for one in settled(both) if one.citation.document == "lamp.txt"]
    assert lamp.citation.quote == "The lamp must be green."


def test_content_that_is_not_what_was_given_is_refused() -> None:
    class Changed(Handle):
        @property
        def sha256(self) -> str:
            return "0" * 64

    with pytest.raises(PermanentFailure, match="has changed"):
        call("document-reader", documents=[Changed(b"The lamp must be green.", "lamp.txt")])


def test_an_integrated_requirement_has_an_id_and_a_node_that_cites_its_document(
    results: dict[str, Any],
) -> None:
    accepted = [one for one in settled(results) if one.status is Status.INTEGRATED]
    nodes, edges = graph_of(settled(results), results["outline"]["documents"])
    assert {node.label for node in nodes if node.kind == "requirement"} >= {one.id for one in accepted}
    cited = [edge for edge in edges if edge.kind == "cites"]
    assert len(cited) == len(accepted)
    keys = {node.key for node in nodes}
    assert all(edge.source in keys and edge.target in keys for edge in edges)


@pytest.mark.skipif(not os.environ.get("PHASEGATE_SPECIFICATION"), reason="no specification is given")
def test_a_real_specification_loses_no_normative_word() -> None:
    path = Path(os.environ["PHASEGATE_SPECIFICATION"])
    results = run_to_integration([Handle(path.read_bytes(), path.name)], intent="Extract security requirements")
    consolidated = results["consolidate"]
    assert consolidated["coverage"] == 1.0
    assert consolidated["citations_verified"] == 1.0
    assert consolidated["acceptance"] >= 0.9
    assert all(len(json.dumps(one)) < SMALLEST_BLOB for step in ("create", "validate") for one in results[step])
