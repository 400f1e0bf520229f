"""Plain text is read into clauses whose places hold in the file."""

from __future__ import annotations

from agents.library.requirements.clauses import Clause, ClauseKind, DocumentText
from agents.library.requirements.reading import read_document
from tests.unit.requirements_reading.invariants import assert_clauses_hold

RFC_PAGES = """\
Table of Contents

   1. Purpose ......................................................1
   2. Rules for Devices ............................................2

1.  Purpose

   The locker service connects lockers, e.g. those in stations, with
   couriers; see [LOCKER] and Section 2.1.  The device has two roles:

   keeper
      A device that keeps parcels.

   finder
      A device that finds keepers, i.e., by asking the
      registry.

2.  Rules for Devices

   The device constructs a request with the following parameters:

   device_id
         REQUIRED.  The identifier of the device.

   reason
         OPTIONAL.  One of the following:

         opened
               The door was opened.

         closed
               The door was closed by a person who stood before the
               locker.

         Values for the reason MUST NOT be longer than 20 characters.

   The client MUST send the identifier of the device with every request


Fach                         Standards Track                    [Page 1]
\f
RFC 9999                        Lockers                       March 2026


   to the server, and it MUST NOT send it to others.  For example:

     POST /open HTTP/1.1
     Host: lockers.example

   The server SHALL:

   o  check the request, and

   o  answer within 2.5 seconds, as "No. 5" of Art. 6 para. 1 demands.

     +--------+            +---------+
     | Device |--(A)------>| Server  |
     +--------+            +---------+

               Figure 1: The protocol


Fach                         Standards Track                    [Page 2]
\f
RFC 9999                        Lockers                       March 2026


3.  References

   [LOCKER]  Fach, A. and B. Werk, "Lockers", RFC 9998, March 2025.

   [OTHER]   Werk, B., "Other lockers", Work in Progress,
             April 2025.
"""

REGULATION = """\
CHAPTER I

GENERAL PROVISIONS

Article 1

Subject matter

1. This Regulation lays down rules for parcel lockers.

2. It protects the rights of guests, and in particular:
(a) their right to information;
(b) their right to have data erased, where
    (i) the data are no longer needed; or
    (ii) the guest withdraws consent;
(c) their right to complain.

Article 2
Duties of the operator

1. The operator shall:

(a) keep a register of all openings;

(b) make the register available within 14 days, in accordance with Article 4(2).

The first subparagraph shall not apply to small operators.

2. In setting a fine the authority shall take into account the following:
the gravity of the infringement;
the number of guests concerned; and
any measures taken by the operator.
"""

VERORDNUNG = """\
Verordnung über Paketstationen

§ 1 Anwendungsbereich

(1) Diese Verordnung gilt für alle Betreiber. Sie gilt z. B. nicht für Briefkästen.

(2) Der Betreiber hat folgende Unterlagen gemäß § 147 Abs. 1 Nr. 4 AO aufzubewahren:
1. Bücher und Aufzeichnungen,
2. Buchungsbelege, soweit
a) sie elektronisch vorliegen oder
b) sie nach dem 1. Januar 2025 entstanden sind.

Artikel 2
Schlussbestimmungen

Diese Verordnung tritt am 1. März 2026 in Kraft.
"""

REQUIREMENTS = """\
3.1 Functional requirements

REQ-001: The system shall record each sale.
REQ-002: The system shall print a receipt, and
         it shall store a copy.

[SRS-17] The system shall encrypt backups.
R1.2 The operator may delete drafts
R1.3 The operator must confirm deletions

3.1.1 The software shall start in 5 s.
3.1.2 The software shall log all errors, including:
- time
- module
3.1.3 The software shall stop cleanly.

1 The system shall display a list
2 The system shall display details. Details shall be current.

FR-7
The vehicle shall brake when an obstacle is detected within 5 m.
"""

ONE_A_LINE = """\
The system shall refresh the display every 60 seconds.
The product shall be available 24 hours per day, seven days per week
All users shall be able to print reports from the search page
If projected the data must be readable on a 10x10 projection screen
"""


def read(text: str) -> DocumentText:
    return read_document(text.encode(), name="sample.txt")


def of_kind(document: DocumentText, kind: ClauseKind) -> list[Clause]:
    return [clause for clause in document.clauses if clause.kind is kind]


def the(document: DocumentText, beginning: str) -> Clause:
    found = [clause for clause in document.clauses if clause.text.startswith(beginning)]
    assert len(found) == 1, [clause.text for clause in found]
    return found[0]


def numbered(document: DocumentText) -> dict[str, str]:
    return {clause.text: clause.number for clause in document.clauses}


def test_every_sample_keeps_its_places_and_covers_its_words() -> None:
    for sample in (RFC_PAGES, REGULATION, VERORDNUNG, REQUIREMENTS, ONE_A_LINE):
        assert_clauses_hold(read(sample), strict=True)
        assert_clauses_hold(read(sample.replace("\n", "\r\n")), strict=True)


