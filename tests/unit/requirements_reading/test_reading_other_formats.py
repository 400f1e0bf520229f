"""Markdown, HTML, PDF and DOCX are read into the same kind of clauses as plain text."""

from __future__ import annotations

import re

import pytest

from agents.library.requirements.clauses import Clause, ClauseKind, DocumentText
from agents.library.requirements.reading import read_document, sniff_media_type
from tests.unit.requirements_reading.invariants import assert_clauses_hold
from tests.unit.requirements_reading.making_examples import EXAMPLES, docx_with, operations_docx, pdf_with

EXAMPLE_NAMES = (
    "parcel-locker.md",
    "locker-guest-data.html",
    "locker-records-de.txt",
    "locker-operations.docx",
    "locker-controller.pdf",
)


def example(name: str) -> DocumentText:
    return read_document((EXAMPLES / name).read_bytes(), name=name)


def the(document: DocumentText, beginning: str) -> Clause:
    found = [clause for clause in document.clauses if clause.text.startswith(beginning)]
    assert len(found) == 1, [clause.text for clause in found]
    return found[0]


def number_of(document: DocumentText, beginning: str) -> str:
    return the(document, beginning).number


@pytest.mark.parametrize("name", EXAMPLE_NAMES)
def test_every_example_keeps_its_places(name: str) -> None:
    assert_clauses_hold(example(name), strict=False)
    assert example(name) == example(name)
    assert (EXAMPLES / name).stat().st_size < 100_000


def test_markdown_takes_emphasis_out_of_the_text_and_keeps_it_in_the_quote() -> None:
    content = b"# Rules\n\nThe **server** *must* answer `PING`\nwith [a reply](http://example.org 'a title').\n"
    document = read_document(content, name="rules.md")
    clause = the(document, "The server")
    assert clause.text == "The server must answer PING with a reply."
    assert document.quote(clause) == content.decode()[clause.start : clause.end]
    assert document.quote(clause).startswith("The **server** *must* answer `PING`\nwith [a reply](")
    assert (clause.line, clause.section) == (3, "Rules")


def test_the_demo_document_shows_ids_lists_and_tables() -> None:
    document = example("parcel-locker.md")
    assert number_of(document, "The courier shall identify") == "PL-101"
    assert number_of(document, "The back office shall process 200") == "PF-2"
    assert the(document, "display a collection code").lead_in == the(document, "To collect a parcel").id
    copy = the(document, "provide a copy")
    assert (copy.number, copy.lead_in) == ("2(a)", the(document, "At the request of").id)
    assert the(document, "The locker controller shall send").text.endswith("to the back office for each opening:")
    assert the(document, '```json {"type"').kind is ClauseKind.CODE
    normative = [clause for clause in document.clauses if re.search(r"\b(?:shall|must|should|may)\b", clause.text)]
    assert len(normative) >= 25


def test_markdown_keeps_placeholders_and_leaves_tags() -> None:
    document = read_document(b"# A\n\nIt shall<br> greet <user name> in <b>bold</b> \\*.\n", name="a.md")
    assert document.clauses[1].text == "It shall greet <user name> in bold *."


def test_markdown_front_matter_and_link_definitions_are_no_prose() -> None:
    document = read_document(
        b"---\ntitle: Must not count\n---\n\nIt shall [run][x].\n\n[x]: http://example.org\n", name="a.md"
    )
    assert [(clause.kind, clause.text) for clause in document.clauses if clause.kind is ClauseKind.SENTENCE] == [
        (ClauseKind.SENTENCE, "It shall run.")
    ]
    assert_clauses_hold(document, strict=False)


def test_nested_markdown_lists_refer_to_the_item_around_them() -> None:
    document = read_document(b"The app must:\n\n- show\n  - codes\n  - places\n\n  on request;\n- stop\n", name="a.md")
    shows = the(document, "show")
    assert (shows.kind, shows.lead_in) == (ClauseKind.LIST_ITEM, the(document, "The app must:").id)
    assert the(document, "codes").lead_in == the(document, "places").lead_in == shows.id
    assert the(document, "stop").lead_in == shows.lead_in


def test_html_leaves_out_what_nobody_sees() -> None:
    document = example("locker-guest-data.html")
    for hidden in ("Navigation", "The reader", "max-width"):
        assert hidden not in document.text
    assert the(document, "Example document").kind is ClauseKind.FURNITURE


def test_html_leaves_out_hidden_elements_and_keeps_what_follows_them() -> None:
    document = read_document(b"<p>It shall <span hidden>never </span>open.</p><p hidden>Not this.</p>", name="a.html")
    assert [clause.text for clause in document.clauses] == ["It shall open."]


