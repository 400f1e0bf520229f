"""Integration: ids, duplicates, contradictions, exclusions, the ledger and the citations."""

from __future__ import annotations

import time

import pytest

from agents.library.requirements.contradictions import contradictions
from agents.library.requirements.duplicates import duplicates, much_alike
from agents.library.requirements.exclusions import exclusions
from agents.library.requirements.integration import Policy, integrate, ledgers, verified_share
from agents.library.requirements.ledger import take_stock
from agents.library.requirements.requirement import Citation, Modality, Requirement, Status
from tests.unit.requirements.running import opened_text, requirement, reviewed_in


def _integrated(*statements: str, comments: tuple[str, ...] = (), **policy: bool | float) -> list[Requirement]:
    given = [requirement(one, start=number * 1000) for number, one in enumerate(statements)]
    return list(integrate(given, Policy(**policy), comments).requirements)  # type: ignore[arg-type]


def test_ids_follow_document_order_without_gaps() -> None:
    found = _integrated("The cat must sleep a lot.", "The cat must sleep a lot.", "The dog must bark at night.")
    assert [(one.id, one.status) for one in found] == [
        ("REQ-0001", Status.INTEGRATED),
        ("", Status.REJECTED),
        ("REQ-0002", Status.INTEGRATED),
    ]


def test_a_duplicate_leaves_its_citation_with_the_one_that_is_kept() -> None:
    first, second = _integrated("The cat must sleep a lot.", "The cat must sleep a lot!")
    assert [cited.start for cited in first.also] == [1000]
    assert second.rejection is not None
    assert "REQ-0001" in second.rejection.reason
    assert first.key != second.key


def test_one_other_word_of_meaning_makes_another_requirement() -> None:
    pairs = duplicates(
        [
            requirement("The server must ensure that access tokens cannot be made, altered or guessed by others."),
            requirement("The server must ensure that refresh tokens cannot be made, altered or guessed by others."),
            requirement("The server must ensure that all access tokens cannot be made, altered or guessed by others."),
        ]
    )
    assert [(pair.earlier, pair.later) for pair in pairs] == [(0, 2)]


def test_another_wording_of_the_same_demand_is_a_duplicate() -> None:
    given = [
        requirement("When the courier has closed the door, the office shall notify the owner within 60 seconds."),
        requirement("The office will inform the owner within 60 seconds when the courier has closed the door."),
        requirement("When the owner has closed the door, the office shall notify the courier within 60 seconds."),
    ]
    assert [(pair.earlier, pair.later) for pair in duplicates(given)] == [(0, 1)]


def test_much_alike_statements_are_named_and_stay() -> None:
    given = [
        requirement("The server must ensure that access tokens cannot be made, altered or guessed by others."),
        requirement("The server must ensure that refresh tokens cannot be made, altered or guessed by others."),
    ]
    assert [(pair.earlier, pair.later) for pair in much_alike(given)] == [(0, 1)]
    assert len(integrate(given, Policy()).accepted) == 2


def test_bounds_of_other_subjects_do_not_contradict() -> None:
    given = [
        requirement("A name must have at most 50 characters in the form."),
        requirement("A password must have at most 20 characters in the form."),
        requirement("A name must have at least 2 characters in the form."),
    ]
    assert contradictions(given) == ()


def test_a_bound_contradicts_another_in_other_words() -> None:
    given = [
        requirement("A collection code shall be valid for 7 days from the notification."),
        requirement("Collection codes shall remain valid for 14 days from the notification."),
    ]
    assert len(contradictions(given)) == 1


def test_another_number_is_no_duplicate_but_a_contradiction() -> None:
    given = [
        requirement("The server must answer each search within 2 seconds."),
        requirement("The server must answer each search within 5 seconds."),
    ]
    assert duplicates(given) == ()
    (found,) = contradictions(given)
    assert "2 second" in found.reason
    assert "5 second" in found.reason


def test_opposite_demands_contradict_and_the_later_one_says_so() -> None:
    given = [
        requirement("The server must keep the log file on disk."),
        requirement("The server must not keep the log file on disk.", modality=Modality.MUST_NOT, keyword="must not"),
    ]
    found = integrate(given, Policy())
    assert len(found.contradictions) == 1
    assert [finding.evidence for finding in found.requirements[1].findings] == ["REQ-0001"]
    assert all(one.status is Status.INTEGRATED for one in found.requirements)


