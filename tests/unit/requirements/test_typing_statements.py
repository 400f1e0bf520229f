"""Types, relevance, mentions and focus of statements."""

from __future__ import annotations

import pytest

from agents.library.requirements.classification import classify
from agents.library.requirements.focus import focus_of
from agents.library.requirements.mentions import messages_in, objects_in
from agents.library.requirements.relevance import gdpr_reason, gobd_reason
from agents.library.requirements.requirement import RequirementType
from agents.library.requirements.smells import smells
from tests.unit.requirements.running import accepted_in
from tests.unit.requirements.typed_statements import HELD_OUT, LABEL_OF, TUNING


def _accuracy(rows: tuple[tuple[str, str], ...]) -> float:
    return sum(LABEL_OF[classify(statement)[0]] == label for label, statement in rows) / len(rows)


def test_nine_of_ten_statements_written_for_tuning_get_the_type_a_person_gave_them() -> None:
    assert _accuracy(TUNING) >= 0.9


def test_more_than_four_of_five_held_out_statements_get_the_type_a_person_gave_them() -> None:
    assert _accuracy(HELD_OUT) >= 0.8


def test_every_statement_of_a_list_of_requirements_is_found() -> None:
    text = "\n".join(f"{number}. {statement}" for number, (_, statement) in enumerate(HELD_OUT, 1))
    assert accepted_in(text) == [statement for _, statement in HELD_OUT]


def test_the_words_that_decided_a_type_are_given() -> None:
    kind, words = classify("The server shall encrypt all passwords.")
    assert kind is RequirementType.SECURITY
    assert {"encrypt", "passwords"} <= set(words)


def test_an_example_in_brackets_does_not_decide_a_type() -> None:
    statement = "The developer shall give further facts (e.g., a logo, colours and fonts)."
    assert classify(statement)[0] is not RequirementType.LOOK_AND_FEEL


def test_relevance_names_the_words_and_the_rule() -> None:
    assert "Art. 17" in gdpr_reason("The controller shall grant erasure of the record.")
    assert "invoices" in gobd_reason("All invoices shall be archived for ten years.")
    assert gdpr_reason("The lamp shall be green.") == gobd_reason("The lamp shall be green.") == ""


def test_objects_and_messages_are_named() -> None:
    statement = 'The client MUST send the "client_id" in the access token request to the authorization server.'
    assert messages_in(statement) == ("access token request",)
    assert {"client", "client_id", "authorization server"} <= set(objects_in(statement))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("The page shall be user-friendly.", "vague"),
        ("The system shall log errors, warnings etc.", "open_ended"),
        ("The system shall encrypt the file if possible.", "loophole"),
        ("The new index shall be faster.", "comparative"),
        ("The system shall always answer.", "superlative"),
        ("The team shall make every effort to answer.", "unverifiable"),
        ("The file shall be deleted.", "passive"),
    ],
)
def test_smells_are_found_with_their_wording(statement: str, code: str) -> None:
    found = {finding.code: finding.evidence for finding in smells(statement)}
    assert found[code].lower() in statement.lower()


def test_a_plain_statement_smells_of_nothing() -> None:
    assert smells("The server shall send the receipt to the client within 2 seconds.") == ()


def test_an_intent_puts_its_type_in_focus_and_drops_nothing() -> None:
    focus = focus_of("Extract security requirements")
    assert focus.holds(RequirementType.SECURITY, "The door shall be locked.")
    assert focus.holds(RequirementType.INTERFACE, "The request shall be encrypted with TLS.")
    assert not focus.holds(RequirementType.USABILITY, "The page shall be easy to read.")


def test_an_intent_that_asks_for_all_requirements_has_no_focus() -> None:
    assert focus_of("Extract all requirements, security included").empty
