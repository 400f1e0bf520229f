"""A document that cannot be read is refused with what is wrong and what to do, and never takes the process with it."""

from __future__ import annotations

import contextlib
import io
import pickle
import zipfile

import pytest
from pypdf import PdfReader, PdfWriter

from agents.library.requirements.reading import (
    BrokenDocument,
    DocumentTooLarge,
    DocumentUnreadable,
    EmptyDocument,
    EncryptedDocument,
    UnsupportedDocument,
    errors,
    limits,
    read_document,
)
from agents.library.requirements.reading.pdf import read_pdf
from orchestrator_site.errors import InvalidInput
from tests.unit.requirements_reading.making_examples import EXAMPLES, docx_with, operations_docx, pdf_of, pdf_with


def zip_of(**files: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def encrypted_pdf() -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf_with([["It shall be secret."]]))))
    writer.encrypt("a password", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def pdf_of_looping_pages() -> bytes:
    return pdf_of([b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 9 /Kids [2 0 R 2 0 R] >>"])


BOMB = f"<w:p><w:r><w:t>{'shall ' * 2_000_000}</w:t></w:r></w:p>"
ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "shall shall ">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(9))
    + ']><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
    "<w:t>It must open.</w:t></w:r><w:r><w:t>&j;</w:t></w:r></w:p></w:body></w:document>"
)
STOLEN = ENTITIES.replace('<!ENTITY a "shall shall ">', '<!ENTITY a SYSTEM "file:///etc/passwd">')

REFUSED = [
    (b"", "a.txt", EmptyDocument, "is empty"),
    (b" \n\t\n", "a.txt", EmptyDocument, "is empty"),
    (b"<html><body><script>x</script></body></html>", "a.html", EmptyDocument, "no text"),
    (b"Hello\x00World", "a.txt", UnsupportedDocument, "NUL bytes"),
    (b"\x89PNG\r\n\x1a\n\x00\x00", "a.png", UnsupportedDocument, "PNG image"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "a.doc", UnsupportedDocument, "save it as DOCX"),
    (b"MZ\x90\x00" + bytes(100), "a.exe", UnsupportedDocument, "program"),
    (zip_of(readme="x"), "a.zip", UnsupportedDocument, "no DOCX"),
    (b"just words", "a.pdf", BrokenDocument, "was expected"),
    (b"just words", "a.docx", BrokenDocument, "was expected"),
    (operations_docx()[:9_000], "a.docx", BrokenDocument, "damaged or cut off"),
    (docx_with("<w:p><w:r></w:p>"), "a.docx", BrokenDocument, "save it again"),
    (b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog", "a.pdf", BrokenDocument, "export it again"),
    (pdf_with([[]]), "scan.pdf", EmptyDocument, "OCR"),
    (encrypted_pdf(), "a.pdf", EncryptedDocument, "password"),
    (docx_with(BOMB), "bomb.docx", DocumentTooLarge, "refused"),
    (b"<html><body>" + b"<div>x" * 100_000, "deep.html", DocumentTooLarge, "nested too deep"),
    (b"x" * (limits.MAX_BYTES + 1), "big.txt", DocumentTooLarge, "Split it"),
    (b"x " * limits.MAX_MARKDOWN, "big.md", DocumentTooLarge, "plain text"),
]


@pytest.mark.parametrize(("content", "name", "error", "says"), REFUSED, ids=[f"{row[1]}-{row[3]}" for row in REFUSED])
def test_is_refused_with_a_reason(content: bytes, name: str, error: type[DocumentUnreadable], says: str) -> None:
    with pytest.raises(error) as refusal:
        read_document(content, name=name)
    assert says in refusal.value.message
    assert refusal.value.message.startswith(f"{name}: ")


def test_a_cut_off_pdf_is_read_or_refused_but_never_breaks() -> None:
    whole = (EXAMPLES / "locker-controller.pdf").read_bytes()
    for part in range(1, 10):
        cut = whole[: len(whole) * part // 10]
        with contextlib.suppress(DocumentUnreadable):
            assert read_document(cut, name="cut.pdf").clauses


def test_a_pdf_whose_pages_contain_themselves_is_refused() -> None:
    with pytest.raises(DocumentUnreadable):
        read_document(pdf_of_looping_pages(), name="loop.pdf")


def test_a_pdf_that_takes_too_long_is_stopped() -> None:
    seconds = iter(range(0, 100_000, 1_000))
    with pytest.raises(DocumentTooLarge, match="stopped at page"):
        read_pdf(pdf_with([["It shall stop."], ["It shall end."]]), name="slow.pdf", clock=lambda: float(next(seconds)))


def test_a_pdf_of_too_many_pages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.library.requirements.reading.pdf.MAX_PDF_PAGES", 1)
    with pytest.raises(DocumentTooLarge, match="2 pages"):
        read_document(pdf_with([["One shall be."], ["Two shall be."]]), name="long.pdf")


@pytest.mark.parametrize("body", [ENTITIES, STOLEN], ids=["expansion", "file"])
def test_entities_in_a_docx_are_not_resolved(body: str) -> None:
    try:
        text = read_document(docx_with(body), name="entities.docx").text
    except BrokenDocument:
        return
    assert "shall" not in text
    assert "root:" not in text


@pytest.mark.parametrize(
    "text", ["word " * 200_000, "(a. B " * 60_000, "." * 1_000_000, "x\n" * 200_000, "[" * 100_000]
)
def test_text_without_an_end_is_read_in_linear_time_and_small_clauses(text: str) -> None:
    document = read_document(text.encode(), name="endless.txt")
    assert max(clause.end - clause.start for clause in document.clauses) <= limits.MAX_CLAUSE_CHARACTERS


def test_control_characters_do_not_reach_the_clauses_of_a_pdf_or_html() -> None:
    page = read_document(b"<p>It shall&#0;&#27;[31m stop.</p>", name="a.html")
    assert "\x00" not in page.text
    book = read_document(pdf_with([["It shall \x1b[31m stop."]]), name="a.pdf")
    assert "\x1b" not in book.text


@pytest.mark.parametrize(
    "error", [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DocumentUnreadable)]
)
def test_every_error_says_its_default_and_survives_pickling(error: type[DocumentUnreadable]) -> None:
    refusal = error()
    assert isinstance(refusal, InvalidInput)
    assert refusal.message == (error.__doc__ or "").splitlines()[0]
    assert str(pickle.loads(pickle.dumps(refusal))) == str(refusal)  # noqa: S301 - our own bytes
    assert refusal.exit_status == 2
