"""The bounds that keep a hostile or mistaken document from taking a worker's memory or time."""

from __future__ import annotations

MIB = 1024 * 1024

MAX_BYTES = 32 * MIB
"""Size of a document as uploaded."""
MAX_CHARACTERS = 20_000_000
"""Characters of text taken from one document, whatever its format."""
MAX_MARKDOWN = 4 * MIB
"""Size of a Markdown document: its parser is by far the slowest."""
MAX_CLAUSE_CHARACTERS = 10_000
"""A passage without any sentence end is cut at white space so that no clause is longer."""
MAX_PDF_PAGES = 3_000
MAX_PAGE_STREAM = 24 * MIB
"""What the drawing of one PDF page may unpack to."""
PDF_SECONDS = 120.0
"""Time for reading one PDF; looked at between pages."""
MAX_DOCX_BYTES = 200 * MIB
"""Sum of a DOCX file's unpacked parts."""
MAX_DOCX_RATIO = 200
"""How many times larger than packed a DOCX part above one MiB may be."""
MAX_DOCX_PARTS = 5_000
MAX_NESTING = 200
"""Depth of nested elements in HTML and of nested tables in DOCX."""
