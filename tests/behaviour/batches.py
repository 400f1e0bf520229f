"""Lists of short steps, for tests of what is done several at once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from projects.models import Project, Step
from projects.services import advancing, execution, paces
from tests.builders import agent_that, project_of

LIST = """
phases:
  - key: one
    steps:
      - {{key: list, agent: numbers, params: {{n: {n}}}}}
      - {{key: each, agent: square, needs: [list], for_each: results.list, params: {{x: "${{item}}"}}{more}}}
      - {{key: join, agent: total, needs: [each]}}
"""


def squares() -> None:
    """The agents of the list, of which nobody knows yet how quick they are."""
    paces.forget()
    agent_that(lambda context: list(range(context.params["n"])), "numbers")
    agent_that(lambda context: context.params["x"] ** 2, "square")
    agent_that(lambda context: sum(each or 0 for each in context.results["each"]), "total")


def expanded(n: int, more: str = "") -> tuple[Project, list[UUID]]:
    """A project whose list has just been expanded, and its items; ``more`` is said of the list."""
    project = project_of(LIST.format(n=n, more=more))
    execution.run_leg(project.pk, list(Step.objects.filter(project=project, key="list").values_list("pk", flat=True)))
    advancing.advance(project.pk)
    return project, list(items(project).values_list("pk", flat=True))


def items(project: Project) -> Any:
    """The items of its list."""
    return Step.objects.filter(project=project, parent__isnull=False).order_by("position")
