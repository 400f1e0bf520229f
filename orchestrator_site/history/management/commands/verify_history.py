"""``verify_history ID|--all|--file F``: check the hash chain, and name the first event that is not as it was sealed.

Exit status: 0 intact, 1 tampered with, 2 usage or an unreadable file, 3 not found.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestrator_site.history.errors import ExportUnreadable
from orchestrator_site.history.finding import find_stream
from orchestrator_site.history.findings import plain, sentence, totals_sentence
from orchestrator_site.history.sealing import seal_all
from orchestrator_site.history.verification import Verification
from orchestrator_site.history.verifying import (
    Totals,
    streams,
    verify_export,
    verify_stream,
    verify_totals,
)


class Command(BaseCommand):
    """Check the hash chain of one history, of all, or of an export."""

    help = "Check the hash chain of histories, and name the first event that is not as it was sealed."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which history."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("id", nargs="?", help="the project's id, or its last digits")
        what.add_argument("--all", action="store_true", help="every history, and that none is missing")
        what.add_argument("--file", help="an export (export_history), checked without the database; - reads it")
        parser.add_argument("--head", help="a hash of this chain that was noted elsewhere: it must be in it")
        parser.add_argument("--json", action="store_true", help="one JSON document on standard output")

    def handle(self, *_: Any, **options: Any) -> None:
        """Verify, say so, and end with the status that says the same."""
        if options["all"] and options["head"]:
            raise CommandError("--head is the hash of one history: name it, or leave --all out.", returncode=2)
        totals: Totals | None = None
        if options["file"]:
            found = [_of_file(options["file"], options["head"])]
        else:
            seal_all()
            chosen = streams() if options["all"] else [find_stream(options["id"])]
            found = [verify_stream(stream, noted=options["head"]) for stream in chosen]
            totals = verify_totals() if options["all"] else None
        self._tell(found, totals, as_json=options["json"], of_all=options["all"])
        if not all(each.ok for each in found) or (totals is not None and not totals.ok):
            sys.exit(1)

    def _tell(self, found: list[Verification], totals: Totals | None, *, as_json: bool, of_all: bool) -> None:
        if as_json:
            document: Any = plain(found[0])
            if of_all:
                document = {"ok": all(each.ok for each in found), "histories": [plain(each) for each in found]}
            if totals is not None:
                document["ok"] = document["ok"] and totals.ok
                document["seals"] = {"there": totals.there, "made": totals.made}
            self.stdout.write(json.dumps(document))
            return
        for each in found:
            # Of many intact ones only the number is worth a line.
            if not of_all or not each.ok:
                self.stdout.write(sentence(each))
        if totals is not None:
            self.stdout.write(f"{sum(each.ok for each in found)} of {len(found)} histories are intact.")
            self.stdout.write(totals_sentence(totals))


def _of_file(name: str, noted: str | None) -> Verification:
    if name == "-":
        return verify_export(sys.stdin, noted=noted)
    try:
        with open(name, encoding="utf-8", newline="\n") as lines:
            return verify_export(lines, noted=noted)
    except (OSError, UnicodeDecodeError) as error:
        raise ExportUnreadable(f"{name} cannot be read: {error}.") from None
