"""``recover``: one pass of recovery now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestrator_site.commanding.output import FAILED, PhasegateCommand
from projects.services import recovery


class Command(PhasegateCommand):
    """Recover once."""

    help = "One pass of recovery now: silent workers, lost messages, deadlines, projects nobody looked at."

    def handle(self, *_: Any, **options: Any) -> None:
        """Recover, tell."""
        done = asdict(recovery.recover())
        if options["json"]:
            self.write_json(done)
        else:
            for name, found in done.items():
                if name != "errors":
                    self.stdout.write(f"{name.replace('_', ' ').capitalize():<24} {found}")
            for error in done["errors"]:
                self.note(f"Error: {error}")
        if done["errors"]:
            self.end(FAILED)
