"""``Idempotency-Key``: a write that is sent twice is done once, and answered the same.

The record of the key is written in the transaction that does the work: a crash leaves both or neither. What
did not succeed has changed nothing, and leaves no record. A lock taken without waiting tells a request that
another with the same key is being worked on; the unique constraint holds whatever happens.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction
from django.db.models.functions import Now
from django.http import QueryDict
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from orchestrator_site.api.errors import IdempotencyInProgress, IdempotencyKeyInvalid, IdempotencyKeyReused
from orchestrator_site.api.records import AnsweredOnce, record_model

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT = timedelta(hours=24)
_KEPT_HEADERS = ("Location", "ETag")
_FORGET_AT_ONCE = 100


def once(request: Request, work: Callable[[], Response]) -> Response:
    """Do the work, or answer as it was answered when it came with the same key.

    Without the header it is simply done. Raises ``IdempotencyKeyInvalid``, ``IdempotencyKeyReused`` where the
    key came with another request, ``IdempotencyInProgress`` where the same is being worked on.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return work()
    if not (1 <= len(key) <= 255 and key.isascii() and key.isprintable()):
        raise IdempotencyKeyInvalid()
    digest, user_id = _fingerprint(request), request.user.pk
    assert user_id is not None  # noqa: S101 nobody comes here without saying who they are
    with transaction.atomic():
        _lock(user_id, key)
        _forget_the_old()
        records = record_model()._default_manager
        record = records.filter(user_id=user_id, key=key).first()
        if record is not None:
            return _replay(record, digest)
        response = work()
        if response.status_code < 400:
            records.create(
                user_id=user_id,
                key=key,
                fingerprint=digest,
                status=response.status_code,
                body=json.loads(json.dumps(response.data, cls=JSONEncoder)),
                headers={name: response[name] for name in _KEPT_HEADERS if name in response},
            )
    return response


def _lock(user_id: int, key: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [f"idempotency {user_id} {key}"])
        row = cursor.fetchone()
    if not row or not row[0]:
        raise IdempotencyInProgress(f"A request with {HEADER} {key!r} is being worked on: try again in a moment.")


def _forget_the_old() -> None:
    """Remove some of the records that are older than 24 hours; a few a request keeps the table small."""
    records = record_model()._default_manager
    old = records.filter(created_at__lt=Now() - KEPT).select_for_update(skip_locked=True)
    ids = list(old.values_list("pk", flat=True)[:_FORGET_AT_ONCE])
    if ids:
        records.filter(pk__in=ids).delete()


def _replay(record: AnsweredOnce, digest: str) -> Response:
    if record.fingerprint != digest:
        raise IdempotencyKeyReused(
            f"The {HEADER} {record.key!r} was used for another request: take a new key for a new request."
        )
    return Response(record.body, status=record.status, headers={**record.headers, REPLAYED: "true"})


def _fingerprint(request: Request) -> str:
    """Over the method, the path and what the body says; the boundary of a form does not count."""
    said = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    said.update(json.dumps(_plain(request.data), sort_keys=True, default=str).encode())
    return said.hexdigest()


def _plain(data: Any) -> Any:
    if isinstance(data, QueryDict):
        return {name: [_plain(part) for part in data.getlist(name)] for name in data}
    if isinstance(data, Mapping):
        return {name: _plain(part) for name, part in data.items()}
    if isinstance(data, list):
        return [_plain(part) for part in data]
    return _digest_of_file(data) if isinstance(data, UploadedFile) else data


def _digest_of_file(file: UploadedFile[Any]) -> list[str]:
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    file.seek(0)
    return [file.name or "", digest.hexdigest()]
