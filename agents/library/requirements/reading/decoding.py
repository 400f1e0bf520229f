"""Bytes to text, without changing a line end or dropping a character."""

from __future__ import annotations

import codecs

from .errors import UnsupportedDocument

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def has_byte_order_mark(content: bytes) -> bool:
    """Whether the bytes announce themselves as Unicode text."""
    return any(content.startswith(mark) for mark, _ in _BYTE_ORDER_MARKS)


def decode_text(content: bytes, *, name: str) -> str:
    """The text of ``content``: by its byte order mark (not part of the text), as UTF-8, else as Windows-1252.

    Bytes that Windows-1252 leaves undefined are taken as Latin-1, so that no byte is lost. Raises UnsupportedDocument
    for bytes that are no text.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _decode_marked(content[len(mark) :], encoding, name)
    if b"\x00" in content:
        raise UnsupportedDocument(
            f"{name}: not a text file (it holds NUL bytes). Supported are text, Markdown, HTML, PDF and DOCX."
        )
    for encoding in ("utf-8", "windows-1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("latin-1")


def _decode_marked(content: bytes, encoding: str, name: str) -> str:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnsupportedDocument(
            f"{name}: begins as {encoding} text but is broken at byte {error.start}. Save it again as UTF-8."
        ) from error
    if "\x00" in text:
        raise UnsupportedDocument(f"{name}: not a text file (it holds NUL characters).")
    return text
