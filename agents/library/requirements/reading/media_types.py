"""Telling a document's format by its content, and its name only among kinds of text."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import PurePosixPath

from .decoding import decode_text, has_byte_order_mark
from .errors import BrokenDocument, EmptyDocument, UnsupportedDocument

PLAIN = "text/plain"
MARKDOWN = "text/markdown"
HTML = "text/html"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

SUPPORTED = "Supported are plain text, Markdown, HTML, PDF and DOCX."
_FOREIGN = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (.doc, .xls, .ppt); save it as DOCX or PDF"),
    (b"\x89PNG", "a PNG image; a picture of text must be turned into text first"),
    (b"\xff\xd8\xff", "a JPEG image; a picture of text must be turned into text first"),
    (b"GIF8", "a GIF image; a picture of text must be turned into text first"),
    (b"II*\x00", "a TIFF image; a picture of text must be turned into text first"),
    (b"MM\x00*", "a TIFF image; a picture of text must be turned into text first"),
    (b"{\\rtf", "an RTF file; save it as DOCX or PDF"),
    (b"%!PS", "a PostScript file; convert it to PDF"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"7z\xbc\xaf", "a 7-Zip archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\xfd7zXZ", "an XZ archive; unpack it first"),
)
_BY_SUFFIX = {
    **dict.fromkeys([".md", ".markdown", ".mkd", ".mdown"], MARKDOWN),
    **dict.fromkeys([".html", ".htm", ".xhtml"], HTML),
    ".pdf": PDF,
    ".docx": DOCX,
}
_BINARY_SUFFIXES = {PDF: "%PDF-", DOCX: "a zip archive with word/document.xml"}
_HTML_START = re.compile(
    r"(?:\ufeff|\s|<!--.*?-->|<\?xml[^>]*>)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_MARKDOWN_SIGNS = (
    re.compile(r"^#{1,6}\s\S", re.MULTILINE),
    re.compile(r"^```|^~~~", re.MULTILINE),
    re.compile(r"^\|?\s*:?-{3,}:?\s*\|", re.MULTILINE),
    re.compile(r"\[[^\]\n]{1,80}\]\([^)\s]{1,200}\)"),
    re.compile(r"\*\*[^*\n]{1,80}\*\*"),
)
_LOOKED_AT = 65_536


def sniff_media_type(content: bytes, name: str) -> str:
    """The media type of a document: one of the constants of this module.

    Raises EmptyDocument for no content, UnsupportedDocument for formats that are not read, BrokenDocument if the name
    promises a PDF or DOCX and the content is none.
    """
    if not content.strip():
        raise EmptyDocument(f"{name}: the document is empty.")
    found = _by_signature(content, name)
    promised = _BY_SUFFIX.get(PurePosixPath(name).suffix.lower())
    if found is None and promised in _BINARY_SUFFIXES:
        raise BrokenDocument(
            f"{name}: named as {PurePosixPath(name).suffix} but its content is something else "
            f"({_BINARY_SUFFIXES[promised]} was expected). Check the file, or give it its right name."
        )
    return found or _kind_of_text(content, name, promised)


def _by_signature(content: bytes, name: str) -> str | None:
    if content[:1024].lstrip().startswith(b"%PDF-"):
        return PDF
    if content.startswith(b"PK"):
        return _kind_of_zip(content, name)
    if has_byte_order_mark(content):
        return None
    for signature, what in _FOREIGN:
        if content.startswith(signature) and (len(signature) > 2 or b"\x00" in content[:512]):
            raise UnsupportedDocument(f"{name}: this is {what}. {SUPPORTED}")
    return None


def _kind_of_zip(content: bytes, name: str) -> str | None:
    if not content.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise BrokenDocument(
            f"{name}: the file begins as a zip archive (as DOCX does) but is damaged or cut off ({error}). "
            "Open it in a word processor and save it again."
        ) from error
    if "word/document.xml" in names:
        return DOCX
    raise UnsupportedDocument(f"{name}: this is a zip archive but no DOCX document. {SUPPORTED}")


def _kind_of_text(content: bytes, name: str, promised: str | None) -> str:
    if promised in (MARKDOWN, HTML):
        return promised
    head = decode_text(content, name=name)[:_LOOKED_AT]
    if _HTML_START.match(head):
        return HTML
    if PurePosixPath(name).suffix.lower() in (".txt", ".text", ".csv", ".tsv"):
        return PLAIN
    signs = sum(1 for sign in _MARKDOWN_SIGNS if sign.search(head))
    return MARKDOWN if signs >= 2 or _MARKDOWN_SIGNS[0].match(head) else PLAIN
