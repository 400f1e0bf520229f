"""``verify_history ID|--all|--file F``: check the hash chain, and name the first event that is not as it was sealed.

Exit status: 0 intact, 1 tampered with, 2 usage or an unreadable file, 3 not found.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestrator_site.conf import conf
from orchestrator_site.history.archiving import FileCheck, Standing, check_files
from orchestrator_site.history.errors import ExportUnreadable
from orchestrator_site.history.finding import find_stream
from orchestrator_site.history.findings import archive_sentence, plain, plain_archive, sentence_with, totals_sentence
from orchestrator_site.history.sealing import seal_all
from orchestrator_site.history.verification import Deed, Verification
from orchestrator_site.history.verifying import (
    Totals,
    streams,
    verify_export,
    verify_stream,
    verify_totals,
)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one history, in the database and in the files of its archives."""

    chain: Verification
    files: tuple[FileCheck, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; a file that is not here says nothing."""
        return self.chain.ok and all(each.standing is not Standing.TAMPERED for each in self.files)


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
        parser.add_argument("--archives", metavar="DIR", help="where the files of archived histories are")
        parser.add_argument("--json", action="store_true", help="one JSON document on standard output")

    def handle(self, *_: Any, **options: Any) -> None:
        """Verify, say so, and end with the status that says the same."""
        if options["all"] and options["head"]:
            raise CommandError("--head is the hash of one history: name it, or leave --all out.", returncode=2)
        totals: Totals | None = None
        if options["file"]:
            found = [Found(_of_file(options["file"], options["head"]))]
        else:
            seal_all()
            folder = Path(options["archives"]) if options["archives"] else conf().archive_folder
            chosen = streams() if options["all"] else [find_stream(options["id"])]
            found = [_of_stream(stream, folder, options["head"]) for stream in chosen]
            totals = verify_totals() if options["all"] else None
        self._tell(found, totals, as_json=options["json"], of_all=options["all"])
        if not all(each.ok for each in found) or (totals is not None and not totals.ok):
            sys.exit(1)

    def _tell(self, found: list[Found], totals: Totals | None, *, as_json: bool, of_all: bool) -> None:
        if as_json:
            document: Any = _plain(found[0]) if not of_all else None
            if of_all:
                document = {"ok": all(each.ok for each in found), "histories": [_plain(each) for each in found]}
            if totals is not None:
                document["ok"] = document["ok"] and totals.ok
                document["seals"] = {"there": totals.there, "archived": totals.archived, "made": totals.made}
            self.stdout.write(json.dumps(document))
            return
        for each in found:
            # Of many intact ones only the number is worth a line.
            if not of_all or not each.ok:
                self.stdout.write(
                    "\n".join([sentence_with(each.chain, each.files), *map(archive_sentence, each.files)])
                )
        if totals is not None:
            self.stdout.write(f"{sum(each.ok for each in found)} of {len(found)} histories are intact.")
            self._tell_of_files([file for each in found for file in each.files])
            self.stdout.write(totals_sentence(totals))

    def _tell_of_files(self, files: list[FileCheck]) -> None:
        if files:
            here = sum(each.standing is not Standing.MISSING for each in files)
            self.stdout.write(f"{here} of {len(files)} files of archives are here and were checked.")


def _of_stream(stream: UUID, folder: Path, noted: str | None) -> Found:
    """The chain in the database and the files of its archives. A noted hash may be in any of them."""
    chain, files = verify_stream(stream, noted=noted), check_files(stream, folder)
    if files and noted and chain.fault is not None and chain.fault.kind is Deed.REWRITTEN and chain.fault.seq is None:
        with_hash = check_files(stream, folder, noted=noted)
        if any(each.standing is Standing.INTACT for each in with_hash):
            chain = verify_stream(stream)
        elif any(each.standing is Standing.MISSING for each in with_hash):
            raise ExportUnreadable("The hash may be in an archive whose file is not here: say where, --archives DIR.")
    return Found(chain, tuple(files))


def _plain(found: Found) -> dict[str, Any]:
    told = {"ok": found.ok, "sentence": sentence_with(found.chain, found.files)}
    return plain(found.chain) | told | {"archives": [plain_archive(each) for each in found.files]}


def _of_file(name: str, noted: str | None) -> Verification:
    if name == "-":
        return verify_export(sys.stdin, noted=noted)
    try:
        with open(name, encoding="utf-8", newline="\n") as lines:
            return verify_export(lines, noted=noted)
    except (OSError, UnicodeDecodeError) as error:
        raise ExportUnreadable(f"{name} cannot be read: {error}.") from None
