"""``archive_history``: bring the histories of projects long over into files, and remove their events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from orchestrator_site import clock
from orchestrator_site.commanding.output import FAILED, PhasegateCommand, Usage
from orchestrator_site.conf import conf
from orchestrator_site.history.services import Archive
from orchestrator_site.showing.numbers import counted
from projects.blueprints.durations import parse_duration
from projects.services import retention


class Command(PhasegateCommand):
    """Archive old histories."""

    help = "Write the histories of projects long over to files, verify the files, and remove the events."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        limit = parser.add_mutually_exclusive_group(required=True)
        limit.add_argument("--before", metavar="DATE", help="of projects that ended before this day (UTC)")
        limit.add_argument("--older-than", metavar="DURATION", help="of projects that ended so long ago: 400d")
        parser.add_argument("--to", metavar="DIR", help="the folder; default: PHASEGATE_HISTORY_ARCHIVE_DIR")
        parser.add_argument("--dry-run", action="store_true", help="only say which they are")

    def handle(self, *_: Any, **options: Any) -> None:
        """Archive, tell, and end with 1 if one could not be archived."""
        before = _limit(options["before"], options["older_than"])
        folder = Path(options["to"]).absolute() if options["to"] else conf().archive_folder
        if options["dry_run"]:
            self._say_which(before, as_json=options["json"])
            return
        done = retention.archive_old(before=before, folder=folder, actor="command")
        if options["json"]:
            refused = [{"project": str(project), "reason": reason} for project, reason in done.refused]
            self.write_json({"archived": [_plain(each) for each in done.archived], "refused": refused})
        else:
            for each in done.archived:
                self.stdout.write(
                    f"{each.stream}: {counted(each.events, 'event')}, head {each.hash}, sha256 {each.sha256}"
                )
            for project, reason in done.refused:
                self.note(f"{project} is not archived: {reason}")
            total = sum(each.events for each in done.archived)
            what = f"{counted(len(done.archived), 'history', 'histories')}, {counted(total, 'event')}"
            self.stdout.write(f"{what}, archived in {folder}.")
        if done.refused:
            self.end(FAILED)

    def _say_which(self, before: datetime, *, as_json: bool) -> None:
        found = [str(each) for each in retention.old_histories(before)]
        if as_json:
            self.write_json({"would_archive": found})
            return
        for each in found:
            self.stdout.write(each)
        self.stdout.write(
            f"{counted(len(found), 'history', 'histories')} of projects that ended before {before:%Y-%m-%d %H:%M} UTC."
        )


def _limit(before: str | None, older_than: str | None) -> datetime:
    """The moment before which a project must have ended. Raises ``Usage``."""
    try:
        if before is not None:
            return _moment(before)
        seconds = parse_duration(older_than)
    except (ValueError, TypeError) as error:
        raise Usage(f"--older-than {older_than}: {error}" if older_than else f"--before {before}: {error}") from None
    return clock.now() - timedelta(seconds=float(seconds))


def _moment(text: str) -> datetime:
    day = parse_date(text)
    if day is not None:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    moment = parse_datetime(text)
    if moment is None:
        raise ValueError("give a day such as 2026-01-31")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _plain(archive: Archive) -> dict[str, Any]:
    return {
        "project": archive.stream,
        "events": archive.events,
        "head": {"seq": archive.last, "hash": archive.hash},
        "file": archive.file,
        "sha256": archive.sha256,
        "size": archive.size,
        "at": archive.at.isoformat(),
    }