def test_a_condition_that_differs_is_no_contradiction() -> None:
    given = [
        requirement("If the guest has paid, the server must open the gate of the garage."),
        requirement(
            "If the guest has been banned before, the server must not open the gate of the garage.",
            modality=Modality.MUST_NOT,
        ),
    ]
    assert contradictions(given) == ()


def test_what_one_may_and_the_other_may_not_do_is_no_contradiction() -> None:
    given = [
        requirement("The client must keep the log of the server."),
        requirement("The server must not keep the log of the client.", modality=Modality.MUST_NOT),
    ]
    assert contradictions(given) == ()


def test_a_restriction_is_no_duplicate_of_the_permission() -> None:
    given = [requirement("Members may enter the hall."), requirement("Only members may enter the hall.")]
    assert duplicates(given) == ()


def test_without_removal_duplicates_stay() -> None:
    found = _integrated("The cat must sleep.", "The cat must sleep.", deduplicate=False)
    assert [one.id for one in found] == ["REQ-0001", "REQ-0002"]


def test_what_a_reviewer_excludes_is_rejected_in_his_words_and_the_others_keep_their_ids() -> None:
    statements = ("The cat must sleep.", "The dog must bark.", "The cow must moo.")
    found = _integrated(*statements, comments=("Please exclude REQ-0002: dogs are out of scope",))
    assert [one.id for one in found if one.live] == ["REQ-0001", "REQ-0003"]
    assert found[1].rejection is not None
    assert found[1].rejection.reason == "Left out by the reviewer: dogs are out of scope"


@pytest.mark.parametrize(
    ("comment", "out"),
    [
        ("remove REQ-0001 and req-0003. Everything else is fine, REQ-0009 too.", {"REQ-0001", "REQ-0003"}),
        ("Please leave out REQ-0004, REQ-0005 and REQ-0006: theirs", {"REQ-0004", "REQ-0005", "REQ-0006"}),
        ("REQ-0007 is out of scope; REQ-0008 is good.", {"REQ-0007"}),
        ("REQ-0007 needs a better wording", set()),
        ("do not exclude REQ-0007", set()),
    ],
)
def test_exclusions_are_read_from_free_text(comment: str, out: set[str]) -> None:
    assert set(exclusions([comment])) == out


def test_a_later_comment_takes_an_exclusion_back() -> None:
    assert exclusions(["exclude REQ-0001: too old", "Sorry, do not exclude REQ-0001"]) == {}


def test_low_confidence_and_recommendations_go_where_the_inputs_say_so() -> None:
    given = [
        requirement("The cat must sleep.", confidence=0.4, doubts=("pronoun",)),
        requirement("The dog may bark.", modality=Modality.MAY),
        requirement("The cow must moo."),
    ]
    found = integrate(given, Policy(minimum_confidence=0.5, keep_recommendations=False))
    codes = [one.rejection.code if one.rejection else "" for one in found.requirements]
    assert codes == ["low_confidence", "recommendation", ""]


def test_five_thousand_requirements_are_integrated_in_seconds() -> None:
    given = [
        requirement(
            f"Module {number % 997} must send message {number} to the server of area {number % 89}.",
            start=number,
        )
        for number in range(5000)
    ]
    started = time.perf_counter()
    found = integrate(given, Policy())
    assert len(found.accepted) == 5000
    assert time.perf_counter() - started < 30


def test_the_ledger_names_what_no_candidate_covers() -> None:
    text = "The cat must sleep.\nThe dog shall bark.\n"
    book = take_stock("pets.txt", text, [Citation("d", "pets.txt", 0, 19, text[:19], 1)])
    assert book.words == 2
    assert book.coverage == 0.5
    assert [(one.word, one.line) for one in book.missed] == [("shall", 2)]


def test_the_ledger_of_a_read_document_is_complete() -> None:
    text = (
        "1.  What must be read\n\n   The cat must sleep.  It should be noted that cats may bite.\n\n"
        "   Example:\n\n       cat = must / should\n"
    )
    document = opened_text(text)
    books = ledgers(integrate(reviewed_in(text), Policy()).requirements, [document])
    assert books["document-1"].words >= 5
    assert books["document-1"].missed == ()


def test_a_citation_that_the_document_does_not_bear_out_is_seen() -> None:
    text = "The cat must sleep.\n"
    document = opened_text(text)
    good = list(reviewed_in(text))
    assert verified_share(good, [document]) == 1.0
    forged = requirement("The cat must dance.")
    assert verified_share([*good, forged], [document]) == 0.5
