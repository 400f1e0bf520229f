"""A report as HTML: an article for a page, or a page of its own. No style, no script, everything escaped."""

from __future__ import annotations

from html import escape as _escape

from agents.reporting import Facts, Items, Section, Table, Text
from orchestrator_site.showing.visible import one_line, visible
from projects.reports.report import Report
from projects.reports.visible import cell


def render_html(report: Report) -> str:
    """A whole page that stands by itself."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(report.title)}</title>\n</head>\n<body>\n<main>\n{article(report)}</main>\n</body>\n</html>\n"
    )


def article(report: Report, *, level: int = 1) -> str:
    """The report for the body of a page; ``level`` is the level of its heading, sections are one below it."""
    parts = ['<article class="report" aria-labelledby="report-title">']
    parts.append(f'<h{level} id="report-title">{escape(report.title)}</h{level}>')
    for number, section in enumerate(report.sections, start=1):
        parts += _section(section, f"report-{number}", level + 1)
    parts.append("</article>\n")
    return "\n".join(parts)


def escape(text: str) -> str:
    """One visible line, with every character escaped that means something to HTML, in attributes too."""
    return _escape(one_line(text), quote=True)


def _section(section: Section, name: str, level: int) -> list[str]:
    return [
        f'<section aria-labelledby="{name}">',
        f'<h{level} id="{name}">{escape(section.title)}</h{level}>',
        *_body(section, name),
        "</section>",
    ]


def _body(section: Section, name: str) -> list[str]:
    match section:
        case Facts():
            return _facts(section)
        case Table():
            return _table(section, name) if section.rows else [f"<p>{escape(section.empty)}</p>"]
        case Items():
            items = [f"<li>{escape(item)}</li>" for item in section.items]
            return ["<ul>", *items, "</ul>"] if items else [f"<p>{escape(section.empty)}</p>"]
        case Text():
            return [f"<p>{escape(paragraph)}</p>" for paragraph in visible(section.text).split("\n\n")]


def _facts(section: Facts) -> list[str]:
    pairs = [f"<dt>{_cell(name)}</dt><dd>{_cell(value)}</dd>" for name, value in section.facts]
    return ["<dl>", *pairs, "</dl>"]


def _table(section: Table, name: str) -> list[str]:
    """In a region that the keyboard reaches, because a wide table is scrolled sideways."""
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in section.columns)
    return [
        f'<div class="scrolls" role="region" tabindex="0" aria-labelledby="{name}">',
        "<table>",
        f"<caption>{escape(section.title)}</caption>",
        f"<thead><tr>{heads}</tr></thead>",
        "<tbody>",
        *(_row(row) for row in section.rows),
        "</tbody>",
        "</table>",
        "</div>",
    ]


def _row(row: tuple[str | int | float, ...]) -> str:
    first, *rest = (_cell(value) for value in row)
    return f'<tr><th scope="row">{first}</th>' + "".join(f"<td>{value}</td>" for value in rest) + "</tr>"


def _cell(value: str | int | float) -> str:
    return _escape(cell(value), quote=True)