def test_a_sentence_over_a_page_break_is_one_clause_and_the_furniture_lies_in_it() -> None:
    document = read(RFC_PAGES)
    sentence = the(document, "The client MUST send")
    assert sentence.text == (
        "The client MUST send the identifier of the device with every request to the server, "
        "and it MUST NOT send it to others."
    )
    inner = [clause for clause in document.clauses if sentence.start < clause.start < sentence.end]
    assert [clause.text for clause in inner] == [
        "Fach Standards Track [Page 1]",
        "RFC 9999 Lockers March 2026",
    ]
    assert all(clause.kind is ClauseKind.FURNITURE for clause in inner)
    assert len(of_kind(document, ClauseKind.FURNITURE)) == 4
    assert sentence.page == 1
    assert the(document, "answer within").page == 2


def test_sections_are_named_with_their_numbers_and_paths() -> None:
    document = read(RFC_PAGES)
    assert the(document, "The client MUST send").section == "2 Rules for Devices"
    assert [clause.number for clause in of_kind(document, ClauseKind.HEADING)] == ["", "1", "2", "3"]


def test_contents_figures_examples_and_references_are_told_from_prose() -> None:
    document = read(RFC_PAGES)
    assert len(of_kind(document, ClauseKind.CONTENTS)) == 2
    assert [clause.text[:12] for clause in of_kind(document, ClauseKind.CODE)] == [
        "POST /open H",
        "+--------+ +",
        "Figure 1: Th",
    ]
    assert [clause.text[:9] for clause in of_kind(document, ClauseKind.REFERENCE)] == ["[LOCKER] ", "[OTHER] W"]


def test_abbreviations_and_decimals_do_not_end_sentences() -> None:
    document = read(RFC_PAGES)
    assert the(document, "The locker service").text.endswith("see [LOCKER] and Section 2.1.")
    assert the(document, "answer within 2.5").text.endswith('as "No. 5" of Art. 6 para. 1 demands.')
    assert "i.e., by asking the registry." in the(document, "finder").text


def test_hanging_entries_name_their_parameter_and_nest() -> None:
    document = read(RFC_PAGES)
    device = the(document, "device_id")
    assert (device.text, device.number) == ("device_id REQUIRED.", "device_id")
    assert the(document, "The identifier of the device.").number == "device_id"
    one_of = the(document, "One of the following:")
    assert the(document, "opened").lead_in == one_of.id
    assert the(document, "closed").lead_in == one_of.id
    limit = the(document, "Values for the reason")
    assert (limit.number, limit.lead_in) == ("reason", device.lead_in)
    assert the(document, "The device constructs").kind is ClauseKind.LEAD_IN


def test_a_hanging_term_may_end_with_a_colon() -> None:
    document = read(
        "   The template is as follows.\n\n   Response type name:\n      The name requested.  It must be short.\n\n"
        "   Change controller:\n      State who decides.\n"
    )
    assert the(document, "Response type name: The name requested.").number == "Response type name"
    assert the(document, "It must be short.").number == "Response type name"
    assert the(document, "Change controller: State").kind is ClauseKind.LIST_ITEM


def test_items_refer_to_the_sentence_that_opens_their_list() -> None:
    document = read(RFC_PAGES)
    shall = the(document, "The server SHALL:")
    assert shall.kind is ClauseKind.LEAD_IN
    assert [the(document, words).lead_in for words in ("check the request", "answer within")] == [shall.id] * 2
    assert the(document, "check the request").text == "check the request, and"


def test_paragraphs_of_articles_are_cited_by_their_path() -> None:
    numbers = numbered(read(REGULATION))
    assert numbers["their right to information;"] == "Article 1(2)(a)"
    assert numbers["the data are no longer needed; or"] == "Article 1(2)(b)(i)"
    assert numbers["their right to complain."] == "Article 1(2)(c)"
    assert numbers["keep a register of all openings;"] == "Article 2(1)(a)"
    assert numbers["The first subparagraph shall not apply to small operators."] == "Article 2(1)"


def test_marks_on_lines_of_their_own_or_set_off_by_tabs_belong_to_the_text_after() -> None:
    document = read(
        "Article 5\n\nPrinciples\n\n1.   Data shall be:\n\n(a)\n\nkept lawfully;\n\n(b)\n\nerased early.\n\n"
        "2.   It applies if:\n\n(a)\tthe guest agrees;\n\n(b)\tthe law asks for it.\n"
    )
    assert_clauses_hold(document, strict=True)
    assert the(document, "kept lawfully;").lead_in == the(document, "Data shall be:").id
    assert numbered(document)["erased early."] == "Article 5(1)(b)"
    assert numbered(document)["the guest agrees;"] == "Article 5(2)(a)"
    assert the(document, "the law asks").lead_in == the(document, "It applies if:").id


