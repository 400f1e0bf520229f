"""Digests: of a row, of the figure that came of it, and of all figures together.

Each digest is SHA-256. A row's is over its cells, trimmed, in a fixed order of columns, so that neither the order of
columns nor what else stands in the table changes it. A figure's is over the row's digest, the factor's digest, the
method, the category and the milligrams. The root is that of a Merkle tree over the sorted digests of figures and of
rows set aside, with leaves and nodes told apart as RFC 6962 does (section 2.1): it does not depend on the order of
rows or on how the table was cut, and the path of one figure to it is a few digests long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from agents.library.emissions.headers import COLUMNS
from agents.library.emissions.values import VERSION

BETWEEN = "\x1f"
SUPPLIERS_OWN = hashlib.sha256(f"{VERSION}{BETWEEN}supplier-specific".encode()).hexdigest()
"""In place of a factor's digest where the row brings its own figures: these are in the row's digest."""
_HEAD = f"{VERSION}{BETWEEN}row{BETWEEN}".encode()
EMPTY = hashlib.sha256(b"").digest()


def row_texts(columns: dict[str, pa.Array]) -> list[str]:
    """The canonical text of each row."""
    return list(pc.binary_join_element_wise(*[columns[name] for name in COLUMNS], BETWEEN).to_pylist())


def row_digest(text: str) -> str:
    """The digest of a row by its canonical text."""
    return hashlib.sha256(_HEAD + text.encode()).hexdigest()


def figure_digest(row: str, factor: str, method: int, category: int, milligrams: int) -> bytes:
    """The digest of a figure, 32 bytes; ``row`` and ``factor`` are hexadecimal digests."""
    told = f"{VERSION}{BETWEEN}{row}{BETWEEN}{factor}{BETWEEN}{method}{BETWEEN}{category}{BETWEEN}{milligrams}"
    return hashlib.sha256(told.encode()).digest()


def set_aside_digest(row: str, reason: str) -> bytes:
    """The digest of a row that was set aside, 32 bytes."""
    return hashlib.sha256(f"{VERSION}{BETWEEN}{row}{BETWEEN}set aside{BETWEEN}{reason}".encode()).digest()


def root_of(digests: Sequence[bytes]) -> bytes:
    """The Merkle root over digests in any order; of none it is the digest of nothing.

    A node without a neighbour is carried up as it is.
    """
    level = [_leaf(each) for each in sorted(digests)]
    while len(level) > 1:
        level = _above(level)
    return level[0] if level else EMPTY


def path_of(digests: Sequence[bytes], digest: bytes) -> list[tuple[str, bytes]]:
    """From a figure to the root: its neighbours on the way up, each ``left`` or ``right`` of it.

    Raises ``ValueError`` where the digest is not among them.
    """
    ordered = sorted(digests)
    place = ordered.index(digest)
    level = [_leaf(each) for each in ordered]
    path = []
    while len(level) > 1:
        neighbour = place ^ 1
        if neighbour < len(level):
            path.append(("left" if neighbour < place else "right", level[neighbour]))
        level, place = _above(level), place // 2
    return path


def climb(digest: bytes, path: Sequence[tuple[str, bytes]]) -> bytes:
    """The root that a figure and its path lead to."""
    here = _leaf(digest)
    for side, neighbour in path:
        here = _node(neighbour, here) if side == "left" else _node(here, neighbour)
    return here


def _above(level: list[bytes]) -> list[bytes]:
    above = [_node(level[place], level[place + 1]) for place in range(0, len(level) - 1, 2)]
    return [*above, level[-1]] if len(level) % 2 else above


def _leaf(digest: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + digest).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
