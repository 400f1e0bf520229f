"""A report as Markdown (CommonMark with tables): every text out of documents and people stays text."""

from __future__ import annotations

import re

from agents.reporting import Facts, Items, Section, Table, Text
from orchestrator_site.showing.visible import one_line, visible
from projects.reports.report import Report
from projects.reports.visible import cell

# What CommonMark and its usual extensions (tables, strike-through, footnotes, formulas, mentions) act on.
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#!&$^@])")
_LINE_START = re.compile(r"^(\s*)([-+=:]|\d{1,9}(?=[.)]))")
_ADDRESS = re.compile(r"(?i)\b(https?|ftp|mailto|javascript|data|www)(?=[:.])")


def render_markdown(report: Report) -> str:
    """The whole report, one heading a section."""
    parts = [f"# {within_a_line(report.title)}"]
    for section in report.sections:
        parts += [f"## {within_a_line(section.title)}", _body(section)]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """A text as one line of Markdown that shows it and does nothing: no markup, no HTML, no link."""
    return _LINE_START.sub(_not_a_marker, within_a_line(text))


def within_a_line(text: str) -> str:
    """The same for a text that does not begin a line."""
    return _ADDRESS.sub(_unlinked, _SPECIAL.sub(r"\\\1", one_line(text)))


def _unlinked(found: re.Match[str]) -> str:
    """The first letter as a character reference: readers show the address, and none makes a link of it."""
    scheme = found.group(1)
    return f"&#{ord(scheme[0])};{scheme[1:]}"


def _not_a_marker(found: re.Match[str]) -> str:
    space, mark = found.groups()
    return f"{space}&#{ord(mark[0])};{mark[1:]}" if mark[0].isdigit() else f"{space}\\{mark}"


def _body(section: Section) -> str:
    match section:
        case Facts():
            return _rows(("Name", "Value"), [(cell(name), cell(value)) for name, value in section.facts])
        case Table():
            rows = [tuple(cell(value) for value in row) for row in section.rows]
            return _rows(section.columns, rows) if rows else escape(section.empty)
        case Items():
            return "\n".join(f"- {escape(item)}" for item in section.items) or escape(section.empty)
        case Text():
            return "\n\n".join(escape(paragraph) for paragraph in visible(section.text).split("\n\n"))


def _rows(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [_line(columns), "|" + " --- |" * len(columns), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(within_a_line(text) for text in cells) + " |"