def test_chapter_and_article_take_the_title_on_the_next_line() -> None:
    document = read(REGULATION)
    assert the(document, "keep a register").section_path == (
        "CHAPTER I GENERAL PROVISIONS",
        "Article 2 Duties of the operator",
    )


def test_parts_of_an_enumeration_without_marks_are_items() -> None:
    document = read(REGULATION)
    opening = the(document, "In setting a fine")
    parts = [clause for clause in document.clauses if clause.lead_in == opening.id]
    assert [clause.text.split()[-1] for clause in parts] == ["infringement;", "and", "operator."]


def test_german_paragraphs_are_cited_the_german_way() -> None:
    numbers = numbered(read(VERORDNUNG))
    assert numbers["Sie gilt z. B. nicht für Briefkästen."] == "§ 1 Abs. 1"
    assert numbers["Bücher und Aufzeichnungen,"] == "§ 1 Abs. 2 Nr. 1"
    assert numbers["sie nach dem 1. Januar 2025 entstanden sind."] == "§ 1 Abs. 2 Nr. 2 Buchst. b"
    assert numbers["Diese Verordnung tritt am 1. März 2026 in Kraft."] == "Artikel 2"


def test_requirement_ids_are_kept_as_numbers() -> None:
    numbers = numbered(read(REQUIREMENTS))
    assert numbers["The system shall record each sale."] == "REQ-001"
    assert numbers["The system shall print a receipt, and it shall store a copy."] == "REQ-002"
    assert numbers["The system shall encrypt backups."] == "SRS-17"
    assert numbers["The operator must confirm deletions"] == "R1.3"
    assert numbers["The software shall stop cleanly."] == "3.1.3"
    assert numbers["The system shall display details."] == "2"
    assert numbers["The vehicle shall brake when an obstacle is detected within 5 m."] == "FR-7"


def test_a_requirement_without_a_colon_opens_no_list_for_the_next() -> None:
    document = read(REQUIREMENTS)
    assert the(document, "The operator must confirm").lead_in == ""
    assert the(document, "time").lead_in == the(document, "The software shall log").id


def test_one_statement_a_line_is_one_clause_a_line() -> None:
    document = read(ONE_A_LINE)
    assert [clause.text for clause in document.clauses] == ONE_A_LINE.splitlines()
    assert [clause.line for clause in document.clauses] == [1, 2, 3, 4]


def test_rows_with_a_label_column_are_cells_and_know_their_id() -> None:
    tabbed = read("R1\tThe system shall be quick.\tPE\nR2\tIt shall be safe. It shall be kind.\tSE\n")
    assert [clause.number for clause in tabbed.clauses] == ["R1"] * 3 + ["R2"] * 4
    assert {clause.kind for clause in tabbed.clauses} == {ClauseKind.TABLE_CELL}
    quoted = read("1,'The system shall be quick, and small.',PE\n2,'It shall be safe.',SE\n")
    assert the(quoted, "The system shall be quick, and small.").number == "1"


def test_an_enumeration_within_a_sentence_is_a_list() -> None:
    document = read("The operator shall: (a) keep a log; (b) sign it; and (c) store it for ten years.\n")
    opening = the(document, "The operator shall:")
    assert opening.kind is ClauseKind.LEAD_IN
    parts = [(clause.number, clause.text) for clause in document.clauses if clause.lead_in == opening.id]
    assert parts == [("(a)", "keep a log;"), ("(b)", "sign it; and"), ("(c)", "store it for ten years.")]


def test_a_list_goes_on_after_a_figure() -> None:
    document = read(
        "The flow has these steps:\n\n(A) The client asks the server.\n\n   +---+     +---+\n   | A |---->| B |\n"
        "   +---+     +---+\n\nNote: the arrows are simplified here for the reader.\n\n(B) The server answers.\n"
    )
    assert the(document, "The server answers.").lead_in == the(document, "The flow has these steps:").id


def test_the_letter_i_after_h_is_a_letter() -> None:
    letters = "abcdefghij"
    document = read("The log shall hold:\n" + "".join(f"({letter}) field number {letter};\n" for letter in letters))
    assert [clause.number for clause in document.clauses[1:]] == [f"({letter})" for letter in letters]
    assert {clause.lead_in for clause in document.clauses[1:]} == {document.clauses[0].id}


def test_a_page_that_begins_like_a_heading_goes_on_with_the_sentence() -> None:
    pages = [
        "Manual of lockers\n\nThe operator of a locker shall keep the log in the way that is described in\n\nPage 1\n",
        "Manual of lockers\n\nSection 3 Logs\nof this manual. The log shall be kept for two years.\n\nPage 2\n",
    ]
    document = read("\f".join(pages))
    assert the(document, "The operator").text.endswith("described in Section 3 Logs of this manual.")
    assert of_kind(document, ClauseKind.HEADING) == []


def test_reading_twice_gives_the_same() -> None:
    assert read(RFC_PAGES) == read(RFC_PAGES)
