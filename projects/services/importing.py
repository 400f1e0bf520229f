"""Importing snapshots of other installations: verified, kept as they came, and looked at. Nothing here runs them."""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Never
from uuid import UUID

from jsonschema import Draft202012Validator

from orchestrator_site.access.actors import Actor
from orchestrator_site.digests import digest_of
from orchestrator_site.history.findings import sentence
from orchestrator_site.history.parts import verify_parts
from orchestrator_site.history.verification import Verification
from projects.errors import SnapshotFormatUnknown, SnapshotNotFound, SnapshotRefused, SnapshotTampered
from projects.models import ImportedSnapshot
from projects.services.snapshots import FORMAT

ENCODING = "zlib"
LARGEST = 256 * 1024 * 1024
"""Bytes of a snapshot's text. It is read into memory whole."""
_HEAD = ("format", "taken_at", "sha256")
_SCHEMA = Path(__file__).resolve().parent.parent / "schemas" / "snapshot-1.schema.json"
_MOST_MISTAKES = 5


@dataclass(frozen=True, slots=True)
class Imported:
    """A snapshot that is kept; whether this call kept it, and how far its history is sealed."""

    snapshot: ImportedSnapshot
    is_new: bool
    history: Verification | None


def import_snapshot(*, document: str | bytes | Mapping[str, Any], actor: Actor) -> Imported:
    """Keep a snapshot, if it is one and is what was taken. The same one is kept once.

    Checked are the format, the shape, the digest over the body, and where it has one the chain of its history. Whoever
    makes a document anew from the first byte to the last can make its digests anew, too: then only a hash that was
    noted elsewhere tells. Raises ``SnapshotRefused``, ``SnapshotFormatUnknown``, ``SnapshotTampered``.
    """
    text = _text_of(document)
    found = _parsed(text)
    history = verify(found)
    project = found["project"]
    snapshot, is_new = ImportedSnapshot.objects.get_or_create(
        sha256=found["sha256"],
        defaults={
            "project_id": UUID(project["id"]),
            "title": project["title"],
            "encoding": ENCODING,
            "content": zlib.compress(text.encode(), 6),
            "taken_at": datetime.fromisoformat(found["taken_at"]),
            "imported_by": actor.name[:200],
        },
    )
    return Imported(snapshot, is_new, history)


def find_imported(*, snapshot_id: UUID) -> ImportedSnapshot:
    """An imported snapshot, without its content. Raises ``SnapshotNotFound``."""
    found = ImportedSnapshot.objects.defer("content").filter(pk=snapshot_id).first()
    if found is None:
        raise SnapshotNotFound(f"There is no imported snapshot {snapshot_id}.")
    return found


def read(snapshot: ImportedSnapshot) -> dict[str, Any]:
    """The document as it came, verified again. Raises ``SnapshotTampered``."""
    try:
        found = _parsed(zlib.decompressobj().decompress(bytes(snapshot.content), LARGEST + 1).decode())
    except (zlib.error, UnicodeDecodeError, SnapshotRefused):
        raise SnapshotTampered(f"Imported snapshot {snapshot.pk} is not what was imported.") from None
    if found["sha256"] != snapshot.sha256:
        raise SnapshotTampered(f"Imported snapshot {snapshot.pk} is not what was imported: its digest is another.")
    _check_digest(found)
    return found


def verify(document: Mapping[str, Any]) -> Verification | None:
    """Check a document's digest and its history; None where it has no chain to check that by.

    Raises ``SnapshotTampered``.
    """
    _check_digest(document)
    chain = document.get("history_chain")
    if chain is None:
        return None
    found = verify_parts(document["project"]["id"], document["history"], chain)
    if not found.ok:
        raise SnapshotTampered(f"The history of the snapshot is not what was sealed. {sentence(found)}")
    return found


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the format."""
    read: dict[str, Any] = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    return read


def _text_of(document: str | bytes | Mapping[str, Any]) -> str:
    if isinstance(document, Mapping):
        document = json.dumps(document)
    if len(document) > LARGEST:
        raise SnapshotRefused(f"The snapshot has more than {LARGEST // 1024 // 1024} MiB.")
    try:
        return document.decode("utf-8-sig") if isinstance(document, bytes) else document
    except UnicodeDecodeError as error:
        raise SnapshotRefused(f"The snapshot is no text in UTF-8: byte {error.start} cannot be read.") from None


def _parsed(text: str) -> dict[str, Any]:
    """The document, its format and shape checked. Raises ``SnapshotRefused``, ``SnapshotFormatUnknown``."""
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise SnapshotRefused(f"The snapshot is no JSON: line {error.lineno}: {error.msg}.") from None
    except (ValueError, RecursionError) as error:
        raise SnapshotRefused(f"The snapshot cannot be read: {str(error)[:200]}.") from None
    if not isinstance(found, dict) or "format" not in found:
        raise SnapshotRefused("This is no snapshot: it does not say of which format it is.")
    if found["format"] != FORMAT:
        raise SnapshotFormatUnknown(
            f"The snapshot is of the format {str(found['format'])[:80]!r}; this version knows {FORMAT!r}."
        )
    _check_shape(found)
    return found


def _check_shape(found: dict[str, Any]) -> None:
    try:
        mistakes = [
            (error.json_path, error.message)
            for _, error in zip(range(_MOST_MISTAKES), Draft202012Validator(schema()).iter_errors(found), strict=False)
        ]
        _check_text(found["project"]["title"] if not mistakes else "")
        moments = [found["taken_at"]] if not mistakes else []
        mistakes += [("$.taken_at", "is no moment") for each in moments if not _is_moment(each)]
    except RecursionError:
        raise SnapshotRefused("The snapshot is nested too deep.") from None
    if mistakes:
        told = "; ".join(f"{path}: {message[:160]}" for path, message in mistakes)
        raise SnapshotRefused(f"The snapshot has not the shape of {FORMAT!r}: {told}.")


def _check_text(title: str) -> None:
    if "\0" in title:
        raise SnapshotRefused("The title of the snapshot's project holds a zero byte, which cannot be kept.")


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _check_digest(document: Mapping[str, Any]) -> None:
    try:
        found = digest_of({name: value for name, value in document.items() if name not in _HEAD})
    except (UnicodeEncodeError, RecursionError):
        raise SnapshotRefused("The snapshot holds text that is no Unicode text.") from None
    if found != document["sha256"]:
        raise SnapshotTampered(
            f"The snapshot is not what was taken: the SHA-256 of its body is {found}, and it says "
            f"{document['sha256']}. Export it again where the project ran."
        )


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def _refuse(word: str) -> Never:
    raise ValueError(f"{word} is no JSON")
