"""PDF to blocks: pages laid out as text, furniture recognised over pages, then read as plain text is.

A PDF knows no paragraphs. pypdf's layout mode keeps indentation and the gaps between paragraphs, which is what the
recognisers of plain text go by.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable, Iterator

from pypdf import PageObject, PasswordType, PdfReader
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from ..clauses import DocumentText
from .aligned_tables import tables_as_rows
from .assembling import assemble
from .errors import BrokenDocument, DocumentTooLarge, EmptyDocument, EncryptedDocument
from .flow import fold
from .furniture import furniture_places
from .hyphens import Dehyphenation
from .limits import MAX_CHARACTERS, MAX_PAGE_STREAM, MAX_PDF_PAGES, MIB, PDF_SECONDS
from .lines import Line, lines_of
from .plain_text import blocks_of

_UNWANTED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff\ud800-\udfff]")
_GAP = re.compile(r" +")
_MISTAKES = (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, ArithmeticError)
"""What pypdf raises on damaged files: its own errors, and those of code that trusted the file."""

Clock = Callable[[], float]


def read_pdf(content: bytes, *, name: str, clock: Clock = time.monotonic) -> DocumentText:
    """Read a PDF with text in it. ``clock`` gives seconds; it bounds the time for the whole document."""
    reader = _open(content, name)
    pages = list(_page_texts(reader, name, clock))
    if not any(page.strip() for page in pages):
        raise EmptyDocument(
            f"{name}: the {len(pages)} pages hold no text, only pictures. Run text recognition (OCR) on the PDF first."
        )
    text, begins = _joined(pages)
    lines = lines_of(text)
    furniture = furniture_places(_by_page(lines, begins), lines)
    blocks, title = blocks_of(lines, furniture, begins)
    return assemble(
        name=name,
        media_type="application/pdf",
        text=text,
        title=_declared_title(reader) or title,
        blocks=blocks,
        pages=begins,
        folding=Dehyphenation(text).fold,
    )


def _open(content: bytes, name: str) -> PdfReader:
    try:
        reader = PdfReader(io.BytesIO(content), strict=False)
        if reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED:
            raise EncryptedDocument(f"{name}: the PDF is protected by a password. Save it without one.")
        count = len(reader.pages)
    except EncryptedDocument:
        raise
    except (DependencyError, NotImplementedError) as error:
        raise EncryptedDocument(f"{name}: the PDF is encrypted in a way that is not read. Save it without.") from error
    except (*_MISTAKES, OSError, MemoryError) as error:
        raise _broken(name, error) from error
    if not count:
        raise EmptyDocument(f"{name}: the PDF has no pages.")
    if count > MAX_PDF_PAGES:
        raise DocumentTooLarge(f"{name}: {count} pages are more than the {MAX_PDF_PAGES} that are read. Split the PDF.")
    return reader


def _broken(name: str, error: BaseException, page: int = 0) -> BrokenDocument:
    where = f"page {page} of the PDF" if page else "the PDF"
    return BrokenDocument(
        f"{name}: {where} is damaged or cut off ({type(error).__name__}: {str(error)[:160]}). "
        "Open it in a PDF reader and print or export it again."
    )


def _page_texts(reader: PdfReader, name: str, clock: Clock) -> Iterator[str]:
    began = clock()
    characters = 0
    for number in range(1, len(reader.pages) + 1):
        if clock() - began > PDF_SECONDS:
            raise DocumentTooLarge(
                f"{name}: reading was stopped at page {number} after {PDF_SECONDS:.0f} s. Split the PDF."
            )
        try:
            words = _page_text(reader.pages[number - 1])
        except LimitReachedError as error:
            raise DocumentTooLarge(f"{name}: page {number} unpacks to more than a page holds ({error}).") from error
        except _MISTAKES as error:
            raise _broken(name, error, number) from error
        characters += len(words)
        if characters > MAX_CHARACTERS:
            raise DocumentTooLarge(f"{name}: more than {MAX_CHARACTERS:,} characters of text. Split the PDF.")
        yield words


def _page_text(page: PageObject) -> str:
    contents = page.get_contents()
    if contents is None:
        return ""
    size = len(contents.get_data())
    if size > MAX_PAGE_STREAM:
        raise LimitReachedError(f"{size / MIB:.0f} MiB of drawing")
    try:
        laid_out = page.extract_text(extraction_mode="layout")
    except LimitReachedError:
        raise
    except _MISTAKES:
        laid_out = page.extract_text()
    clean = _UNWANTED.sub("", laid_out)
    return tables_as_rows("\n".join(_evened(line) for line in clean.split("\n")))


def _evened(line: str) -> str:
    """A line without the wide gaps that justified setting leaves between all its words."""
    body = line.strip()
    gaps = [len(gap) for gap in _GAP.findall(body)]
    wide = sum(1 for gap in gaps if gap > 1)
    indent = line[: len(line) - len(line.lstrip())]
    return indent + _GAP.sub(" ", body) if wide * 3 >= len(gaps) and wide >= 3 else line.rstrip()


def _joined(pages: list[str]) -> tuple[str, list[int]]:
    """The document's text, and where each page begins in it."""
    begins, parts, length = [], [], 0
    for page in pages:
        begins.append(length)
        parts.append(page.strip("\n") + "\n\n")
        length += len(parts[-1])
    return "".join(parts), begins


def _by_page(lines: list[Line], begins: list[int]) -> list[list[int]]:
    """The indices of the non-blank lines of each page."""
    pages: list[list[int]] = [[] for _ in begins]
    page = 0
    for index, line in enumerate(lines):
        while page + 1 < len(begins) and line.start >= begins[page + 1]:
            page += 1
        if line.content:
            pages[page].append(index)
    return pages


def _declared_title(reader: PdfReader) -> str:
    try:
        title = reader.metadata.title if reader.metadata else ""
    except _MISTAKES:
        return ""
    title = fold(_UNWANTED.sub("", str(title or "")))
    return title if " " in title and not title.lower().endswith((".doc", ".docx", ".pdf")) else ""
