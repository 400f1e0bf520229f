"""A report as one JSON document."""

from __future__ import annotations

import json

from projects.reports.report import Report


def render_json(report: Report) -> str:
    """ASCII alone, so that no terminal or log on the way can read it as anything but text."""
    return json.dumps(report.to_json(), indent=2, default=str) + "\n"
