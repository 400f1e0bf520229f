"""Results of steps: small ones in their row, large ones aside in a blob, compressed and under their digest.

A blob is written before the commit that points to it. A crash in between leaves one that nobody points to; it is
removed a day later. Everybody who reads a result reads it here.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import DataError, connection, models
from django.db.models.functions import Now

from orchestrator_site.conf import conf
from orchestrator_site.storable import is_storable_json
from projects.errors import ResultDamaged
from projects.models import Blob, Step

ENCODING = "zlib"
KEPT = timedelta(days=1)
"""So long a blob stays that nobody points to: whoever has written it points to it within seconds, or never."""
BATCH = 100

# A blob that is there already is written again only where it is about to count as left behind: so a removal that runs
# at this moment finds it young, and one that has removed it lets it be written.
_KEEP = """
INSERT INTO projects_blob (sha256, size, encoding, content, created_at)
VALUES (%s, %s, %s, %s, clock_timestamp())
    ON CONFLICT (sha256) DO UPDATE SET created_at = EXCLUDED.created_at
 WHERE projects_blob.created_at < clock_timestamp() - make_interval(secs => %s)
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a result is: its JSON text, or the digest of its blob. ``sha256`` is of the text in both cases."""

    text: str | None
    blob: str | None
    sha256: str


def keep(text: str) -> Kept:
    """Find a place for a result, given as JSON text; a large one is written aside now. Raises ``DataError``."""
    content = text.encode()
    sha256 = hashlib.sha256(content).hexdigest()
    if len(content) <= conf().result_inline_bytes:
        return Kept(text, None, sha256)
    if not is_storable_json(text):
        # As the column says of a small one: what is read from here goes on to columns.
        raise DataError("the text of a JSON value holds NUL or half a surrogate pair")
    half = KEPT.total_seconds() / 2
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [sha256, len(content), ENCODING, zlib.compress(content), half])
    return Kept(None, sha256, sha256)


def fields(value: Any) -> dict[str, Any]:
    """A result as columns of a step, for those who write one without an agent."""
    kept = keep(json.dumps(value, allow_nan=False))
    return {"result": None if kept.blob else value, "result_blob_id": kept.blob}


def of(step: Step) -> Any:
    """The result of a step. Raises ``ResultDamaged``."""
    return step.result if step.result_blob_id is None else read([step.result_blob_id])[step.result_blob_id]


def shown(step: Step) -> Any:
    """The same for a page, which says what is wrong in the result's place."""
    try:
        return of(step)
    except ResultDamaged as error:
        return str(error)


def of_rows(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    """The results of rows that hold ``result`` and ``result_blob_id``, in their order. Raises ``ResultDamaged``."""
    aside = read({row["result_blob_id"] for row in rows if row["result_blob_id"] is not None})
    return [row["result"] if row["result_blob_id"] is None else aside[row["result_blob_id"]] for row in rows]


def fill(steps: Iterable[Step]) -> list[Step]:
    """The steps with their large results in ``result``, read at once, for those who show many."""
    found = list(steps)
    aside = read({step.result_blob_id for step in found if step.result_blob_id is not None})
    for step in found:
        if step.result_blob_id is not None:
            step.result = aside[step.result_blob_id]
    return found


def read(digests: Iterable[str]) -> dict[str, Any]:
    """Values by the digest of their text, each checked against it. Raises ``ResultDamaged``."""
    wanted = set(digests)
    if not wanted:
        return {}
    values = {blob.sha256: _value(blob) for blob in Blob.objects.filter(pk__in=wanted)}
    if missing := wanted - set(values):
        raise ResultDamaged(f"The large result {min(missing)} is missing.")
    return values


def remove_left_behind() -> int:
    """Remove blobs that nothing has pointed to for a day; how many.

    Whatever points to blobs is found by its foreign key. A removal checks again in its own statement, and the database
    refuses it where a commit was faster.
    """
    found = Blob.objects.filter(created_at__lt=Now() - KEPT)
    for model, column in _pointing():
        # NOT EXISTS, which the planner joins once; the columns have no index of their own.
        pointing = model._default_manager.filter(**{column: models.OuterRef("pk")})
        found = found.filter(~models.Exists(pointing))
    left = list(found.values_list("pk", flat=True)[:BATCH])
    return sum(_remove(digest) for digest in left)


def _remove(digest: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM projects_blob"
            " WHERE sha256 = %s AND created_at < clock_timestamp() - make_interval(secs => %s)",
            [digest, KEPT.total_seconds()],
        )
        return int(cursor.rowcount)


def _pointing() -> list[tuple[type[models.Model], str]]:
    return [
        (model, field.attname)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and field.related_model is Blob
    ]


def _value(blob: Blob) -> Any:
    if blob.encoding != ENCODING:
        raise ResultDamaged(f"The large result {blob.sha256} is kept as {blob.encoding!r}, which is not known here.")
    try:
        # Bounded by what it is to hold: what was damaged must not fill the memory.
        content = zlib.decompressobj().decompress(bytes(blob.content), blob.size + 1)
    except zlib.error as error:
        raise ResultDamaged(f"The large result {blob.sha256} cannot be unpacked: {error}.") from None
    if len(content) != blob.size or hashlib.sha256(content).hexdigest() != blob.sha256:
        raise ResultDamaged(f"The large result {blob.sha256} is not what was kept: its digest is another.")
    return json.loads(content)
