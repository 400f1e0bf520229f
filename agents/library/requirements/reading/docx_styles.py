"""What a DOCX paragraph's style and numbering say: heading level, role, list mark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docx.document import Document
from lxml import etree

from .blocks import Role
from .docx_words import W
from .html import roman
from .marks import Mark, MarkKind, mark_of

_HEADING_NAME = re.compile(r"(?:heading|überschrift|titre|título|titolo)\s*([1-9])$", re.IGNORECASE)
_ROLES = (
    (re.compile(r"(?:toc|verzeichnis)\s*[0-9]$|table of figures", re.IGNORECASE), Role.CONTENTS),
    (re.compile(r"bibliography|literaturverzeichnis", re.IGNORECASE), Role.REFERENCE),
    (re.compile(r"code|preformatted|macro|listing|quelltext|caption|beschriftung", re.IGNORECASE), Role.CODE),
    (re.compile(r"^(?:header|footer|kopfzeile|fußzeile)$", re.IGNORECASE), Role.FURNITURE),
)
_LIST_NAME = re.compile(r"list\s+(bullet|number)\s*([2-9])?$", re.IGNORECASE)
_DEEPEST_INHERITANCE = 12
_LEVEL_REFERENCE = re.compile(r"%([1-9])")


@dataclass(frozen=True, slots=True)
class Style:
    """``heading`` is the level, 0 for none; ``numbering`` the (numId, level) the style brings; ``listed`` the kind and
    depth of a built-in list style without numbering."""

    heading: int = 0
    role: Role | None = None
    numbering: tuple[str, int] | None = None
    listed: tuple[str, int] | None = None


class Styles:
    """The paragraph styles of a document by their ids."""

    def __init__(self, document: Document) -> None:
        self._elements = {
            element.get(f"{W}styleId", ""): element for element in document.styles.element.iterfind(f"{W}style")
        }
        self._known: dict[str, Style] = {}

    def of(self, paragraph: etree._Element) -> Style:
        """The style of a paragraph; an outline level of its own makes it a heading too."""
        named = paragraph.find(f"{W}pPr/{W}pStyle")
        style_id = named.get(f"{W}val", "") if named is not None else ""
        if style_id not in self._known:
            self._known[style_id] = self._read(style_id)
        own = _outline(paragraph)
        return Style(own) if own else self._known[style_id]

    def _read(self, style_id: str) -> Style:
        heading, role, numbering, listed = 0, None, None, None
        for element in self._inherited(style_id):
            name = _value(element, "name")
            if found := _HEADING_NAME.match(name):
                heading = heading or int(found[1])
            elif name.lower() in ("title", "titel"):
                heading = heading or 1
            heading = heading or _outline(element)
            role = role or next((role for pattern, role in _ROLES if pattern.search(name)), None)
            numbering = numbering or _numbering(element)
            if listed is None and (found := _LIST_NAME.match(name)):
                listed = (found[1].lower(), int(found[2] or 1))
        return Style(heading, role, numbering, listed)

    def _inherited(self, style_id: str) -> Iterator[etree._Element]:
        for _ in range(_DEEPEST_INHERITANCE):
            element = self._elements.get(style_id)
            if element is None:
                return
            yield element
            style_id = _value(element, "basedOn")


class Numbering:
    """The list numbering of a document, counted while its paragraphs are read in order."""

    def __init__(self, document: Document) -> None:
        self._levels: dict[tuple[str, int], tuple[str, str, int]] = {}
        self._counts: dict[tuple[str, int], int] = {}
        self._abstract: dict[str, str] = {}
        part = next(
            (rel.target_part for rel in document.part.rels.values() if rel.reltype.endswith("/numbering")),
            None,
        )
        if part is not None:
            self._read(part.element)

    def _read(self, root: etree._Element) -> None:
        for number in root.iterfind(f"{W}num"):
            self._abstract[number.get(f"{W}numId", "")] = _value(number, "abstractNumId")
        for abstract in root.iterfind(f"{W}abstractNum"):
            key = abstract.get(f"{W}abstractNumId", "")
            for level in abstract.iterfind(f"{W}lvl"):
                depth = _small(level.get(f"{W}ilvl", "0"))
                start = _small(_value(level, "start") or "1")
                self._levels[key, depth] = (_value(level, "numFmt"), _value(level, "lvlText"), start)

    def mark(self, paragraph: etree._Element, style: Style) -> Mark | None:
        """The mark of a numbered or bulleted paragraph; counts on."""
        numbering = _numbering(paragraph) or style.numbering
        if numbering is None or numbering[0] == "0":
            return self._by_name(style) if numbering is None else None
        key, depth = self._abstract.get(numbering[0], ""), numbering[1]
        kind, shown, start = self._levels.get((key, depth), ("bullet", "", 1))
        if kind in ("bullet", "none", ""):
            return Mark(MarkKind.BULLET, "-") if kind == "bullet" else None
        self._counts[key, depth] = self._counts.get((key, depth), start - 1) + 1
        for level, deeper in list(self._counts):
            if level == key and deeper > depth:
                del self._counts[level, deeper]
        return self._shown(key, shown, self._counts[key, depth])

    def _shown(self, key: str, shown: str, count: int) -> Mark:
        label = _LEVEL_REFERENCE.sub(lambda found: self._numeral(key, int(found[1]) - 1), shown).strip()
        return mark_of(label + " X") or Mark(MarkKind.ARABIC, label, "", count)

    def _numeral(self, key: str, depth: int) -> str:
        kind, _, start = self._levels.get((key, depth), ("decimal", "", 1))
        count = self._counts.get((key, depth), start)
        if kind in ("lowerLetter", "upperLetter"):
            letter = chr(ord("a") + (count - 1) % 26) * (1 + (count - 1) // 26)
            return letter.upper() if kind == "upperLetter" else letter
        if kind in ("lowerRoman", "upperRoman"):
            return roman(count).upper() if kind == "upperRoman" else roman(count)
        return str(count)

    @staticmethod
    def _by_name(style: Style) -> Mark | None:
        return Mark(MarkKind.BULLET, "-") if style.listed else None

    @staticmethod
    def depth(paragraph: etree._Element, style: Style) -> int:
        """The list depth of a paragraph, 1 the outermost."""
        numbering = _numbering(paragraph) or style.numbering
        if numbering is not None and numbering[1]:
            return numbering[1] + 1
        return style.listed[1] if style.listed else 1


def _numbering(element: etree._Element) -> tuple[str, int] | None:
    number = element.find(f"{W}pPr/{W}numPr/{W}numId")
    if number is None:
        return None
    level = element.find(f"{W}pPr/{W}numPr/{W}ilvl")
    return number.get(f"{W}val", ""), _small(level.get(f"{W}val", "0")) if level is not None else 0


def _outline(element: etree._Element) -> int:
    """The outline level of a paragraph or style as a heading level, 0 for body text."""
    level = element.find(f"{W}pPr/{W}outlineLvl")
    value = _small(level.get(f"{W}val", "9")) if level is not None else 9
    return value + 1 if value < 9 else 0


def _value(element: etree._Element, name: str) -> str:
    child = element.find(f"{W}{name}")
    return child.get(f"{W}val", "") if child is not None else ""


def _small(digits: str) -> int:
    return int(digits) if digits.isdecimal() and len(digits) < 6 else 0
