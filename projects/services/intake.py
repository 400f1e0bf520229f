"""Taking documents in: what is refused is refused before anything is written."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.library.documents import check_document, media_type_of
from orchestrator_site.conf import conf
from projects.errors import DocumentRefused
from projects.models import Document, DocumentContent, Project


@dataclass(frozen=True, slots=True)
class Given:
    """A document as given: a name without folders, and its bytes."""

    name: str
    content: bytes

    @property
    def sha256(self) -> str:
        """The digest of the content."""
        return hashlib.sha256(self.content).hexdigest()


def from_path(path: Path, *, within: Path | None = None) -> Given:
    """Read a document from a file; ``within`` confines it, links followed, to a folder.

    Raises ``DocumentRefused`` where it is missing, no regular file, too large, unreadable or outside the folder.
    """
    resolved = path.resolve()
    if within is not None and not resolved.is_relative_to(within.resolve()):
        raise DocumentRefused(f"{path} lies outside the folder of documents; only what is inside may be named.")
    try:
        # One open, and every check on what was opened: the path may point elsewhere a moment later.
        descriptor = os.open(resolved, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise DocumentRefused(f"There is no file {path}.") from None
    except OSError as error:
        raise DocumentRefused(f"{path} cannot be read: {error.strerror}.") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise DocumentRefused(f"{path} is no file but a folder or a device; name one file for each --document.")
    with os.fdopen(descriptor, "rb") as file:
        _check_size(path.name, status.st_size)
        return Given(path.name, file.read(conf().document_max_bytes + 1))


def check(documents: Iterable[Given]) -> tuple[Given, ...]:
    """The documents, if every one can be read; raises ``DocumentRefused`` or what reading says."""
    given = tuple(documents)
    for document in given:
        name = document.name
        if (
            not name
            or len(name) > 255
            or name in (".", "..")
            or any(c in name for c in "/\\\0")
            or not name.isprintable()
        ):
            raise DocumentRefused(f"{name!r} is no file name: give it without folders and control characters.")
        _check_size(name, len(document.content))
        check_document(document.content, name=name)
    return given


def store(project: Project, documents: Sequence[Given]) -> None:
    """Keep the documents with a project."""
    for position, document in enumerate(documents):
        content, _ = DocumentContent.objects.get_or_create(
            sha256=document.sha256, defaults={"size": len(document.content), "content": document.content}
        )
        Document.objects.create(
            project=project,
            position=position,
            name=document.name,
            media_type=media_type_of(document.content, document.name),
            content=content,
        )


def _check_size(name: str, size: int) -> None:
    limit = conf().document_max_bytes
    if size > limit:
        raise DocumentRefused(
            f"{name} has {size / 1_048_576:.1f} MiB; the limit is {limit / 1_048_576:.1f} MiB. Split it, or raise "
            "PHASEGATE_DOCUMENT_MAX_BYTES."
        )
