"""A paragraph of a marked-up format to blocks: it may hold a marked item, or several on lines of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .blocks import Block, Role
from .flow import Flow, Span, flow_of
from .lines import UNWRAPPED, groups_of, lines_of
from .marks import Mark, MarkKind
from .units import unit_blocks

_KEPT_IN_LISTS = (MarkKind.IDENTIFIER, MarkKind.DECIMAL)
STEP = 4
"""Columns of indentation that one level of a list counts for."""
_CONTINUED = 2
"""A further paragraph of a list item stands deeper than the item's mark and shallower than a list inside it."""


def paragraph_blocks(
    document: str,
    pieces: Sequence[Span],
    *,
    depth: int,
    mark: Mark | None = None,
    width: int = UNWRAPPED,
    soft: bool = False,
) -> Iterator[Block]:
    """The blocks of a paragraph at list depth ``depth``; ``mark`` is its list item's, if it is the item's first.

    A mark in the text itself is found too: "(a) …", "REQ-001: …"; in a list item it takes the place of the bullet.
    """
    flow = flow_of(document, pieces)
    indent = depth * STEP + (_CONTINUED if depth and mark is None else 0)
    own = mark
    for group in groups_of(lines_of(flow.text)):
        for block in unit_blocks(group, width, soft=soft):
            placed = _placed(block, flow, indent)
            if own is not None:
                placed = _as_item(placed, own, flow, block)
                own = None
            yield placed


def _placed(block: Block, flow: Flow, indent: int) -> Block:
    pieces = tuple(piece for start, end in block.pieces for piece in flow.slices(start, end))
    return replace(block, pieces=pieces, indent=indent + block.indent, inner=indent + block.inner)


def _as_item(placed: Block, mark: Mark, flow: Flow, block: Block) -> Block:
    """The first block of a list item, under the list's mark unless its text has an id of its own."""
    if placed.mark is not None and (placed.mark.kind in _KEPT_IN_LISTS or _is_bullet(mark)):
        return placed
    whole = tuple(flow.slices(block.pieces[0][0] - (block.mark.width if block.mark else 0), block.pieces[-1][1]))
    return replace(placed, role=Role.ITEM, mark=mark, pieces=whole)


def _is_bullet(mark: Mark) -> bool:
    return mark.kind in (MarkKind.BULLET, MarkKind.PLAIN)
