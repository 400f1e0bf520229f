"""Which list an item belongs to, how deep, and which clause opens it.

Depth comes from indentation where the text has it, and from the style of the marks where it has not: "(a)" after "(1)"
opens a list inside it, and the next "(1)"-like mark goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .marks import Mark, MarkKind

_REMEMBERED = 40
_SELF_STANDING = (MarkKind.IDENTIFIER, MarkKind.DECIMAL)


@dataclass(slots=True)
class OpenItem:
    """An item that may still be continued: ``opener`` is the index of the clause that opens its list, ``path`` the
    marks of the items around it and its own."""

    mark: Mark
    indent: int
    inner: int
    path: tuple[Mark, ...]
    opener: int | None


class OpenLists:
    """The items that are open at a place of the document, outermost first."""

    def __init__(self) -> None:
        self._open: list[OpenItem] = []
        self._closed: dict[tuple[str, int], OpenItem] = {}

    def close(self) -> None:
        """Nothing is open any more: a heading comes."""
        self._open.clear()
        self._closed.clear()

    def enter(self, mark: Mark, indent: int, inner: int, opener: int | None) -> OpenItem:
        """Open an item. ``opener`` is the clause just before, if that is left open for a list to complete."""
        depth = len(self._open)
        alone = mark.kind in _SELF_STANDING or (mark.kind is MarkKind.ARABIC and not mark.shape)
        while self._open and (indent < self._open[-1].indent or (alone and self._closes(mark, indent))):
            self._pop()
        mark = self._leave_deeper(mark, indent)
        if self._has_sibling(mark, indent):
            opener = self._open[-1].opener
            self._pop()
        elif resumed := self._resumed(mark, indent):
            opener = resumed.opener
        elif len(self._open) < depth:
            opener = None
        above = self._open[-1].path if self._open else ()
        item = OpenItem(mark, indent, inner, (*above, mark), opener)
        self._open.append(item)
        return item

    def _closes(self, mark: Mark, indent: int) -> bool:
        """Whether an item that stands for itself closes the innermost open one, being no sibling of it."""
        top = self._open[-1]
        return top.indent == indent and top.mark.style != mark.style

    def continued(self, indent: int, *, in_article: bool = False) -> OpenItem | None:
        """The item that a paragraph at ``indent`` continues, if any; deeper items are closed.

        In an article the text after a lettered list still belongs to the numbered paragraph around the list.
        """
        numbered = in_article and bool(self._open) and self._open[0].mark.kind is MarkKind.ARABIC
        floor = 1 if numbered and indent >= self._open[0].indent else 0
        while len(self._open) > floor and indent <= self._open[-1].indent:
            self._pop()
        return self._open[-1] if self._open else None

    def _pop(self) -> None:
        item = self._open.pop()
        self._closed[item.mark.style, item.indent] = item
        if len(self._closed) > _REMEMBERED:
            self._closed.pop(next(iter(self._closed)))

    def _leave_deeper(self, mark: Mark, indent: int) -> Mark:
        """Close the items at this indentation that are no list around ``mark``; reads "(i)" after "(h)" as a letter."""
        for depth in range(len(self._open) - 1, -1, -1):
            other = self._open[depth]
            if other.indent < indent:
                break
            letter = _read_as_letter(mark, other.mark, self._open)
            if letter.style == other.mark.style:
                while len(self._open) > depth + 1:
                    self._pop()
                return letter
        return mark

    def _has_sibling(self, mark: Mark, indent: int) -> bool:
        """Whether the innermost open item is of the same list as ``mark``."""
        return bool(self._open) and (self._open[-1].indent, self._open[-1].mark.style) == (indent, mark.style)

    def _resumed(self, mark: Mark, indent: int) -> OpenItem | None:
        """The last item of an interrupted list that ``mark`` counts on: a figure stood between (C) and (D)."""
        closed = self._closed.get((mark.style, indent))
        if closed is None or mark.ordinal < 2 or mark.ordinal != closed.mark.ordinal + 1:
            return None
        return closed


def _read_as_letter(mark: Mark, other: Mark, opened: Sequence[OpenItem]) -> Mark:
    if mark.kind is not MarkKind.ROMAN or len(mark.label) != 1 or other.kind is not MarkKind.LETTER:
        return mark
    letter = mark.as_letter()
    counts_on = letter.ordinal == other.ordinal + 1
    in_roman_list = any(item.mark.style == mark.style for item in opened)
    return letter if counts_on and not (in_roman_list and mark.ordinal == 1) else mark


def cited(legal: str, path: Sequence[Mark]) -> str:
    """The number by which an item is cited: within an article by its path, "Article 5(1)(a)", else by its own mark,
    after those of the numbered items around it."""
    marks = [mark for mark in path if mark.number]
    if not marks or (path[-1].kind in (MarkKind.BULLET, MarkKind.PLAIN) and not legal):
        return legal
    if marks[-1].kind in (MarkKind.TERM, MarkKind.IDENTIFIER, MarkKind.DECIMAL):
        return marks[-1].number
    if legal.startswith(("§", "Artikel", "Art.")):
        return legal + "".join(_german(mark, depth) for depth, mark in enumerate(marks))
    if legal:
        return legal + "".join(f"({mark.label})" for mark in marks)
    if len(marks) == 1:
        return marks[-1].number
    outer = [mark for mark in marks[:-1] if mark.kind is not MarkKind.TERM]
    return "".join(replace(mark, shape=mark.shape.rstrip(".")).number for mark in outer) + marks[-1].number


def _german(mark: Mark, depth: int) -> str:
    if mark.kind is MarkKind.ARABIC:
        return f" Abs. {mark.label}" if depth == 0 and mark.shape == "()" else f" Nr. {mark.label}"
    return f" Buchst. {mark.label}"