def test_html_articles_laid_out_in_tables_are_cited_by_their_path() -> None:
    document = example("locker-guest-data.html")
    assert number_of(document, "limited to what is necessary") == "Article 2(1)(b)"
    assert number_of(document, "a dispute about") == "Article 2(1)(c)(i)"
    assert number_of(document, "on its own initiative") == "Article 4(2)(a)".replace("(a)", "(b)")
    assert number_of(document, "Guests should be able") == "Recital (2)"
    assert number_of(document, "The log shall name") == "RC-1"
    assert the(document, "the purposes of").lead_in == the(document, "The operator shall inform").id
    assert the(document, "Guest: A person").number == "Guest"


def test_html_of_any_charset_is_decoded_as_it_says() -> None:
    page = '<html><head><meta charset="iso-8859-15"></head><body><p>Die Gebühr muss 5 € betragen.</p></body></html>'
    document = read_document(page.encode("iso-8859-15"), name="a.html")
    assert document.clauses[0].text == "Die Gebühr muss 5 € betragen."


def test_docx_numbering_tables_and_headings() -> None:
    document = read_document(operations_docx(), name="operations.docx")
    assert document.title == "Locker operations: requirements"
    assert number_of(document, "Screens must be locked") == "2."
    assert number_of(document, "It shall be repaired") == "OP-1"
    assert the(document, "the glass").lead_in == the(document, "clean the display").id
    assert the(document, "Video recordings must not").section == "3 Personal data"
    assert "internal" not in document.text


def test_docx_reads_inserted_text_and_leaves_deleted_text() -> None:
    body = (
        "<w:p><w:r><w:t>The lock </w:t></w:r><w:del><w:r><w:delText>may</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>never </w:t></w:r></w:moveFrom>"
        "<w:ins><w:r><w:t>shall</w:t></w:r></w:ins><w:r><w:t> open.</w:t></w:r></w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>It must close.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    document = read_document(docx_with(body), name="a.docx")
    assert [clause.text for clause in document.clauses] == ["The lock shall open.", "It must close."]


def test_pdf_pages_furniture_and_tables() -> None:
    document = example("locker-controller.pdf")
    furniture = [clause.text for clause in document.clauses if clause.kind is ClauseKind.FURNITURE]
    assert furniture.count("Fachwerk Logistics — Locker controller specification 2.1") == 3
    assert "Confidential — Page 2 of 3" in furniture
    acknowledged = the(document, "The controller shall acknowledge")
    assert (acknowledged.number, acknowledged.page, acknowledged.section) == ("CT-1", 2, "4 Timing")
    assert the(document, "detect whether a parcel").lead_in == the(document, "For every compartment").id
    assert the(document, "keep a record").text.endswith("the collection code that was used.")


def pages_of_a_book() -> list[list[str]]:
    def page(number: int, *lines: str) -> list[str]:
        return ["Locker manual", "", *lines, "", "", f"Page {number}"]

    return [
        page(
            1,
            "1 Rules",
            "",
            "The controller of the locker shall report every unauthor-",
            "ised opening of a door to the",
        ),
        page(
            2,
            "back office. It must keep third-",
            "party data apart; unauthorised use of third-party data is an",
            "offence.",
        ),
        page(3, "The log shall be kept."),
    ]


def test_pdf_sentence_over_a_page_break_is_one_clause_with_its_words_joined() -> None:
    document = read_document(pdf_with(pages_of_a_book()), name="book.pdf")
    reported = the(document, "The controller")
    assert reported.text == (
        "The controller of the locker shall report every unauthorised opening of a door to the back office."
    )
    assert reported.page == 1
    assert "unauthor-\n" in document.quote(reported)
    assert "third-party data apart" in the(document, "It must keep").text
    assert sum(clause.kind is ClauseKind.FURNITURE for clause in document.clauses) == 6


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (b"%PDF-1.4 ...", "report.txt", "application/pdf"),
        (b"<!doctype html><p>x", "page", "text/html"),
        (b"# Title\n\ntext", "README", "text/markdown"),
        (b"- a\n- b\n", "list.md", "text/markdown"),
        (b"plain words", "notes.txt", "text/plain"),
        (b"\xff\xfeh\x00i\x00", "notes", "text/plain"),
    ],
)
def test_the_format_is_told_by_the_content(content: bytes, name: str, media_type: str) -> None:
    assert sniff_media_type(content, name) == media_type


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_text_is_decoded_whatever_its_encoding(encoding: str) -> None:
    document = read_document("Der Schlüssel muss „sicher“ sein.\r\n".encode(encoding), name="a.txt")
    assert document.text == "Der Schlüssel muss „sicher“ sein.\r\n"
    assert document.clauses[0].text == "Der Schlüssel muss „sicher“ sein."
