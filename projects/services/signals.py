"""Signals: named messages from outside to a project, kept until a step takes them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from orchestrator_site.access.actors import Actor
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from orchestrator_site.storable import is_storable, is_storable_json
from projects import sql
from projects.blueprints.schema import StepKind
from projects.errors import ProjectNotFound, RefusedInState, SignalInvalid, SignalKeyTaken
from projects.models import Project, Signal, Step
from projects.services import publishing
from projects.states import STEP

MOST_BYTES = 64 * 1024
_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Sent:
    """A signal, and whether this call sent it or found the one of the same key."""

    signal: Signal
    is_new: bool


def send(*, project_id: UUID, name: str, actor: Actor, payload: Any = None, key: str = "") -> Sent:
    """Send a signal to a project. It is kept until a step takes it, also while the project is paused or not begun.

    The same ``key`` is the same signal, and sent once. ``payload`` is JSON of at most 64 KiB. Raises
    ``ProjectNotFound``, ``RefusedInState`` where the project is over or ending, ``SignalInvalid``, ``SignalKeyTaken``.
    """
    written = _checked(name, payload, key)
    with transaction.atomic():
        _one_at_a_time(project_id)
        if key and (earlier := Signal.objects.filter(project=project_id, key=key).first()) is not None:
            return _same(earlier, name, payload)
        rows = sql.rows("send_signal", project=project_id, name=name, payload=written, key=key, sender=actor.name[:200])
        if not rows:
            raise _why_not(project_id)
        signal = Signal.objects.get(pk=rows[0]["id"])
        data = {"signal": signal.pk, "key": key, "payload_sha256": digest_of(payload)}
        history.append(project_id, "signal.sent", actor=actor.name, subject=name, data=data)
        publishing.wake(project_id)
    return Sent(signal, is_new=True)


def is_awaited(project_id: UUID, name: str) -> bool:
    """Whether a step of the plan that is not over waits, or will wait, for signals of that name."""
    waiting = Step.objects.filter(project=project_id, kind=StepKind.WAIT, spec__wait__signal=name)
    return waiting.exclude(state__in=sorted(STEP.terminal)).exists()


def _checked(name: str, payload: Any, key: str) -> str:
    """The payload as JSON, if all is right."""
    if _NAME.fullmatch(name) is None:
        raise SignalInvalid(
            f"{name[:100]!r} is no name of a signal: small letters, digits, `_`, `-` and `.`, a letter first."
        )
    if len(key) > 200 or not is_storable(key):
        raise SignalInvalid("A key has at most 200 characters, none of them NUL or half a surrogate pair.")
    try:
        written = json.dumps(payload, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise SignalInvalid(f"The payload is no JSON: {error}.") from None
    if len(written) > MOST_BYTES:
        raise SignalInvalid(
            f"The payload has {len(written):,} bytes; the limit is {MOST_BYTES:,}. Send where it is to be found."
        )
    if not is_storable_json(written):
        raise SignalInvalid("The payload holds NUL or half a surrogate pair, which cannot be kept: leave it out.")
    return written


def _same(earlier: Signal, name: str, payload: Any) -> Sent:
    if (earlier.name, earlier.payload) != (name, payload):
        raise SignalKeyTaken(
            f"The key {earlier.key!r} is that of a signal {earlier.name!r} of {earlier.sender} that says something "
            "else. Give this one a key of its own."
        )
    return Sent(earlier, is_new=False)


def _why_not(project_id: UUID) -> ProjectNotFound | RefusedInState:
    project = Project.objects.filter(pk=project_id).first()
    if project is None:
        return ProjectNotFound(f"There is no project {project_id}.")
    standing = project.state if project.is_over else "being cancelled"
    return RefusedInState(f"Project {project_id} is {standing}: no step of it takes a signal any more.")


def _one_at_a_time(project_id: UUID) -> None:
    """Signals of one project follow one another, so that the order of their numbers is the order of their sending."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"signals of {project_id}"])
