"""The formats of reports, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator_site.errors import InvalidInput
from projects.models import Project
from projects.reports.render_html import render_html
from projects.reports.render_json import render_json
from projects.reports.render_markdown import render_markdown
from projects.reports.render_text import render_text
from projects.reports.report import Report, build


class ReportFormatUnknown(InvalidInput):
    """There is no such format of reports."""

    code = "report_format_unknown"


@dataclass(frozen=True, slots=True)
class Format:
    """How a report is written, and as what it is served."""

    render: Callable[[Report], str]
    media_type: str


FORMATS: dict[str, Format] = {
    "text": Format(render_text, "text/plain; charset=utf-8"),
    "json": Format(render_json, "application/json"),
    "markdown": Format(render_markdown, "text/markdown; charset=utf-8"),
    "html": Format(render_html, "text/html; charset=utf-8"),
}


def render_report(project: Project, format: str = "text") -> str:  # noqa: A002 the word that people type
    """The report of a project in a format of ``FORMATS``. Raises ``ReportFormatUnknown``."""
    if format not in FORMATS:
        raise ReportFormatUnknown(f"There is no report format {format!r}. There are: {', '.join(FORMATS)}.")
    return FORMATS[format].render(build(project))
