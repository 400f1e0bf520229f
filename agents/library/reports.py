"""The reports that blueprints may name: from the blueprint's ``report`` to the function that builds it."""

from __future__ import annotations

from agents.library.emissions.report import build_report as emissions_report
from agents.library.requirements.report import build_report as requirements_report
from agents.reporting import ReportBuilder

REPORTS: dict[str, ReportBuilder] = {"requirements": requirements_report, "emissions": emissions_report}
