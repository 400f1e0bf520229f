"""Which uses of a normative word make a requirement, and which are turned down with what reason."""

from __future__ import annotations

import pytest

from agents.library.requirements.requirement import Modality
from tests.unit.requirements.running import accepted_in, candidates_in, reasons_in

DECLARED = (
    'The key words "MUST", "MUST NOT", "SHOULD" and "MAY" in this document are to be interpreted as '
    "described in RFC 2119.\n\n"
)


@pytest.mark.parametrize(
    ("sentence", "modality"),
    [
        ("The server must answer every request.", Modality.MUST),
        ("The server shall answer every request.", Modality.MUST),
        ("The server is required to answer every request.", Modality.MUST),
        ("The server has to answer every request.", Modality.MUST),
        ("Servers need to answer every request.", Modality.MUST),
        ("The processor is obliged to keep a record.", Modality.MUST),
        ("The lid may only be opened by a warden.", Modality.MUST),
        ("A second factor is mandatory for administrators.", Modality.MUST),
        ("The server must not answer twice.", Modality.MUST_NOT),
        ("The server shall never answer twice.", Modality.MUST_NOT),
        ("The visitor may not enter the vault.", Modality.MUST_NOT),
        ("Smoking in the vault is strictly prohibited.", Modality.MUST_NOT),
        ("No visitor shall enter the vault.", Modality.MUST_NOT),
        ("The server should answer within a second.", Modality.SHOULD),
        ("The server should not answer slowly.", Modality.SHOULD_NOT),
        ("The visitor may leave by the back door.", Modality.MAY),
        ("Members are entitled to a copy of the rules.", Modality.MAY),
        ("The controller shall not be required to answer twice.", Modality.MAY),
        ("The controller need not answer twice.", Modality.MAY),
    ],
)
def test_a_binding_sentence_becomes_a_requirement_of_its_modality(sentence: str, modality: Modality) -> None:
    found = candidates_in(sentence)
    assert [(one.statement, one.modality, one.live) for one in found] == [(sentence, modality, True)]


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("It should be noted that the server is slow.", "rhetorical"),
        ("Readers must bear in mind that this is a draft, and it must be remembered by all.", "rhetorical"),
        ("The sender must have been offline at that time.", "epistemic"),
        ("A lack of salt may lead to weak hashes.", "epistemic"),
        ("This may allow somebody to read the file.", "epistemic"),
        ("Clerks had to sign every page.", "past"),
        ("Clerks were required to sign every page.", "past"),
        ("Otherwise the clerk would have to sign every page.", "hypothetical"),
        ("For example, the client must send the code.", "example"),
        ("If the client is required to sign, the server waits.", "condition"),
        ("Should the client fail, the server waits.", "condition"),
        ("This text states what the service is required to do.", "embedded"),
        ('"Tenant" shall mean any person who rents a flat.', "definition"),
        ("The list of required fields is long.", "attribute"),
        ("The page was printed on 4 May 2021 in Rome.", "month"),
        ("We must admit that the design is old.", "rhetorical"),
        ("Must the server answer twice?", "question"),
        ("A file can hold several records of one kind.", "capability"),
    ],
)
def test_a_sentence_that_binds_nobody_is_rejected_with_its_reason(sentence: str, reason: str) -> None:
    assert reason in reasons_in(sentence)
    assert accepted_in(sentence) == []


def test_a_short_statement_is_a_requirement_and_one_that_breaks_off_is_none() -> None:
    assert accepted_in("Guests may swim.") == ["Guests may swim."]
    assert reasons_in("The guests of the house must.") == ["no_action"]


def test_every_rejection_is_told_in_words_a_person_understands() -> None:
    (rejected,) = candidates_in("Clerks had to sign every page.")
    assert rejected.rejection is not None
    assert rejected.rejection.reason.endswith(".")
    assert len(rejected.rejection.reason.split()) > 5


def test_where_capitals_are_declared_lower_case_words_do_not_bind() -> None:
    text = DECLARED + "The client MUST sign. The server must answer, and it should be quick."
    assert accepted_in(text) == ["The client MUST sign."]
    assert reasons_in(text) == ["key_word_definition", "lower_case"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Tokens MUST only be sent over TLS.",
        "The client is REQUIRED to sign each page.",
        "The page MAY not be cached by the client.",
        "Signing each page is NOT RECOMMENDED.",
    ],
)
def test_where_capitals_are_declared_a_word_with_capitals_in_it_binds(sentence: str) -> None:
    assert accepted_in(f"{DECLARED}{sentence}") == [sentence]


def test_where_nothing_is_declared_capitals_and_lower_case_bind_alike() -> None:
    text = "The client MUST sign each page. The server must answer each call."
    assert accepted_in(text) == ["The client MUST sign each page.", "The server must answer each call."]


def test_a_declaration_without_capitals_in_use_does_not_silence_the_document() -> None:
    declaration = "The key words must and should are to be interpreted as described in RFC 2119."
    text = f"{declaration}\n\nThe client must sign it."
    assert accepted_in(text)[-1] == "The client must sign it."


def test_headings_and_contents_are_rejected_as_such() -> None:
    text = "# Things that must be done\n\nThe server must answer every call.\n"
    found = candidates_in(text, name="text.md")
    assert [one.rejection.code if one.rejection else "" for one in found] == ["heading", ""]


def test_in_a_list_of_requirements_will_and_can_bind() -> None:
    lines = [f"{number}. The system shall print form {number} on paper." for number in range(1, 8)]
    text = "\n".join([*lines, "8. The clerk can undo the last step.", "9. The system will send a letter to the owner."])
    assert accepted_in(text)[-2:] == [
        "The clerk can undo the last step.",
        "The system will send a letter to the owner.",
    ]


def test_german_statements_are_found_in_a_german_text() -> None:
    text = (
        "Das System muss die Rechnungen und die Belege aufbewahren.\n\n"
        "Der Benutzer darf die Belege nicht löschen.\n\n"
        "Der Verantwortliche hat die Verarbeitung zu dokumentieren und ist nicht allein.\n"
    )
    found = candidates_in(text)
    assert [one.modality for one in found] == [Modality.MUST, Modality.MUST_NOT, Modality.MUST]
