"""Archiving: a history goes to a file, the file is verified, and then its events leave the database.

They leave by one door, ``history_put_away`` of the database (``sql/archive.sql``), which notes the archive and
removes what it holds in one transaction, and refuses both where the archive is not what the history is. What stays
is the head of the chain and the note: the file's digest, so that the file can be proved to be the one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from orchestrator_site.history import statements
from orchestrator_site.history.archives import Archive, archives_of
from orchestrator_site.history.chain import ZERO
from orchestrator_site.history.errors import ExportUnreadable, NotArchivable
from orchestrator_site.history.exporting import export_lines
from orchestrator_site.history.verification import Verification
from orchestrator_site.history.verifying import verify_export, verify_stream

_CHUNK = 1 << 20


class Standing(StrEnum):
    """How the file of an archive stands."""

    INTACT = "intact"
    MISSING = "missing"
    TAMPERED = "tampered"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What was found of an archive's file: ``found`` where its chain could be read, ``reason`` where it is not good."""

    archive: Archive
    path: Path
    standing: Standing
    found: Verification | None = None
    reason: str = ""


def with_events(streams: Iterable[UUID]) -> list[UUID]:
    """Those of the streams that have events in the database."""
    with connection.cursor() as cursor:
        cursor.execute(statements.WITH_EVENTS, [list(streams)])
        return [stream for (stream,) in cursor.fetchall()]


def archive(stream: UUID, *, folder: Path, actor: str) -> Archive:
    """Bring what a stream has in the database into a file, and remove it there.

    What can be sealed is to be sealed before.

    1. The history must be intact, and sealed to its last event.
    2. It is written under another name, to the disk, read again and verified; then it gets its name.
    3. The database notes the archive and removes the events, or refuses both.

    Whatever fails, nothing is removed. Raises ``NotArchivable``, ``StreamNotFound``.
    """
    with transaction.atomic():
        _one_at_a_time(stream)
        found = verify_stream(stream)
        _check(found)
        assert found.head is not None  # noqa: S101 - what is sealed has one
        first, before = found.archived + 1, _before(stream)
        path = folder / f"{stream}-{first}-{found.head.seq}.jsonl"
        sha256, size = _write(stream, path, found)
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                digests = (bytes.fromhex(before), bytes.fromhex(found.head.hash))
                cursor.execute(
                    statements.PUT_AWAY,
                    [stream, first, found.head.seq, *digests, path.name, bytes.fromhex(sha256), size, actor],
                )
        except IntegrityError as refusal:
            path.unlink(missing_ok=True)
            raise NotArchivable(f"The history of {stream} went on while it was archived: {refusal}") from None
    return archives_of(stream)[-1]


def check_files(stream: UUID, folder: Path, *, noted: str | None = None) -> list[FileCheck]:
    """Look for the files of a stream's archives in a folder, and whether each is the one that was written."""
    return [check_file(each, folder / each.file, noted=noted) for each in archives_of(stream)]


def check_file(archive: Archive, path: Path, *, noted: str | None = None) -> FileCheck:
    """Whether a file is the one that was written for an archive; if it is not, what was done to it.

    ``noted`` is a hash that was written down elsewhere, if it is to be in this file.
    """
    try:
        sha256, size = _digest(path)
    except FileNotFoundError:
        return FileCheck(archive, path, Standing.MISSING, reason=f"{path} is not there.")
    except OSError as error:
        return FileCheck(archive, path, Standing.MISSING, reason=f"{path} cannot be read: {error}.")
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            found = verify_export(lines, noted=noted)
    except (ExportUnreadable, UnicodeDecodeError) as error:
        return FileCheck(archive, path, Standing.TAMPERED, reason=f"{path} is no export any more: {error}")
    if not found.ok:
        return FileCheck(archive, path, Standing.TAMPERED, found)
    if found.head is None or (found.head.seq, found.head.hash) != (archive.last, archive.hash):
        return FileCheck(archive, path, Standing.TAMPERED, found, f"{path} holds another history, or was made anew.")
    if (sha256, size) != (archive.sha256, archive.size):
        reason = f"The bytes of {path} are not those that were written, though its chain is intact."
        return FileCheck(archive, path, Standing.TAMPERED, found, reason)
    return FileCheck(archive, path, Standing.INTACT, found)


def _check(found: Verification) -> None:
    if found.fault is not None:
        raise NotArchivable(f"The history of {found.stream} was tampered with: verify_history names the place.")
    if found.unsealed:
        raise NotArchivable(f"The history of {found.stream} has {found.unsealed} events that are not sealed yet.")
    if not found.sealed:
        raise NotArchivable(f"The history of {found.stream} has no event in the database.")


def _before(stream: UUID) -> str:
    """The hash behind which the chain goes on."""
    archives = archives_of(stream)
    return archives[-1].hash if archives else ZERO


def _write(stream: UUID, path: Path, wanted: Verification) -> tuple[str, int]:
    """Write the export to the disk, read it again and verify it; its digest and size."""
    being_written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with being_written.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in export_lines(stream))
            file.flush()
            os.fsync(file.fileno())
        with being_written.open(encoding="utf-8", newline="\n") as lines:
            found = verify_export(lines)
        if (found.ok, found.sealed, found.unsealed, found.head) != (True, wanted.sealed, 0, wanted.head):
            raise NotArchivable(f"The history of {stream} could not be verified as it was written to {path.parent}.")
        measured = _digest(being_written)
        being_written.replace(path)
        _sync_folder(path.parent)
        return measured
    except OSError as error:
        raise NotArchivable(f"{path} cannot be written: {error}.") from None
    finally:
        with contextlib.suppress(OSError):
            being_written.unlink()


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def _sync_folder(folder: Path) -> None:
    """A new name is on the disk only once its folder is."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _one_at_a_time(stream: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"archive {stream}"])
        if not cursor.fetchone()[0]:
            raise NotArchivable(f"The history of {stream} is being archived by somebody else.")
