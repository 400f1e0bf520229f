"""Any document that an agent can read: texts by the requirements' reader, tables of data by their own.

``read_document`` says whether a document can be read at all, before it is kept. A table is not taken apart into clauses
for that: a hundred thousand rows would take longer to read as prose than to calculate.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from agents.library.requirements.reading import read_document as read_text
from agents.library.requirements.reading import sniff_media_type as sniff_text
from agents.library.requirements.reading.decoding import decode_text
from agents.library.requirements.reading.errors import BrokenDocument, DocumentUnreadable, EmptyDocument

__all__ = ["CSV", "PARQUET", "DocumentUnreadable", "check_document", "media_type_of"]

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
_TABLES = (".csv", ".tsv")
_PARQUET_MAGIC = b"PAR1"


def media_type_of(content: bytes, name: str) -> str:
    """The media type of a document by its content, and by its name among kinds of text.

    Raises ``DocumentUnreadable``.
    """
    if content.startswith(_PARQUET_MAGIC):
        return PARQUET
    found = sniff_text(content, name)
    return CSV if found == "text/plain" and PurePosixPath(name).suffix.lower() in _TABLES else found


def check_document(content: bytes, *, name: str) -> None:
    """Raises ``DocumentUnreadable`` where nobody could read the document."""
    found = media_type_of(content, name)
    if found in (PARQUET, CSV):
        _check_table(content, name, found)
    else:
        read_text(content, name=name)


def _check_table(content: bytes, name: str, media_type: str) -> None:
    """Imported here: what reads tables takes long to load, and most documents are texts."""
    from agents.library.emissions.errors import TableUnusable
    from agents.library.emissions.reading import parquet_rows, records

    if media_type == CSV:
        starts, _ = records(decode_text(content, name=name).encode())
        if not len(starts):
            raise EmptyDocument(f"{name}: the table is empty.")
        return
    try:
        rows = parquet_rows(content, name)
    except TableUnusable as error:
        raise BrokenDocument(error.message) from None
    if not rows:
        raise EmptyDocument(f"{name}: the table has no rows.")
