"""Tables of suppliers: CSV in any usual encoding, and Parquet, opened once and read in slices.

A slice is some rows of one table; a text's slice is named by its bytes, in UTF-8. Rows are records: a quoted cell may
hold line ends, so that a record knows its line. Empty lines are no rows.
"""

from __future__ import annotations

import csv
import io
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from agents.library.emissions.errors import TableUnusable
from agents.library.emissions.headers import COLUMNS, Header, header_of
from agents.library.emissions.numbers import decimal_mark
from agents.library.requirements.reading.decoding import decode_text
from agents.library.requirements.reading.errors import DocumentUnreadable

PARQUET_MAGIC = b"PAR1"
DELIMITERS = ";\t|,"
NUMERIC = ("amount", "spend", "supplier_factor", "reported")
_NEWLINE, _QUOTE = 10, 34


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows of a table: ``first`` is the first one's number in the table, from 1; ``start`` and ``end`` are bytes of a
    text, ``line`` its line; of Parquet ``groups`` are the row groups and ``skip`` the rows of them that come before."""

    first: int
    rows: int
    start: int = 0
    end: int = 0
    line: int = 0
    groups: tuple[int, ...] = ()
    skip: int = 0

    def to_json(self) -> dict[str, Any]:
        """For the plan's list of chunks."""
        return {
            "first": self.first, "rows": self.rows, "start": self.start, "end": self.end, "line": self.line,
            "groups": list(self.groups), "skip": self.skip,
        }  # fmt: skip

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Slice:
        """The same from there."""
        return cls(**{**{name: told[name] for name in cls.__slots__}, "groups": tuple(told["groups"])})


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as columns of trimmed texts, one array for each of ``COLUMNS``; ``lines`` by row; ``broken`` holds the texts
    of records with another number of cells, whose own cells are empty."""

    columns: dict[str, pa.Array]
    lines: NDArray[np.int64]
    broken: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines)


class Table(ABC):
    """A table of suppliers that is open."""

    kind: str
    header: Header
    rows: int
    mark: str

    @abstractmethod
    def slices(self, size: int) -> list[Slice]:
        """The table in slices of at most ``size`` rows."""

    @abstractmethod
    def read(self, part: Slice) -> Rows:
        """The rows of a slice."""

    def describe(self) -> dict[str, Any]:
        """What was found out about it, for people and for the calculators."""
        return {"kind": self.kind, "rows": self.rows, "decimal_mark": self.mark, "header": self.header.to_json()}


def open_table(content: bytes, name: str, *, decimal: str = "auto") -> Table:
    """A table from the bytes of its file; ``decimal`` is ``auto``, ``point`` or ``comma``. Raises ``TableUnusable``."""
    if content.startswith(PARQUET_MAGIC):
        return ParquetTable(content, name, decimal)
    return TextTable(content, name, decimal)


class TextTable(Table):
    """CSV: separated by commas, semicolons, tabs or bars, whichever the header has most of."""

    kind = "csv"

    def __init__(self, content: bytes, name: str, decimal: str) -> None:
        try:
            text = decode_text(content, name=name)
        except DocumentUnreadable as error:
            raise TableUnusable(error.message) from None
        self.text = re.sub("\r\n?", "\n", text).encode() if "\r" in text else text.encode()
        self._starts, self._lines = records(self.text)
        if not len(self._starts):
            raise TableUnusable(f"{name}: the table is empty.")
        if self.text.count(b'"') % 2:
            raise TableUnusable(
                f"{name}: a quotation mark is not closed; rows cannot be told apart from line {self._lines[-1]} on."
            )
        head = self._bytes(0, 1)
        self.delimiter = max(DELIMITERS, key=head.decode().count)
        self.header = header_of(_cells(head, self.delimiter), name)
        self.rows = len(self._starts) - 1
        if not self.rows:
            raise TableUnusable(f"{name}: there is a header and no row below it.")
        self.mark = {"point": ".", "comma": ","}.get(decimal) or self._mark_found()

    def describe(self) -> dict[str, Any]:
        """With the delimiter."""
        return super().describe() | {"delimiter": self.delimiter}

    def slices(self, size: int) -> list[Slice]:
        """By bytes."""
        ends = np.append(self._starts[1:], len(self.text))
        return [
            Slice(
                first=first,
                rows=(last := min(first + size - 1, self.rows)) - first + 1,
                start=int(self._starts[first]),
                end=int(ends[last]),
                line=int(self._lines[first]),
            )
            for first in range(1, self.rows + 1, size)
        ]

    def read(self, part: Slice) -> Rows:
        """Parsed by Arrow; a record that has another number of cells stays a row, without cells."""
        body = self.text[part.start : part.end]
        names = [str(place) for place in range(len(self.header.names))]
        broken: dict[int, str] = {}

        def keep(row: Any) -> str:
            broken[row.number - 1] = row.text
            return "skip"

        try:
            table = pa_csv.read_csv(
                io.BytesIO(body),
                read_options=pa_csv.ReadOptions(
                    use_threads=False, column_names=names, block_size=max(len(body) + 1, 1024)
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self.delimiter,
                    newlines_in_values=True,
                    ignore_empty_lines=True,
                    invalid_row_handler=keep,
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
                ),
            )
            found = {column: table.column(place).combine_chunks() for column, place in self.header.places.items()}
            size = table.num_rows
        except pa.ArrowInvalid:  # every record is broken
            found, size = {}, 0
        places = np.searchsorted(self._starts, part.start) + np.arange(part.rows)
        whole = np.array([place for place in range(part.rows) if place not in broken], dtype=np.int64)
        if len(whole) != size:
            raise TableUnusable(
                f"Rows {part.first} to {part.first + part.rows - 1} cannot be told apart: look for a quotation mark "
                "that is not closed."
            )
        columns = {name: _spread(_trimmed(column), whole, part.rows) for name, column in found.items()}
        return Rows(_complete(columns, part.rows), self._lines[places], broken)

    def _bytes(self, first: int, count: int) -> bytes:
        end = self._starts[first + count] if first + count < len(self._starts) else len(self.text)
        return self.text[self._starts[first] : end]

    def _mark_found(self) -> str:
        """By the first rows: enough for a table that was written by one program."""
        part = self.slices(5_000)[0]
        columns = self.read(part).columns
        return decimal_mark((columns[name] for name in NUMERIC), semicolons=self.delimiter == ";")


class ParquetTable(Table):
    """Parquet; numbers of any type are read as the texts that name them exactly."""

    kind = "parquet"

    def __init__(self, content: bytes, name: str, decimal: str) -> None:
        self._file = _parquet(content, name)
        schema = self._file.schema_arrow
        self.header = header_of(schema.names, name)
        self.rows = self._file.metadata.num_rows
        if not self.rows:
            raise TableUnusable(f"{name}: the table has no rows.")
        self._kept: tuple[tuple[int, ...], pa.Table] | None = None
        self.mark = {"point": ".", "comma": ","}.get(decimal) or self._mark_found()

    def slices(self, size: int) -> list[Slice]:
        """By row groups: several small ones together are one slice, a large one is several."""
        found: list[Slice] = []
        first = 1
        for group in range(self._file.num_row_groups):
            rows = self._file.metadata.row_group(group).num_rows
            last = found[-1] if found else None
            if last is not None and not last.skip and last.rows + rows <= size:
                found[-1] = Slice(last.first, last.rows + rows, groups=(*last.groups, group))
            else:
                found += [
                    Slice(first + skip, min(size, rows - skip), groups=(group,), skip=skip)
                    for skip in range(0, rows, size)
                ]
            first += rows
        return found

    def read(self, part: Slice) -> Rows:
        """The row groups, and of them the rows."""
        table = self._groups(part.groups).slice(part.skip, part.rows)
        columns = {
            column: _trimmed(_texts(table.column(self.header.names[place])))
            for column, place in self.header.places.items()
        }
        lines = np.arange(part.first, part.first + part.rows, dtype=np.int64)
        return Rows(_complete(columns, part.rows), lines)

    def _groups(self, groups: tuple[int, ...]) -> pa.Table:
        if self._kept is None or self._kept[0] != groups:
            wanted = sorted({self.header.names[place] for place in self.header.places.values()})
            self._kept = (groups, self._file.read_row_groups(list(groups), columns=wanted, use_threads=False))
        return self._kept[1]

    def _mark_found(self) -> str:
        columns = self.read(self.slices(5_000)[0]).columns
        texts = [
            columns[name]
            for name in NUMERIC
            if name in self.header.places
            and pa.types.is_string(self._file.schema_arrow.field(self.header.names[self.header.places[name]]).type)
        ]
        return decimal_mark(texts, semicolons=False)


def parquet_rows(content: bytes, name: str) -> int:
    """How many rows a Parquet file has. Raises ``TableUnusable`` where it is damaged."""
    return int(_parquet(content, name).metadata.num_rows)


def _parquet(content: bytes, name: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(pa.BufferReader(content))
    except (pa.ArrowException, OSError) as error:
        raise TableUnusable(f"{name}: the Parquet file is damaged: {str(error).splitlines()[0]}") from None


def records(text: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the records of a CSV begin, in bytes, and on which lines, from 1; empty ones are left out.

    A line end inside quotes ends no record: it has an odd number of quotation marks before it.
    """
    signs = np.frombuffer(text, dtype=np.uint8)
    ends = np.flatnonzero(signs == _NEWLINE)
    quotes = np.flatnonzero(signs == _QUOTE)
    outside = np.searchsorted(quotes, ends) % 2 == 0
    starts = np.concatenate(([0], ends[outside] + 1)).astype(np.int64)
    lines = np.concatenate(([1], np.flatnonzero(outside) + 2)).astype(np.int64)
    until = np.append(starts[1:], len(text) + 1) - 1
    kept = (until > starts) & (starts < len(text))
    return starts[kept], lines[kept]


def _cells(record: bytes, delimiter: str) -> list[str]:
    return next(csv.reader([record.decode().strip("\n")], delimiter=delimiter))


def _trimmed(column: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(column)


def _texts(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    if pa.types.is_dictionary(whole.type):
        whole = whole.dictionary_decode()
    return pc.fill_null(pc.cast(whole, pa.string()), "")


def _spread(column: pa.Array, whole: NDArray[np.int64], rows: int) -> pa.Array:
    """The cells at the rows that have some, empty texts at the others."""
    if len(column) == rows:
        return column
    places = np.full(rows, -1, dtype=np.int64)
    places[whole] = np.arange(len(whole))
    return pc.fill_null(pc.take(column, pa.array(places, mask=places < 0)), "")


def _complete(columns: dict[str, pa.Array], rows: int) -> dict[str, pa.Array]:
    empty = pa.array([""] * rows, pa.string())
    return {name: columns.get(name, empty) for name in COLUMNS}
