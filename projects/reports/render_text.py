"""A report as plain text of a hundred columns."""

from __future__ import annotations

from collections.abc import Sequence

from agents.reporting import Facts, Items, ReportContent, Section, Table, Text
from orchestrator_site.showing.visible import one_line, visible
from projects.reports.columns import WIDTH, records, row_lines, widths_of, wrapped
from projects.reports.report import Report
from projects.reports.visible import cell


def render_text(report: Report, *, most_rows: int | None = None) -> str:
    """The whole report; ``most_rows`` shortens each table and list, and says by how much."""
    return sections_as_text(report.title, report.sections, most_rows=most_rows)


def content_as_text(content: ReportContent, *, most_rows: int | None = None) -> str:
    """A report's content by itself, such as a comparison."""
    return sections_as_text(content.title, content.sections, most_rows=most_rows)


def sections_as_text(title: str, sections: Sequence[Section], *, most_rows: int | None = None) -> str:
    """Sections under a title, each with an empty line before it."""
    lines = [*wrapped(one_line(title), WIDTH), "=" * min(len(one_line(title)), WIDTH)]
    for section in sections:
        heading = one_line(section.title)
        lines += ["", heading, "-" * min(len(heading), WIDTH), *_body(section, most_rows)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _body(section: Section, most_rows: int | None) -> list[str]:
    match section:
        case Facts():
            return _facts(section)
        case Table():
            return _table(section, most_rows)
        case Items():
            return _items(section, most_rows)
        case Text():
            return _text(section)


def _facts(section: Facts) -> list[str]:
    widest = max((len(cell(name)) for name, _ in section.facts), default=0)
    widest = min(widest, WIDTH // 3)
    lines: list[str] = []
    for name, value in section.facts:
        lines += row_lines((cell(name), cell(value)), (widest, WIDTH - widest - 2))
    return lines


def _table(section: Table, most_rows: int | None) -> list[str]:
    if not section.rows:
        return [one_line(section.empty)]
    rows = [tuple(cell(value) for value in row) for row in section.rows[:most_rows]]
    heads = tuple(one_line(column) for column in section.columns)
    left = _left(len(section.rows), most_rows)
    widths = widths_of((heads, *rows))
    if widths is None:
        return records(heads, rows) + left
    numeric = [_is_numeric(section, place) for place in range(len(heads))]
    lines = row_lines(heads, widths, right=numeric)
    lines.append("  ".join("-" * width for width in widths))
    for row in rows:
        lines += row_lines(row, widths, right=numeric)
    return lines + left


def _is_numeric(section: Table, place: int) -> bool:
    return all(isinstance(row[place], int | float) for row in section.rows)


def _items(section: Items, most_rows: int | None) -> list[str]:
    if not section.items:
        return [one_line(section.empty)]
    lines: list[str] = []
    for item in section.items[:most_rows]:
        first, *rest = wrapped(one_line(item), WIDTH - 2)
        lines += [f"- {first}", *(f"  {line}" for line in rest)]
    return lines + _left(len(section.items), most_rows)


def _text(section: Text) -> list[str]:
    lines: list[str] = []
    for paragraph in visible(section.text).split("\n\n"):
        lines += [*wrapped(" ".join(paragraph.split()), WIDTH), ""]
    return lines[:-1]


def _left(number: int, most_rows: int | None) -> list[str]:
    return [f"… and {number - most_rows} more"] if most_rows is not None and number > most_rows else []
