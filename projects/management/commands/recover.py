"""``recover``: one pass of recovery now."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from orchestrator_site.commanding.output import FAILED, PhasegateCommand
from projects.services import recovery


@contextmanager
def _without_a_summary() -> Iterator[None]:
    """What recovery notes of a pass in the log is what this command is about to tell."""
    own = logging.getLogger(recovery.__name__)
    before = own.level
    own.setLevel(max(before, logging.WARNING))
    try:
        yield
    finally:
        own.setLevel(before)


class Command(PhasegateCommand):
    """Recover once."""

    help = "One pass of recovery now: silent workers, lost messages, deadlines, projects nobody looked at."

    def handle(self, *_: Any, **options: Any) -> None:
        """Recover, tell."""
        with _without_a_summary():
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
