"""HTML to blocks. The text is put together here, so that the places of clauses are ours.

Scripts, styles, navigation and hidden parts are left out, and nothing is fetched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from lxml import etree

from ..clauses import DocumentText
from .assembling import assemble
from .blocks import Role
from .decoding import decode_text, has_byte_order_mark
from .errors import BrokenDocument, DocumentTooLarge
from .extracting import Extraction
from .flow import fold
from .limits import MAX_NESTING
from .marks import Mark, MarkKind

_SKIPPED = frozenset(
    [
        "script",
        "style",
        "nav",
        "noscript",
        "template",
        "svg",
        "math",
        "iframe",
        "object",
        "embed",
        "canvas",
        "audio",
        "video",
        "map",
        "head",
        "select",
        "textarea",
        "button",
        "datalist",
        "dialog",
    ]
)
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "main",
        "header",
        "aside",
        "address",
        "figure",
        "figcaption",
        "details",
        "summary",
        "form",
        "fieldset",
        "center",
        "blockquote",
        "body",
        "ul",
        "ol",
        "dl",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "caption",
        "html",
        "hr",
        "dd",
        "li",
        "dt",
        "td",
        "th",
        "tr",
        "pre",
        "footer",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "legend",
    ]
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_NUMERALS = {"a": MarkKind.LETTER, "A": MarkKind.LETTER, "i": MarkKind.ROMAN, "I": MarkKind.ROMAN}


@dataclass(slots=True)
class _List:
    kind: str
    numerals: str = "1"
    count: int = 0


@dataclass(slots=True)
class _Walk:
    out: Extraction
    words: list[str] = field(default_factory=list)
    lists: list[_List] = field(default_factory=list)
    mark: Mark | None = None
    term: str = ""
    tables: int = 0
    pre: int = 0
    footer: int = 0
    heading: int = 0

    def start(self, element: etree._Element, tag: str) -> None:
        if tag in _BLOCKS:
            self.flush()
        if tag in ("ul", "ol", "dl"):
            self.lists.append(_list_of(element, tag))
        elif tag == "li" and self.lists:
            self.mark = self._mark(element, self.lists[-1])
        elif tag == "table":
            self.out.end_row(self.tables)
            self.tables += 1
        elif tag == "tr":
            self.out.end_row(self.tables)
            self.out.row = []
        elif tag == "br":
            self.words.append("\n")
        self._count(tag, 1)
        self.heading = _HEADINGS.get(tag, self.heading)
        self.add(element.text)

    def end(self, element: etree._Element, tag: str) -> None:
        if tag in ("dt", "dd"):
            self._close_entry(tag)
        if tag in _BLOCKS:
            self.flush(cell_ends=tag in ("td", "th"))
        if tag in ("ul", "ol", "dl") and self.lists:
            self.lists.pop()
            self.mark = None
        elif tag == "tr":
            self.out.end_row(self.tables)
        elif tag == "table":
            self.tables -= 1
        if tag in _HEADINGS:
            self.heading = 0
        self._count(tag, -1)
        self.add(element.tail)

    def _count(self, tag: str, by: int) -> None:
        self.pre += by if tag == "pre" else 0
        self.footer += by if tag == "footer" else 0

    def add(self, words: str | None) -> None:
        if words:
            self.words.append(words.replace("\r\n", "\n") if self.pre else _SPACE.sub(" ", words))

    def flush(self, *, cell_ends: bool = False) -> None:
        """A paragraph ends: hand it on by where it stands."""
        words = "".join(self.words)
        self.words.clear()
        words = words if self.pre else re.sub(r" *\n *", "\n", re.sub(r" {2,}", " ", words)).strip()
        if not words.strip():
            return
        if self.heading:
            self.out.heading(words, self.heading)
        elif self.out.row is not None and self.tables:
            self.out.cell(words)
        elif self.pre:
            self.out.whole(words.strip("\n"), Role.CODE)
        elif self.footer:
            self.out.whole(words, Role.FURNITURE)
        else:
            mark, self.mark = self.mark, None
            self.out.paragraph(words, depth=len(self.lists), mark=mark)

    def _close_entry(self, tag: str) -> None:
        """The term of a definition list is kept until its definition comes, and read as one item with it."""
        words = fold("".join(self.words))
        if tag == "dt" and words:
            self.words.clear()
            self.term = words
        elif tag == "dd" and words and self.term:
            self.mark = Mark(MarkKind.TERM, self.term.rstrip(":"))
            self.words.insert(0, self.term.rstrip(":") + ": ")
            self.term = ""

    def _mark(self, element: etree._Element, within: _List) -> Mark:
        if within.kind != "ol":
            return Mark(MarkKind.BULLET, "-")
        value = element.get("value", "")
        within.count = int(value) if value.isdecimal() and len(value) < 7 else within.count + 1
        return numbered_mark(within.count, within.numerals)


def _list_of(element: etree._Element, tag: str) -> _List:
    start = element.get("start", "")
    count = int(start) - 1 if start.isdecimal() and len(start) < 7 else 0
    return _List(tag, element.get("type", "1"), count)


def numbered_mark(count: int, numerals: str) -> Mark:
    """The mark of the ``count``-th item of an ordered list with HTML's ``type``: 1, a, A, i or I."""
    kind = _NUMERALS.get(numerals)
    if kind is MarkKind.LETTER and 1 <= count <= 26:
        return Mark(kind, chr(ord(numerals) + count - 1), ".", count)
    if kind is MarkKind.ROMAN and 1 <= count < 90:
        label = roman(count)
        return Mark(kind, label.upper() if numerals == "I" else label, ".", count)
    return Mark(MarkKind.ARABIC, str(count), ".", count)


