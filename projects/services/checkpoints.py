"""Checkpoints: how a project stood, written down whole at boundaries, and verified whenever it is read.

Between two of them the history says what happened: the state at any event is a checkpoint and the events after it.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from orchestrator_site.access.actors import Actor
from orchestrator_site.digests import canonical_text
from orchestrator_site.history import services as history
from orchestrator_site.storable import refuse_unstorable
from projects import sql
from projects.errors import (
    CheckpointDamaged,
    CheckpointNotFound,
    EventNotFound,
    NotRebuildable,
    ProjectNotFound,
    RefusedInState,
)
from projects.models import Checkpoint, Project
from projects.models.checkpoint import Occasion
from projects.planning.marks import ItemMark, Mark, PhaseMark, StepMark, from_json, to_json
from projects.planning.replaying import Happening, NotReplayable, replay
from projects.states import PhaseState, ProjectState, StepState

FORMAT = "phasegate.checkpoint/1"
ENCODING = "zlib"
_LEVEL = 3  # of compression: the higher ones take twice the time for a tenth less


@dataclass(frozen=True, slots=True)
class Reading:
    """A mark, and which events of the history it holds: what ``transaction`` saw, with ``event`` the last of them."""

    mark: Mark
    event: int
    transaction: str | None
    snapshot: str


def request(*, project_id: UUID, actor: Actor, label: str = "") -> Checkpoint:
    """Take a checkpoint because somebody wants one.

    Raises ``ProjectNotFound``, ``RefusedInState`` where the project has not begun, ``InvalidInput`` for a label that
    cannot be kept.
    """
    refuse_unstorable(label=label)
    with transaction.atomic():
        project = Project.objects.lock_for_control(project_id)
        if project is None:
            raise ProjectNotFound(f"There is no project {project_id}.")
        if project.state == ProjectState.PENDING:
            raise RefusedInState(f"Project {project_id} has not begun: there is nothing to go back to yet.")
        taken = take(project_id=project_id, occasion=Occasion.REQUEST, author=actor.name, label=label)
        data = {"number": taken.number, "label": label, "sha256": taken.sha256}
        history.append(project_id, "checkpoint.taken", actor=actor.name, data=data)
    return taken


def take(
    *, project_id: UUID, occasion: Occasion, author: str, label: str = "", reading: Reading | None = None
) -> Checkpoint:
    """Write down how the project stands now, or as it was just read.

    Within a transaction that holds the project's row, so that of two at once each gets a number of its own.
    """
    [checkpoint] = take_several({project_id: reading or read_now(project_id)}, occasion, author, label)
    return checkpoint


def take_several(
    readings: Mapping[UUID, Reading], occasion: Occasion, author: str, label: str = ""
) -> list[Checkpoint]:
    """The same of several projects, as each was just read."""
    return _keep(readings, occasion, author, label) if readings else []


def read_now(project_id: UUID) -> Reading:
    """How a project stands, in one view of the database. Raises ``ProjectNotFound``."""
    found = readings(sql.result("mark", projects=[project_id]))
    if project_id not in found:
        raise ProjectNotFound(f"There is no project {project_id}.")
    return found[project_id]


def readings(marks: sql.Result) -> dict[UUID, Reading]:
    """The same of projects of which the statement "mark" has been run, by their ids."""
    return {
        row["id"]: Reading(_put_together(row), row["event"], row["transaction"], row["snapshot"])
        for row in marks.rows()
    }


def _put_together(row: Mapping[str, Any]) -> Mark:
    """The mark out of its parts, each of which came as a list of its own."""
    rows = json.loads(row["steps"])
    digests = {(key, round_): sha256 for key, round_, sha256 in json.loads(row["digests"])}
    asked = {phase: (approval, state == "approved") for phase, approval, state in json.loads(row["approvals"])}
    phases = json.loads(row["phases"])
    rounds = {key: round_ for key, _state, round_, *_ in phases}
    keys = {step: key for step, _parent, _phase, key, *_ in rows}
    needs: dict[str, list[str]] = {}
    for step, need in json.loads(row["needs"]):
        needs.setdefault(step, []).append(keys[need])
    items: dict[str, list[ItemMark]] = {}
    for _step, parent, phase, key, state, attempt, _on_failure, _generation in rows:
        if parent is not None:
            sha256 = digests.get((key, rounds[phase])) if state == "completed" else None
            items.setdefault(parent, []).append(ItemMark(StepState(state), attempt, sha256))
    steps: dict[str, list[StepMark]] = {}
    for step, parent, phase, key, state, attempt, on_failure, generation in rows:
        if parent is None:
            sha256 = digests.get((key, rounds[phase])) if state == "completed" else None
            told = (tuple(needs.get(step, ())), tuple(items.get(step, ())))
            mark = StepMark(key, StepState(state), attempt, sha256, on_failure, *told, generation)
            steps.setdefault(phase, []).append(mark)
    return Mark(
        ProjectState(row["state"]),
        row["plan_version"],
        json.loads(row["variables"]),
        tuple(
            PhaseMark(
                key,
                PhaseState(state),
                round_,
                base_round,
                tuple(comments),
                tuple(quality),
                *asked.get(key, (None, False)),
                tuple(steps.get(key, ())),
            )
            for key, state, round_, base_round, comments, quality in phases
        ),
    )


def find(*, project_id: UUID, number: int) -> Checkpoint:
    """A project's checkpoint of a number. Raises ``CheckpointNotFound``, naming those there are."""
    valid = 0 < number < 2**31
    if valid and (found := sql.instances(Checkpoint, "checkpoint", project=project_id, number=number)):
        return found[0]
    numbers = Checkpoint.objects.filter(project_id=project_id).order_by("-number").values_list("number", flat=True)
    there = f"There are 1 to {numbers[0]}." if numbers else "None was taken yet."
    raise CheckpointNotFound(f"Project {project_id} has no checkpoint {number}. {there}")


