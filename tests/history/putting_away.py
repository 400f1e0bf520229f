"""Archives, for tests: a history is put away, goes on, and its file is read."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from orchestrator_site.history import services as history
from orchestrator_site.history.archives import Archive
from orchestrator_site.history.archiving import archive
from tests.sealing import seal_everything


def put_away(stream: UUID, folder: Path) -> Archive:
    """Archive the history, as Olga."""
    return archive(stream, folder=folder, actor="user:olga")


def later(stream: UUID, *kinds: str) -> None:
    """More happens, and is sealed."""
    for kind in kinds:
        history.append(stream, kind, actor="system")
    seal_everything()


def lines_of(path: Path) -> list[str]:
    """The lines of a file."""
    return path.read_text().splitlines()
