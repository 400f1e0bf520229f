"""``import_snapshot``: keep a snapshot of another installation, to be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser
from django.urls import reverse

from orchestrator_site.access.roles import Capability
from orchestrator_site.commanding.output import PhasegateCommand
from orchestrator_site.commanding.people import actor_named
from orchestrator_site.conf import conf
from orchestrator_site.history.verification import Verification
from orchestrator_site.showing.numbers import counted
from orchestrator_site.showing.visible import one_line
from projects.errors import SnapshotRefused
from projects.services import importing


class Command(PhasegateCommand):
    """Import a snapshot."""

    help = "Verify a snapshot that snapshot_project wrote, and keep it to be looked at; the same one is kept once."

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/reference/commands.md."""
        parser.add_argument("file", metavar="FILE", help="the snapshot, a JSON document")
        parser.add_argument("--user", metavar="NAME", help="in whose name; default: the system's")

    def handle(self, *_: Any, **options: Any) -> None:
        """Read, verify, keep, tell."""
        actor = actor_named(options["user"])
        actor.require(Capability.PROJECT_START)
        imported = importing.import_snapshot(document=_content(Path(options["file"])), actor=actor)
        kept, history = imported.snapshot, imported.history
        if options["json"]:
            told = {
                "id": str(kept.pk),
                "project": str(kept.project_id),
                "title": kept.title,
                "sha256": kept.sha256,
                "is_new": imported.is_new,
                "sealed_events": history.sealed if history is not None else None,
                "archived_events": history.archived if history is not None else None,
            }
            self.write_json({"snapshot": told})
            return
        state = "is kept" if imported.is_new else "was kept already"
        self.stdout.write(f"The snapshot of {one_line(kept.title)} ({kept.project_id}) {state} as {kept.pk}.")
        self.stdout.write(f"Its digest is right; {_of_history(history)}.")
        self.note(f"Look at it: {conf().base_url}{reverse('dashboard:imported', args=[kept.pk])}")


def _of_history(found: Verification | None) -> str:
    if found is None:
        return "its history came without a chain to check it by"
    archived = f"{counted(found.archived, 'event')} before, which it says were archived, did not come with it"
    intact = f"{counted(found.sealed, 'event')} of its history {'is' if found.sealed == 1 else 'are'} sealed and intact"
    return f"{intact}; {archived}" if found.archived else intact


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > importing.LARGEST:
            raise SnapshotRefused(f"{path} is larger than {importing.LARGEST // 1024 // 1024} MiB.")
        return path.read_bytes()
    except FileNotFoundError:
        raise SnapshotRefused(f"There is no file {path}.") from None
    except OSError as error:
        raise SnapshotRefused(f"{path} cannot be read: {error.strerror}.") from None
