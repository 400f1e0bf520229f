"""Statements stand alone: joined to their lead-in, named by their term, taken apart where they say two
things.
"""

from __future__ import annotations

from tests.unit.requirements.running import accepted_in, opened_text, reasons_in, reviewed_in

LIST = """The client shall:

   (a) sign the request;

   (b) keep the receipt; and

   (c) close the connection.
"""


def test_each_item_of_a_list_is_joined_to_its_lead_in() -> None:
    assert accepted_in(LIST) == [
        "The client shall sign the request.",
        "The client shall keep the receipt.",
        "The client shall close the connection.",
    ]
    assert reasons_in(LIST) == ["list_opening"]


def test_a_joined_item_cites_itself_and_its_lead_in_verbatim() -> None:
    document = opened_text(LIST)
    joined = [one for one in reviewed_in(LIST) if one.live][1]
    assert joined.context is not None
    for cited, words in ((joined.citation, "keep the receipt"), (joined.context, "The client shall:")):
        assert document.text.text[cited.start : cited.end] == cited.quote
        assert words in cited.quote


def test_alternatives_stay_one_requirement_with_their_opening() -> None:
    text = """Keeping data shall be lawful only if at least one of the following applies:

   (a) the member agrees;

   (b) the law asks for it.
"""
    assert accepted_in(text) == [
        "Keeping data shall be lawful only if at least one of the following applies: "
        "the member agrees; the law asks for it."
    ]


def test_items_that_are_rules_of_their_own_are_not_joined() -> None:
    text = """The following rules apply:

   o  The client must sign the request.

   o  The server should keep the receipt.
"""
    assert accepted_in(text) == ["The client must sign the request.", "The server should keep the receipt."]


def test_an_entry_is_named_by_the_term_it_hangs_under() -> None:
    text = """4.  Request

   The client sends the following parameters:

   client_id
         REQUIRED.  The identifier of the client.

   mode
         OPTIONAL.  Value MUST be set to "fast" or "safe".
"""
    first, second, third = accepted_in(text)
    assert first.startswith('The parameter "client_id"')
    assert "is REQUIRED: The identifier of the client" in first
    assert second.startswith('The parameter "mode"')
    assert third.startswith('The value of parameter "mode"')
    assert third.endswith('MUST be set to "fast" or "safe".')


def test_the_other_half_of_an_entry_is_named_too_and_cites_the_first() -> None:
    text = """4.  Request

   The client sends the following parameters:

   scope
         OPTIONAL, if it is the scope that was asked for by the client;
         otherwise, REQUIRED.  The scope of the token.
"""
    document = opened_text(text)
    live = [one for one in reviewed_in(text) if one.live]
    words = " ".join(one.statement for one in live)
    assert "OPTIONAL, if it is the scope that was asked for by the client" in words
    assert "REQUIRED" in words
    assert all('The parameter "scope"' in one.statement or 'the parameter "scope"' in one.statement for one in live)
    for one in live:
        cited = one.context or one.citation
        assert document.text.text[cited.start : cited.end] == cited.quote


def test_what_ties_a_sentence_to_the_one_before_is_left_out() -> None:
    assert accepted_in("However, the client must sign the page.") == ["The client must sign the page."]


def test_a_compound_statement_is_taken_apart() -> None:
    text = "If the code is old, the server SHOULD warn the user and MUST NOT send the page."
    assert accepted_in(text) == [
        "If the code is old, the server SHOULD warn the user.",
        "If the code is old, the server MUST NOT send the page.",
    ]


def test_a_relative_clause_with_a_rule_of_its_own_gets_its_subject() -> None:
    text = "The address MAY include a query part, which MUST be kept when the address is copied."
    assert accepted_in(text) == [
        "The address MAY include a query part.",
        "A query part MUST be kept when the address is copied.",
    ]


def test_a_rule_in_brackets_is_taken_out_of_its_sentence() -> None:
    text = "The server SHOULD ask for the whole address (the client MAY leave out the port) before it answers."
    assert accepted_in(text) == [
        "The server SHOULD ask for the whole address before it answers.",
        "The client MAY leave out the port.",
    ]


def test_a_statement_that_cannot_be_taken_apart_safely_stays_whole_with_a_finding() -> None:
    text = "The server MUST require guests and SHOULD require members to sign the book."
    (kept,) = [one for one in reviewed_in(text) if one.live]
    assert kept.statement == text
    assert [finding.code for finding in kept.findings] == ["compound"]
    assert kept.confidence < 0.9


def test_a_pronoun_is_replaced_by_the_subject_before_it() -> None:
    text = "The gateway MUST check the ticket. It MUST refuse an old one."
    assert accepted_in(text) == ["The gateway MUST check the ticket.", "The gateway MUST refuse an old one."]


def test_a_pronoun_that_points_into_its_own_sentence_is_left_alone() -> None:
    text = "The parts MUST be numbered. If new parts are needed, they MUST be registered first."
    assert accepted_in(text)[1] == "If new parts are needed, they MUST be registered first."


def test_the_rounds_between_creator_and_validator_are_counted() -> None:
    text = "The server MUST answer and MAY log the call."
    assert [one.retries for one in reviewed_in(text)] == [1, 1]
    assert [one.retries for one in reviewed_in("The server MUST answer the call.")] == [0]


def test_titles_name_subject_and_action() -> None:
    (one,) = reviewed_in("The server must not store the card number (not even encrypted) in its log.")
    assert one.title == "Server: not store the card number in its log"
