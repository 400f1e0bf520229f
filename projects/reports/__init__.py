"""Reports of projects: what is true of every project, and what its blueprint reports, in four formats."""

from __future__ import annotations

from projects.reports.formats import FORMATS, Format, render_report
from projects.reports.report import Report, build

__all__ = ["FORMATS", "Format", "Report", "build", "render_report"]
