"""The words of a DOCX paragraph, with tracked insertions and without deletions."""

from __future__ import annotations

from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_LEFT_OUT = frozenset(
    [f"{W}del", f"{W}moveFrom", f"{W}pPr", f"{W}rPr", f"{W}instrText", f"{W}fldSimpleData", _FALLBACK]
)
_AS_TEXT = {
    f"{W}tab": "\t",
    f"{W}br": "\n",
    f"{W}cr": "\n",
    f"{W}noBreakHyphen": "-",
    f"{W}p": "\n",
}


def words_of(paragraph: etree._Element) -> str:
    """The text of a paragraph, its line breaks as ``\\n``; a text box in it follows on lines of its own."""
    words: list[str] = []
    walk = etree.iterwalk(paragraph, events=("start",))
    for _, element in walk:
        if element.tag in _LEFT_OUT:
            walk.skip_subtree()
        elif element.tag == f"{W}t":
            words.append(element.text or "")
        elif element.tag in _AS_TEXT and element is not paragraph:
            words.append(_AS_TEXT[element.tag])
    return "".join(words).replace("\t", " ").strip()
