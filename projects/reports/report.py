"""The report of a project, at its end and on the way there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.library.reports import REPORTS
from agents.reporting import ReportContent, Section, Text
from projects.models import Project
from projects.reports import general
from projects.reports.results import latest
from projects.services import progressing
from projects.services.registration import definition_of

logger = logging.getLogger(__name__)

FORMAT = "phasegate.report/1"


@dataclass(frozen=True, slots=True)
class Report:
    """What a person reads, in order, and the same as data.

    ``general`` is true of every project, ``content`` is the blueprint's own report, None where it names none.
    """

    title: str
    general: tuple[Section, ...]
    content: ReportContent | None
    data: Mapping[str, Any]

    @property
    def sections(self) -> tuple[Section, ...]:
        """All sections: how the project went, then what came of it."""
        return self.general + (self.content.sections if self.content else ())

    def to_json(self) -> dict[str, Any]:
        """As one JSON document: the general data, then the blueprint's report under ``report``."""
        return {
            "format": FORMAT,
            **self.data,
            "report": self.content.to_json() if self.content else None,
        }


def build(project: Project) -> Report:
    """The report of a project as it stands now; one that still runs has what it has so far."""
    progress = progressing.progress(project_id=project.pk)
    facts = general.facts_of(project, progress)
    return Report(
        title=f"{project.title} ({project.short_id})",
        general=general.sections_of(facts),
        content=content_of(project),
        data=facts,
    )


def content_of(project: Project) -> ReportContent | None:
    """What the blueprint's own builder makes of the results so far; None where it names none."""
    name = definition_of(project.blueprint).report
    if name is None:
        return None
    builder = REPORTS.get(name)
    if builder is None:
        return _unbuilt(f"This site knows no report {name!r}.")
    results, states = latest(project)
    try:
        return builder(results, states)
    except Exception as error:  # what a builder cannot read must not hide how the project stands
        logger.exception("the report %s of project %s could not be built", name, project.pk)
        return _unbuilt(f"The report {name!r} could not be built: {type(error).__name__}: {error}")


def _unbuilt(reason: str) -> ReportContent:
    return ReportContent("Report", (Text("Report", reason),), {"error": reason})