def read(checkpoint: Checkpoint) -> Reading:
    """What a checkpoint holds, verified. Raises ``CheckpointDamaged``, which names it."""
    try:
        content = json.loads(_unpacked(checkpoint))
        if content["format"] != FORMAT or content["project"] != str(checkpoint.project_id):
            raise _damaged(checkpoint, "it is of another format, or of another project")
        return Reading(from_json(content["mark"]), content["event"], content["transaction"], content["snapshot"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(checkpoint, "what it holds cannot be read") from None


def as_document(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a checkpoint holds, as JSON, verified. Raises ``CheckpointDamaged``."""
    document: dict[str, Any] = json.loads(_unpacked(checkpoint))
    return document


def at_event(*, project_id: UUID, event: int, number: int | None = None) -> tuple[Checkpoint, Mark]:
    """How a project stood after an event, and all that was committed with it; and the checkpoint that this is from.

    From the last checkpoint before the event, or from that of a number. Raises ``EventNotFound``,
    ``CheckpointNotFound``, ``CheckpointDamaged``, ``NotRebuildable``.
    """
    found = sql.rows("transaction_end", project=project_id, event=event) if 0 < event < 2**63 else []
    if not found:
        raise EventNotFound(_no_event(project_id, event))
    upto = found[0]["event"]
    base = _base(project_id, upto, number)
    reading = read(base)
    events = sql.rows(
        "events_between",
        project=project_id,
        upto=upto,
        event=reading.event,
        snapshot=reading.snapshot,
        transaction=reading.transaction,
    )
    try:
        return base, replay(reading.mark, (Happening(e["kind"], e["subject"], json.loads(e["data"])) for e in events))
    except NotReplayable as error:
        raise NotRebuildable(
            f"Between checkpoint {base.number} and event {event} of project {project_id} the plan was changed "
            f"({error}), which the history does not tell in full. Go back to a checkpoint instead."
        ) from None


def _no_event(project_id: UUID, event: int) -> str:
    missing = f"The history of project {project_id} has no event {event}."
    archives = history.archives_of(project_id)
    if not archives:
        return missing
    return (
        f"{missing} {archives[-1].last:,} events of it were archived, the last of them on {archives[-1].at:%Y-%m-%d}: "
        "to those nobody can go back any more. To a checkpoint one can, as it holds the whole state."
    )


def _base(project_id: UUID, upto: int, number: int | None) -> Checkpoint:
    if number is not None:
        base = find(project_id=project_id, number=number)
        if base.event > upto:
            raise EventNotFound(f"Checkpoint {number} is of event {base.event}, and so later than event {upto}.")
        return base
    before = Checkpoint.objects.filter(project_id=project_id, event__lte=upto)
    found = before.order_by("-event", "-number").first()
    if found is None:
        raise EventNotFound(f"No checkpoint of project {project_id} is as early as event {upto}.")
    return found


def _keep(readings: Mapping[UUID, Reading], occasion: Occasion, author: str, label: str) -> list[Checkpoint]:
    shared = {"occasion": occasion.value, "label": label[:200], "author": author[:200], "encoding": ENCODING}
    texts = [_text(project_id, reading) for project_id, reading in readings.items()]
    columns: dict[str, list[Any]] = {
        "event": [reading.event for reading in readings.values()],
        "plan_version": [reading.mark.plan_version for reading in readings.values()],
        "sha256": [hashlib.sha256(text).hexdigest() for text in texts],
        "size": [len(text) for text in texts],
        "content": [zlib.compress(text, _LEVEL) for text in texts],
    }
    several = {f"{name}s": values for name, values in columns.items()}
    rows = sql.rows("keep_checkpoints", projects=list(readings), **shared, **several)
    made = {row["project_id"]: row for row in rows}
    return [
        Checkpoint(**made[project_id], **shared, **{name: values[place] for name, values in columns.items()})
        for place, project_id in enumerate(readings)
    ]


def _text(project_id: UUID, reading: Reading) -> bytes:
    content = {
        "format": FORMAT,
        "project": str(project_id),
        "event": reading.event,
        "transaction": reading.transaction,
        "snapshot": reading.snapshot,
        "mark": to_json(reading.mark),
    }
    return canonical_text(content).encode()


def _unpacked(checkpoint: Checkpoint) -> bytes:
    """The text, never more of it than was put in. Raises ``CheckpointDamaged``."""
    if checkpoint.encoding != ENCODING:
        raise _damaged(checkpoint, f"it is packed by {checkpoint.encoding!r}, which is not known here")
    try:
        text = zlib.decompressobj().decompress(bytes(checkpoint.content), checkpoint.size + 1)
    except zlib.error:
        raise _damaged(checkpoint, "it cannot be unpacked") from None
    found = hashlib.sha256(text).hexdigest()
    if found != checkpoint.sha256:
        raise _damaged(checkpoint, f"its SHA-256 is {found}, where {checkpoint.sha256} was written down")
    return text


def _damaged(checkpoint: Checkpoint, why: str) -> CheckpointDamaged:
    return CheckpointDamaged(
        f"Checkpoint {checkpoint.number} of project {checkpoint.project_id} is not what was taken: {why}. "
        "It cannot be gone back to; take an earlier one, or an event after one.",
        number=checkpoint.number,
    )
