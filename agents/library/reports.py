"""The reports that blueprints may name: from the blueprint's ``report`` to the function that builds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.library.requirements.report import build_report as requirements_report
from agents.reporting import ReportBuilder, ReportContent


def emissions_report(
    results: Mapping[str, Any],
    states: Mapping[str, str],
    *,
    usage: Mapping[str, Mapping[str, float]] | None = None,
) -> ReportContent:
    """The report of emissions. Imported when it is asked for: it brings numbers and tables with it."""
    from agents.library.emissions.report import build_report

    return build_report(results, states, usage=usage)


REPORTS: dict[str, ReportBuilder] = {"requirements": requirements_report, "emissions": emissions_report}
