"""``project_swarm``: how far the search of a step is, and its picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import PhasegateCommand, Usage
from projects.errors import NothingSearched, StepNotFound
from projects.management.finding import project_of
from projects.models import Step
from projects.services.searches import picture_of, search_of


class Command(PhasegateCommand):
    """Tell of a search, and draw it."""

    help = "How far the search of a step of kind `swarm` is; with -o a picture of it."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/how-to/swarm.md."""
        parser.add_argument("id", help="of the project, or its last digits")
        parser.add_argument("step", help="the key of the step")
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="draw the search into this SVG file")

    def handle(self, *_: Any, **options: Any) -> None:
        """Find it, tell, draw."""
        project = project_of(options["id"], system_actor())
        step = Step.objects.filter(project=project, key=options["step"], parent=None).order_by("-round").first()
        if step is None:
            raise StepNotFound(f"Project {project.pk} has no step {options['step']!r}.")
        search = search_of(step)
        if search is None:
            raise NothingSearched(f"Step {step.key!r} of project {project.pk} is no search, or has not begun.")
        told = search.to_json()
        if (path := options["output"]) is not None:
            told["picture"] = str(path)
            _write(path, picture_of(step))
        if options["json"]:
            self.write_json(told)
        else:
            self.stdout.write("\n".join(f"{name}: {value}" for name, value in told.items()))


def _write(path: Path, picture: str) -> None:
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}.") from None
