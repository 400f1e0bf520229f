"""DOCX to blocks: paragraphs, numbered lists, tables and footnotes in the order of the document."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from ..clauses import DocumentText
from .assembling import assemble
from .docx_styles import Numbering, Styles
from .docx_words import W, words_of
from .errors import BrokenDocument, DocumentTooLarge
from .extracting import Extraction
from .limits import MAX_DOCX_BYTES, MAX_DOCX_PARTS, MAX_DOCX_RATIO, MAX_NESTING, MIB

if TYPE_CHECKING:
    from docx.document import Document

_FOOTNOTES = "/footnotes"


@dataclass(slots=True)
class _Walk:
    out: Extraction
    styles: Styles
    numbering: Numbering
    tables: int = 0
    cells: list[list[str]] = field(default_factory=list)

    def body(self, parent: etree._Element, depth: int = 0) -> None:
        """Read the children of a body, a cell or a content control."""
        if depth > MAX_NESTING:
            raise DocumentTooLarge(f"{self.out.name}: tables are nested more than {MAX_NESTING} deep.")
        for child in parent:
            if child.tag == f"{W}p":
                self._paragraph(child)
            elif child.tag == f"{W}tbl":
                self._table(child, depth)
            elif child.tag in (f"{W}sdt", f"{W}sdtContent", f"{W}ins", f"{W}smartTag", f"{W}customXml"):
                self.body(child, depth + 1)

    def _paragraph(self, element: etree._Element) -> None:
        words = words_of(element)
        style = self.styles.of(element)
        mark = self.numbering.mark(element, style)
        if self.cells:
            self.cells[-1].append(f"{mark.number} {words}" if mark and mark.number else words)
        elif style.heading and words.strip():
            shown = f"{mark.number} {words}" if mark and mark.number else words
            self.out.heading(shown, style.heading)
        elif style.role is not None:
            self.out.whole(words, style.role)
        else:
            depth = self.numbering.depth(element, style) if mark else 0
            self.out.paragraph(words, depth=depth, mark=mark)

    def _table(self, element: etree._Element, depth: int) -> None:
        self.tables += 1
        for row in _rows(element):
            if not self.cells:
                self.out.row = []
            for cell in row.iterchildren(f"{W}tc", f"{W}sdt"):
                self._cell(cell, depth)
            if not self.cells:
                self.out.end_row(self.tables)
        self.tables -= 1

    def _cell(self, cell: etree._Element, depth: int) -> None:
        merged = cell.find(f"{W}tcPr/{W}vMerge")
        if merged is not None and merged.get(f"{W}val") != "restart":
            return
        self.cells.append([])
        self.body(cell, depth + 1)
        words = "\n".join(part for part in self.cells.pop() if part.strip())
        if self.cells:
            self.cells[-1].append(words)
        else:
            self.out.cell(words)


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    for child in table:
        if child.tag == f"{W}tr":
            yield child
        elif child.tag == f"{W}sdt":
            yield from child.iterfind(f"{W}sdtContent/{W}tr")


def read_docx(content: bytes, *, name: str) -> DocumentText:
    """Read a DOCX document. Deleted text of tracked changes is left out, inserted text is in."""
    _check_archive(content, name)
    document = _open(content, name)
    walk = _Walk(Extraction(name), Styles(document), Numbering(document))
    walk.body(document.element.body)
    for words in _footnotes(document):
        walk.out.paragraph(words)
    out = walk.out
    title = (document.core_properties.title or "").strip() or out.title
    if not title and out.text.strip():
        title = out.text.strip().splitlines()[0]
    return assemble(
        name=name,
        media_type="application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        text=out.text,
        title=title,
        blocks=out.blocks,
    )


def _check_archive(content: bytes, name: str) -> None:
    """Refuse an archive that would unpack to more than a document is, before anything is unpacked."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
    if len(parts) > MAX_DOCX_PARTS:
        raise DocumentTooLarge(f"{name}: {len(parts)} parts in the file are more than a document has.")
    if sum(part.file_size for part in parts) > MAX_DOCX_BYTES:
        raise DocumentTooLarge(f"{name}: unpacked, the file has more than {MAX_DOCX_BYTES // MIB} MiB.")
    for part in parts:
        if part.file_size > MIB and part.file_size > MAX_DOCX_RATIO * max(part.compress_size, 1):
            raise DocumentTooLarge(
                f"{name}: {part.filename} in the file unpacks to {part.file_size // MIB} MiB: refused."
            )
        if part.flag_bits & 0x1:
            raise BrokenDocument(
                f"{name}: {part.filename} in the file is encrypted. Save the document without a password."
            )


def _open(content: bytes, name: str) -> Document:
    """The document opened. python-docx resolves no entities; it raises whatever its XML or zip layer raises."""
    import docx  # a fifth of a second, which most workers never need to spend

    try:
        document = docx.Document(io.BytesIO(content))
        if document.element.body is None:
            raise ValueError("it has no body")
    except (
        KeyError,
        ValueError,
        AttributeError,
        TypeError,
        IndexError,
        OSError,
        etree.LxmlError,
        zipfile.BadZipFile,
    ) as error:
        raise BrokenDocument(
            f"{name}: the DOCX file is damaged ({type(error).__name__}: {str(error)[:200]}). "
            "Open it in a word processor and save it again."
        ) from error
    except (NotImplementedError, RuntimeError, zipfile.LargeZipFile) as error:
        raise BrokenDocument(f"{name}: the DOCX file is packed in a way that is not read ({error}).") from error
    return document


def _footnotes(document: Document) -> Iterator[str]:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    for relation in document.part.rels.values():
        if relation.is_external or not relation.reltype.endswith(_FOOTNOTES):
            continue
        try:
            root = etree.fromstring(relation.target_part.blob, parser)
        except etree.XMLSyntaxError:
            continue
        for note in root.iterfind(f"{W}footnote"):
            if note.get(f"{W}type") is None:
                yield "\n".join(words_of(paragraph) for paragraph in note.iterfind(f"{W}p"))
