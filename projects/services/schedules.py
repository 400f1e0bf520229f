"""Schedules: projects that start by the clock, one a slot, whoever looks and however often."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django_celery_beat.models import CrontabSchedule

from orchestrator_site import database
from orchestrator_site.access.actors import Actor, actor_of, system_actor
from orchestrator_site.errors import Forbidden, PhasegateError
from orchestrator_site.history import services as history
from orchestrator_site.storable import refuse_unstorable, said_by
from projects.blueprints.inputs import validate_inputs
from projects.errors import ScheduleInvalid, ScheduleNameTaken, ScheduleNotFound
from projects.models import Project, Schedule
from projects.models.project import Priority
from projects.models.schedule import CatchUp
from projects.planning import scheduling
from projects.services import control, creating, crontabs
from projects.services.registration import definition_of, find_blueprint
from projects.states import ProjectState

logger = logging.getLogger(__name__)

AT_ONCE = 20
"""So many slots of one schedule are started in a pass; those left follow in the next."""
BATCH = 100
_BLUEPRINT = re.compile(r"[a-z0-9][a-z0-9_.-]*(@[0-9]{1,9})?")
_NAME = re.compile(r"[^\s/][^/\x00-\x1f]{0,99}")


@dataclass(slots=True)
class Fired:
    """What one pass started."""

    started: int = 0
    failed: int = 0


# --- by people --------------------------------------------------------------------------------------------------------


def create(
    *,
    name: str,
    blueprint: str,
    crontab: str,
    actor: Actor,
    timezone: str = "UTC",
    inputs: Mapping[str, Any] | None = None,
    intent: str = "",
    priority: str = "normal",
    catch_up: str = CatchUp.LATEST,
    enabled: bool = True,
) -> Schedule:
    """Start a project of a blueprint at each slot of a crontab, in the name of the actor, from the next slot on.

    ``blueprint`` is a name, of which each slot takes the latest version, or ``name@version``. Raises
    ``ScheduleInvalid``, ``ScheduleNameTaken``, ``BlueprintNotFound``, ``InputsInvalid``, ``CapabilityMissing``.
    """
    actor.require("project.start")
    schedule = Schedule(
        name=name.strip(),
        blueprint=blueprint,
        inputs=dict(inputs or {}),
        intent=intent,
        priority=priority,
        crontab=crontabs.read(crontab, timezone),
        catch_up=catch_up,
        owner_id=actor.user_id,
        enabled=enabled,
    )
    _check(schedule)
    with transaction.atomic():
        _save(schedule, moved=True)
        _note(schedule, "schedule.created", actor.name, **_told(schedule))
    return schedule


def change(*, schedule: Schedule, actor: Actor, reason: str = "", **wanted: Any) -> Schedule:
    """Change what is named of ``name``, ``blueprint``, ``crontab``, ``timezone``, ``inputs``, ``intent``, ``priority``,
    ``catch_up``, ``enabled``.

    Another crontab, and being enabled again, counts from now: what passed meanwhile is not made up for. Raises what
    ``create`` raises, and ``Forbidden`` where the schedule is somebody else's.
    """
    _check_right(schedule, actor)
    with transaction.atomic():
        locked = (
            Schedule.objects.select_for_update(of=("self",)).select_related("crontab").filter(pk=schedule.pk).first()
        )
        if locked is None:
            raise ScheduleNotFound(f"There is no schedule {schedule.name!r} any more.")
        before, was_enabled = _told(locked), locked.enabled
        text, zone = wanted.pop("crontab", None), wanted.pop("timezone", None)
        for field, value in wanted.items():
            setattr(locked, field, value)
        if text is not None or zone is not None:
            present = crontabs.written(locked.crontab), str(locked.crontab.timezone)
            locked.crontab = crontabs.read(text or present[0], zone or present[1])
        if locked.enabled or set(wanted) - {"enabled"}:
            _check(locked)  # to be disabled, it need not be right
        moved = text is not None or zone is not None or (locked.enabled and not was_enabled)
        _save(locked, moved=moved)
        _note(locked, "schedule.changed", actor.name, before=before, after=_told(locked), reason=reason)
    return locked


def remove(*, schedule: Schedule, actor: Actor, reason: str = "") -> None:
    """Remove it; the projects that it started stay. Raises ``Forbidden``."""
    _check_right(schedule, actor)
    with transaction.atomic():
        _note(schedule, "schedule.removed", actor.name, reason=reason, **_told(schedule))
        Schedule.objects.filter(pk=schedule.pk).delete()


def visible_to(actor: Actor) -> Any:
    """Those the actor may see: all with the right to read projects, else their own."""
    found = Schedule.objects.select_related("crontab", "owner")
    if actor.may("project.read"):
        return found
    return found.none() if actor.user_id is None else found.filter(owner_id=actor.user_id)


def find(*, name_or_id: str | UUID, actor: Actor) -> Schedule:
    """The schedule of a name or an id. Raises ``ScheduleNotFound``."""
    visible = visible_to(actor)
    try:
        found: Schedule | None = visible.filter(pk=UUID(str(name_or_id))).first()
    except ValueError:
        found = visible.filter(name=name_or_id).first()
    if found is None:
        raise ScheduleNotFound(f"There is no schedule {str(name_or_id)[:100]!r}.")
    return found


# --- by the clock -----------------------------------------------------------------------------------------------------


def fire_due(now: datetime | None = None) -> Fired:
    """Start the projects of every slot that has come, by the database's clock unless ``now`` is given.

    A schedule that another pass works on is passed over. The project and the next slot are one transaction; and the
    slot is the project's key, so that there is one project a slot in any case.
    """
    moment = now or _database_now()
    fired = Fired()
    come = Schedule.objects.filter(enabled=True, next_at__lte=moment).order_by("next_at")
    for pk in list(come.values_list("pk", flat=True)[:BATCH]):
        try:
            with transaction.atomic():
                _fire(pk, moment, fired)
        except Exception as error:
            if database.is_away(error) and not database.is_held(error):
                raise  # nothing was written, and the slot is still to come
            # One broken schedule must not keep the others from theirs.
            logger.exception("schedule %s could not be looked at", pk)
            fired.failed += 1
    return fired


def _fire(pk: UUID, now: datetime, fired: Fired) -> None:
    schedule = (
        Schedule.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("crontab", "owner")
        .filter(pk=pk, enabled=True, next_at__lte=now)
        .first()
    )
    if schedule is None:
        return
    found = scheduling.due(
        schedule.next_at,
        now,
        crontabs.following(schedule.crontab),
        catch_up=schedule.catch_up,
        most=AT_ONCE,
    )
    for slot in found.fire:
        schedule.failure = _start(schedule, slot)
        fired.failed += bool(schedule.failure)
        fired.started += not schedule.failure
    schedule.next_at = found.next_at
    schedule.save(update_fields=["next_at", "failure"])


def _start(schedule: Schedule, slot: datetime) -> str:
    """Make and begin the project of a slot; why not, in words, where it cannot be."""
    try:
        with transaction.atomic():
            project = _project(schedule, slot)
            _note(schedule, "schedule.fired", "schedule", slot=slot.isoformat(), project=str(project.pk))
        return ""
    except (OperationalError, InterfaceError):
        raise
    except PhasegateError as error:
        reason, code = said_by(error), error.code
    except Exception as error:
        logger.exception("schedule %s could not start its slot %s", schedule.name, slot)
        reason, code = f"{type(error).__name__}: {said_by(error)}", "internal_error"
    logger.error("schedule %s started nothing at %s: %s", schedule.name, slot.isoformat(), reason)
    _note(schedule, "schedule.failed", "schedule", slot=slot.isoformat(), code=code, reason=reason[:4000])
    return f"{slot:%Y-%m-%d %H:%M} UTC: {reason}"[:4000]


def _project(schedule: Schedule, slot: datetime) -> Project:
    actor = actor_of(schedule.owner, via="schedule") if schedule.owner is not None else system_actor()
    actor.require("project.start")
    created = creating.create_project(
        blueprint=find_blueprint(schedule.blueprint),
        actor=actor,
        inputs=schedule.inputs,
        intent=schedule.intent,
        priority=schedule.priority,
        key=f"schedule:{schedule.pk}:{slot.astimezone(UTC):%Y-%m-%dT%H:%MZ}",
    )
    if created.is_new:
        Project.objects.filter(pk=created.project.pk).update(schedule=schedule)
    if created.project.state == ProjectState.PENDING:
        control.start(project_id=created.project.pk, actor=actor)
    return created.project


def _database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


# --- checking and writing ---------------------------------------------------------------------------------------------


def _check(schedule: Schedule) -> None:
    """Whether a slot could start a project now, as far as that can be known beforehand."""
    refuse_unstorable(name=schedule.name, blueprint=schedule.blueprint, inputs=schedule.inputs, intent=schedule.intent)
    if not _NAME.fullmatch(schedule.name):
        raise ScheduleInvalid("A schedule needs a name of 1 to 100 characters, without a slash.")
    # A path names a blueprint too, and is for those who have a shell here.
    if not _BLUEPRINT.fullmatch(schedule.blueprint) or schedule.blueprint.endswith((".yaml", ".yml")):
        raise ScheduleInvalid(f"{schedule.blueprint!r} is no name of a blueprint: give `name` or `name@2`.")
    if schedule.priority.upper() not in Priority.__members__:
        raise ScheduleInvalid(f"There is no priority {schedule.priority!r}.")
    if schedule.catch_up not in CatchUp.values:
        raise ScheduleInvalid(f"{schedule.catch_up!r} is none of {', '.join(CatchUp.values)}.")
    definition = definition_of(find_blueprint(schedule.blueprint))
    if definition.documents is not None and definition.documents.min > 0:
        raise ScheduleInvalid(f"Blueprint {definition.name!r} needs documents, and a schedule has none to give.")
    validate_inputs(definition, schedule.inputs)


def _check_right(schedule: Schedule, actor: Actor) -> None:
    """One's own, or with the right to control projects: whoever changes a schedule starts projects by it."""
    actor.require("project.start")
    mine = schedule.owner_id is not None and schedule.owner_id == actor.user_id
    if not mine and not actor.may("project.control"):
        raise Forbidden(f"Schedule {schedule.name!r} is somebody else's: that needs the right project.control.")


def _save(schedule: Schedule, *, moved: bool) -> None:
    if schedule.crontab._state.adding:
        schedule.crontab.save()
        schedule.crontab = CrontabSchedule.objects.get(pk=schedule.crontab.pk)
    if moved:
        schedule.next_at = crontabs.following(schedule.crontab)(_database_now())
    try:
        with transaction.atomic():
            schedule.save()
    except IntegrityError as error:
        if "name" not in str(error):
            raise
        raise ScheduleNameTaken(f"There is a schedule {schedule.name!r} already.") from None


def _told(schedule: Schedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "blueprint": schedule.blueprint,
        "crontab": crontabs.written(schedule.crontab),
        "timezone": str(schedule.crontab.timezone),
        "inputs": schedule.inputs,
        "intent": schedule.intent,
        "priority": schedule.priority,
        "catch_up": schedule.catch_up,
        "enabled": schedule.enabled,
    }


def _note(schedule: Schedule, kind: str, actor: str, **data: Any) -> None:
    history.append(schedule.pk, kind, actor=actor, subject=schedule.name, data=data)
