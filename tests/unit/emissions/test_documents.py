"""Looking at a document before it is kept: tables are told from texts, and broken ones are refused."""

from __future__ import annotations

import time

import pytest

from agents.library.documents import CSV, PARQUET, DocumentUnreadable, check_document, media_type_of
from tests.unit.emissions.making_suppliers import as_csv, as_parquet, suppliers

ROWS = suppliers(50, seed=1, bad=0)


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        (as_csv(ROWS), "suppliers.csv", CSV),
        (as_csv(ROWS), "suppliers.txt", "text/plain"),
        (as_parquet(ROWS), "suppliers.anything", PARQUET),
        (b"# Title\n\n- The system shall start.\n\n## More\n", "notes.md", "text/markdown"),
    ],
)
def test_a_table_is_told_from_a_text(content: bytes, name: str, found: str) -> None:
    assert media_type_of(content, name) == found
    check_document(content, name=name)


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"", "a.csv"), (b"\n\n", "a.csv"), (b"PAR1", "a.parquet"), (b"a\x00b", "a.csv"), (b"", "a.txt")],
)
def test_what_nobody_could_read_is_refused(content: bytes, name: str) -> None:
    with pytest.raises(DocumentUnreadable):
        check_document(content, name=name)


def test_a_large_table_is_looked_at_quickly() -> None:
    content = as_csv(suppliers(1_000, seed=1, bad=0)) * 50
    began = time.process_time()
    check_document(content, name="a.csv")
    assert time.process_time() - began < 1
