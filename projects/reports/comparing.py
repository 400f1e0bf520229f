"""Two projects of a kind side by side, by what their reports are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents.library.requirements.comparison import compare, comparison_report
from agents.library.requirements.run import settled
from agents.reporting import ReportContent
from orchestrator_site.errors import Refused
from projects.models import Project
from projects.reports.results import latest
from projects.services.registration import definition_of


class NotComparable(Refused):
    """These two projects cannot be compared."""

    code = "not_comparable"


Comparer = Callable[[Mapping[str, Any], Mapping[str, Any]], ReportContent]


def _requirements(a: Mapping[str, Any], b: Mapping[str, Any]) -> ReportContent:
    return comparison_report(compare(settled(a), settled(b)))


COMPARISONS: dict[str, Comparer] = {"requirements": _requirements}
"""By the name of the report that both projects' blueprints have."""


def compare_projects(a: Project, b: Project) -> ReportContent:
    """What became of the findings of ``a`` in ``b``. Raises ``NotComparable``."""
    names = [definition_of(project.blueprint).report for project in (a, b)]
    comparer = COMPARISONS.get(names[0] or "")
    if comparer is None or names[0] != names[1]:
        raise NotComparable(
            f"{a.short_id} ({a.blueprint}) and {b.short_id} ({b.blueprint}) cannot be compared: both must be "
            f"of a blueprint whose report is one of: {', '.join(COMPARISONS)}."
        )
    return comparer(latest(a)[0], latest(b)[0])