def roman(count: int) -> str:
    """``count`` as a small Roman numeral."""
    numeral = ""
    for value, letters in ((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")):
        numeral += letters * (count // value)
        count %= value
    return numeral


def read_html(content: bytes, *, name: str) -> DocumentText:
    """Read an HTML page: its visible text."""
    root = _parse(content, name)
    walk = _Walk(Extraction(name))
    title = root.findtext(".//head/title") or ""
    depth = 0
    events = etree.iterwalk(root, events=("start", "end"))
    for event, element in events:
        tag = element.tag if isinstance(element.tag, str) else ""
        depth += 1 if event == "start" else -1
        if depth > MAX_NESTING * 10:
            raise DocumentTooLarge(f"{name}: the HTML elements are nested too deep to be a document.")
        if event == "start":
            if not tag or _is_hidden(element, tag):
                events.skip_subtree()
                continue
            walk.start(element, tag)
        elif not tag or _is_hidden(element, tag):
            walk.add(element.tail)
        else:
            walk.end(element, tag)
    walk.flush()
    walk.out.end_row()
    out = walk.out
    return assemble(
        name=name, media_type="text/html", text=out.text, title=out.title or title.strip(), blocks=out.blocks
    )


def _is_hidden(element: etree._Element, tag: str) -> bool:
    return tag in _SKIPPED or "hidden" in element.attrib


def _parse(content: bytes, name: str) -> etree._Element:
    """The page's tree; lxml repairs what is not well-formed, refuses entities of its own and never asks the network."""
    text = _decode(content, name)
    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True, recover=True)
    try:
        root = etree.fromstring(text.encode("utf-8", "surrogatepass"), parser)
    except etree.XMLSyntaxError as error:
        raise BrokenDocument(f"{name}: the HTML cannot be parsed ({error.msg}).") from error
    if any("depth" in str(entry.message).lower() for entry in parser.error_log):
        raise DocumentTooLarge(f"{name}: the HTML elements are nested too deep to be a document.")
    if root is None:
        raise BrokenDocument(f"{name}: there is no HTML element in the file.")
    return root


def _decode(content: bytes, name: str) -> str:
    """By byte order mark, by the charset the page declares, or as any text."""
    declared = _CHARSET.search(content[:4096])
    if declared and not has_byte_order_mark(content):
        try:
            return content.decode(declared[1].decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            return decode_text(content, name=name)
    return decode_text(content, name=name)
