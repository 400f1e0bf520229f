"""Makes documents for tests, and the DOCX among the examples.

That one is written by ``python -m tests.unit.requirements_reading.making_examples``; the PDF among the examples was
printed by Chromium from a page with running headers and footers.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

import docx

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


def operations_docx() -> bytes:
    """A requirements document with numbered headings, lists of two levels, a table and a page header."""
    document = docx.Document()
    document.core_properties.title = "Locker operations: requirements"
    document.core_properties.author = "Fachwerk Logistics (fictitious)"
    document.sections[0].header.paragraphs[0].text = "Fachwerk Logistics, internal"
    document.add_heading("Locker operations: requirements", 0)
    document.add_paragraph("This document states what the operation of the lockers requires. It is an example.")
    document.add_heading("1 Maintenance", 1)
    document.add_paragraph("For every locker the operator shall:")
    document.add_paragraph("inspect the doors every 90 days;", style="List Bullet")
    document.add_paragraph("clean the display, in particular:", style="List Bullet")
    document.add_paragraph("the glass, and", style="List Bullet 2")
    document.add_paragraph("the sensor.", style="List Bullet 2")
    document.add_paragraph("The operator must record each inspection. Records shall be kept for two years.")
    document.add_heading("2 Response times", 1)
    rows = [
        ("Id", "Requirement", "Class"),
        ("OP-1", "A defect shall be confirmed within one hour. It shall be repaired within two days.", "PE"),
        ("OP-2", "The hotline must be reachable from 6 a.m. to 10 p.m. every day.", "AV"),
    ]
    table = document.add_table(rows=0, cols=3)
    for cells in rows:
        for cell, words in zip(table.add_row().cells, cells, strict=True):
            cell.text = words
    document.add_heading("3 Personal data", 1)
    document.add_paragraph("Technicians shall not see the names of recipients.", style="List Number")
    document.add_paragraph("Screens must be locked after five minutes.", style="List Number")
    paragraph = document.add_paragraph("Video recordings ")
    paragraph.add_run("must not").bold = True
    paragraph.add_run(" be stored.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def docx_with(body: str, *, parts: dict[str, str] | None = None) -> bytes:
    """The smallest DOCX around the XML of ``body``, with further ``parts`` by name."""
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    content_types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
    )
    relations = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="word/document.xml"/></Relationships>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", content_types)
        archive.writestr("_rels/.rels", relations)
        prolog = "" if body.startswith("<?xml") else '<?xml version="1.0"?>'
        whole = body if prolog == "" else f'{prolog}<w:document xmlns:w="{main}"><w:body>{body}</w:body></w:document>'
        archive.writestr("word/document.xml", whole)
        for name, content in (parts or {}).items():
            archive.writestr(name, content)
    return out.getvalue()


def pdf_with(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF of text lines in a fixed-width font, 12 points apart; an empty line leaves a gap."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier >>"]
    kids = []
    for lines in pages:
        drawing = _drawing(lines)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    return pdf_of(objects)


def _drawing(lines: Sequence[str]) -> bytes:
    shown = []
    for index, line in enumerate(lines):
        if line.strip():
            words = line.strip().replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            left = 50 + 6 * (len(line) - len(line.lstrip()))
            shown.append(f"BT /F1 10 Tf {left} {800 - 12 * index} Td ({words}) Tj ET")
    return "\n".join(shown).encode("latin-1")


def pdf_of(objects: Sequence[bytes]) -> bytes:
    """A PDF file of numbered objects, the first being its catalogue."""
    out = b"%PDF-1.4\n"
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    return out + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)


if __name__ == "__main__":
    (EXAMPLES / "locker-operations.docx").write_bytes(operations_docx())
