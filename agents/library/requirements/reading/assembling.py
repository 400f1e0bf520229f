"""Blocks to clauses: sentences found, lists linked to what opens them, sections and numbers kept, places noted."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from ..clauses import Clause, ClauseKind, DocumentText
from .blocks import Block, Role
from .flow import Flow, Span, flow_of, fold
from .inline_lists import inline_items
from .lists import OpenItem, OpenLists, cited
from .marks import Mark, MarkKind
from .sentences import cut_spans, sentence_spans

_WHOLE = {
    Role.CODE: ClauseKind.CODE,
    Role.CONTENTS: ClauseKind.CONTENTS,
    Role.REFERENCE: ClauseKind.REFERENCE,
    Role.FURNITURE: ClauseKind.FURNITURE,
}
_ENDED = re.compile(r"[.!?…][\"'”\u2019)\]»]*$")
_PART_ENDED = re.compile(r";(?:\s+(?:and|or|und|oder|sowie))?$")
_NEWLINE = re.compile(r"\r\n|[\r\n\f\v\x85\u2028\u2029]")
_TITLE_LENGTH = 200

Folding = Callable[[str], str]


@dataclass(slots=True)
class _Draft:
    """A clause in the making: ``opener`` is the index of the draft that opens its list."""

    kind: ClauseKind
    span: Span
    text: str
    path: tuple[str, ...]
    number: str = ""
    opener: int | None = None
    begins_item: bool = False
    unmarked: bool = False


@dataclass(slots=True)
class _Assembly:
    document: str
    folding: Folding
    drafts: list[_Draft] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    lists: OpenLists = field(default_factory=OpenLists)
    legal: str = ""
    previous: int | None = None
    """The clause just read that a list may begin after; None after a heading, a figure or a table."""

    def add(self, block: Block) -> None:
        flow = flow_of(self.document, block.pieces)
        if block.role is Role.HEADING:
            self._heading(block, flow)
        elif block.role in _WHOLE:
            self._whole(block, flow)
        elif block.role is Role.TABLE_CELL:
            self._cell(block, flow)
        elif block.role is Role.ITEM:
            self._item(block, flow)
        else:
            self._paragraph(block, flow)

    def _draft(self, kind: ClauseKind, flow: Flow, span: Span, number: str = "", opener: int | None = None) -> int:
        text = self.folding(flow.text[span[0] : span[1]])
        path = tuple(title for _, title in self.headings)
        self.drafts.append(_Draft(kind, flow.span(*span), text, path, number, opener))
        return len(self.drafts) - 1

    def _heading(self, block: Block, flow: Flow) -> None:
        while self.headings and self.headings[-1][0] >= block.level:
            self.headings.pop()
        self._draft(ClauseKind.HEADING, flow, _trimmed(flow.text), block.number)
        self.headings.append((block.level, heading_title(self.drafts[-1].text, block.number)))
        self.lists.close()
        self.legal = block.number if block.legal else ""
        self.previous = None

    def _whole(self, block: Block, flow: Flow) -> None:
        for span in cut_spans(flow.text):
            self._draft(_WHOLE[block.role], flow, span, block.number)
        if block.role is not Role.FURNITURE:
            self.previous = None

    def _cell(self, block: Block, flow: Flow) -> None:
        for span in sentence_spans(flow.text):
            self._draft(ClauseKind.TABLE_CELL, flow, span, block.number)
        self.previous = None

    def _paragraph(self, block: Block, flow: Flow) -> None:
        if self._is_unmarked_item(flow):
            self._item(replace(block, mark=Mark(MarkKind.PLAIN, "")), flow)
            return
        item = self.lists.continued(block.indent, in_article=bool(self.legal))
        kind = ClauseKind.LIST_ITEM if item else ClauseKind.SENTENCE
        self._sentences(flow, kind, cited(self.legal, item.path if item else ()), item)

    def _item(self, block: Block, flow: Flow) -> None:
        assert block.mark is not None  # noqa: S101 - an item block always has its mark
        item = self.lists.enter(block.mark, block.indent, block.inner, self._opener(block.mark))
        self._open_list(item.opener)
        first = len(self.drafts)
        self._sentences(flow, ClauseKind.LIST_ITEM, cited(self.legal, item.path), item)
        self.drafts[first].begins_item = True
        self.drafts[-1].unmarked = block.mark.kind is MarkKind.PLAIN

    def _is_unmarked_item(self, flow: Flow) -> bool:
        """Whether a paragraph is a part of an enumeration without marks: they end with semicolons after a colon."""
        if self.previous is None:
            return False
        before = self.drafts[self.previous]
        if before.unmarked:
            return bool(_PART_ENDED.search(before.text))
        return before.text.endswith(":") and bool(_PART_ENDED.search(flow.text))

    def _opener(self, mark: Mark) -> int | None:
        """The clause just read, if it is left open for a list to complete: by a colon, or by its missing end before a
        list's first item."""
        if self.previous is None:
            return None
        text = self.drafts[self.previous].text
        if text.endswith(":"):
            return self.previous
        begins = mark.ordinal == 1 or mark.kind in (MarkKind.BULLET, MarkKind.TERM)
        return None if _ENDED.search(text) or not begins or not mark.shape + mark.label else self.previous

    def _open_list(self, opener: int | None) -> None:
        """The clause that opens a list is a lead-in, unless it is an item's first sentence and so an item itself."""
        if opener is not None and not self.drafts[opener].begins_item:
            self.drafts[opener].kind = ClauseKind.LEAD_IN

    def _sentences(self, flow: Flow, kind: ClauseKind, number: str, item: OpenItem | None) -> None:
        opener = item.opener if item else None
        for span in sentence_spans(flow.text):
            parts = inline_items(flow.text, span)
            if parts is None:
                self.previous = self._draft(kind, flow, span, number, opener)
                continue
            lead, inner = parts
            opened = self._draft(ClauseKind.LEAD_IN, flow, lead, number, opener)
            for mark, part in inner:
                path = (*(item.path if item else ()), mark)
                self.previous = self._draft(ClauseKind.LIST_ITEM, flow, part, cited(self.legal, path), opened)

    def clauses(self, pages: Sequence[int]) -> tuple[Clause, ...]:
        """The drafts in order of their places, with ids, lines and pages."""
        order = sorted(range(len(self.drafts)), key=lambda index: self.drafts[index].span)
        ids = {index: f"c{rank:05d}" for rank, index in enumerate(order, 1)}
        line_starts = [0, *(found.end() for found in _NEWLINE.finditer(self.document))]
        return tuple(
            Clause(
                id=ids[index],
                kind=draft.kind,
                start=draft.span[0],
                end=draft.span[1],
                text=draft.text,
                line=bisect_right(line_starts, draft.span[0]),
                section=draft.path[-1] if draft.path else "",
                section_path=draft.path,
                number=draft.number,
                lead_in=ids[draft.opener] if draft.opener is not None else "",
                page=bisect_right(pages, draft.span[0]) if pages else None,
            )
            for index in order
            for draft in (self.drafts[index],)
        )


def _trimmed(passage: str) -> Span:
    start = len(passage) - len(passage.lstrip())
    return start, max(start + 1, len(passage.rstrip()))


def heading_title(text: str, number: str) -> str:
    """A heading as sections are named: "4.1.3.  Access Token Request" is "4.1.3 Access Token Request"."""
    rest = text[len(number) :].lstrip(" .:)—–-\t") if number and text.startswith(number) else ""  # noqa: RUF001
    return f"{number} {rest}" if rest else text


def assemble(
    *,
    name: str,
    media_type: str,
    text: str,
    title: str,
    blocks: Iterable[Block],
    pages: Sequence[int] = (),
    folding: Folding = fold,
) -> DocumentText:
    """The document read: ``pages`` are the offsets where pages begin, ``folding`` makes a text of a clause's words."""
    assembly = _Assembly(text, folding)
    for block in blocks:
        assembly.add(block)
    return DocumentText(name, media_type, text, fold(title)[:_TITLE_LENGTH], assembly.clauses(pages))
