"""``export_history ID [-o FILE]``: a history as JSON Lines, which ``verify_history --file`` checks anywhere."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from orchestrator_site.history.errors import ExportUnreadable
from orchestrator_site.history.exporting import export_lines
from orchestrator_site.history.finding import find_stream
from orchestrator_site.history.sealing import seal_all


class Command(BaseCommand):
    """Write a history with its seals."""

    help = "Write a history with its hash chain as JSON Lines; verify_history --file checks it anywhere."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which history, and where to."""
        parser.add_argument("id", help="the project's id, or its last digits")
        parser.add_argument("-o", "--output", help="a file; without it, standard output")

    def handle(self, *_: Any, **options: Any) -> None:
        """Seal what can be sealed, and write."""
        seal_all()
        lines = export_lines(find_stream(options["id"]))
        first = next(lines)
        if options["output"] is None:
            self.stdout.write(first)
            for line in lines:
                self.stdout.write(line)
            return
        try:
            with open(options["output"], "w", encoding="utf-8", newline="\n") as file:
                file.write(first + "\n")
                file.writelines(line + "\n" for line in lines)
        except OSError as error:
            raise ExportUnreadable(f"{options['output']} cannot be written: {error}.") from None
