"""Reading documents: the bytes of any supported format to text and clauses with exact places.

The formats are registered in ``READERS``; each has one module. Nothing here touches the network or the file system.
"""

from __future__ import annotations

from typing import Protocol

from ..clauses import DocumentText
from .docx import read_docx
from .errors import (
    BrokenDocument,
    DocumentTooLarge,
    DocumentUnreadable,
    EmptyDocument,
    EncryptedDocument,
    UnsupportedDocument,
)
from .html import read_html
from .limits import MAX_BYTES, MAX_CHARACTERS, MIB
from .markdown import read_markdown
from .media_types import DOCX, HTML, MARKDOWN, PDF, PLAIN, SUPPORTED, sniff_media_type
from .pdf import read_pdf
from .plain_text import read_plain_text

__all__ = [
    "READERS",
    "BrokenDocument",
    "DocumentTooLarge",
    "DocumentUnreadable",
    "EmptyDocument",
    "EncryptedDocument",
    "UnsupportedDocument",
    "read_document",
    "sniff_media_type",
]


class Reader(Protocol):
    """What reads one format."""

    def __call__(self, content: bytes, *, name: str) -> DocumentText: ...


READERS: dict[str, Reader] = {
    PLAIN: read_plain_text,
    MARKDOWN: read_markdown,
    HTML: read_html,
    PDF: read_pdf,
    DOCX: read_docx,
}
_KINDS_OF_TEXT = (PLAIN, MARKDOWN, HTML)


def read_document(content: bytes, *, name: str, media_type: str | None = None) -> DocumentText:
    """Read a document into its text and clauses.

    ``name`` is used in messages and to tell kinds of text apart; ``media_type`` overrides it there, but a PDF or DOCX
    is only ever what its content says. Raises DocumentUnreadable: EmptyDocument, BrokenDocument, EncryptedDocument,
    UnsupportedDocument or DocumentTooLarge, each saying what to do.
    """
    if len(content) > MAX_BYTES:
        raise DocumentTooLarge(
            f"{name}: {len(content) / MIB:.1f} MiB is more than the {MAX_BYTES // MIB} MiB that a document may have. "
            "Split it into parts."
        )
    found = sniff_media_type(content, name)
    if media_type in _KINDS_OF_TEXT and found in _KINDS_OF_TEXT:
        found = media_type
    if found not in READERS:
        raise UnsupportedDocument(f"{name}: {found} is not read. {SUPPORTED}")
    document = READERS[found](content, name=name)
    if not document.clauses:
        raise EmptyDocument(f"{name}: no text was found in the document.")
    if len(document.text) > MAX_CHARACTERS:
        raise DocumentTooLarge(f"{name}: more than {MAX_CHARACTERS:,} characters of text. Split it into parts.")
    return document
