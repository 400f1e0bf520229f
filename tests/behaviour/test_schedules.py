"""Projects that start by the clock: one a slot, whoever looks and however often."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection

from orchestrator_site.access.actors import system_actor
from orchestrator_site.errors import Forbidden
from orchestrator_site.history import services as history
from projects.blueprints.errors import InputsInvalid
from projects.blueprints.load import load_text
from projects.errors import BlueprintNotFound, ScheduleInvalid, ScheduleNameTaken, ScheduleNotFound
from projects.models import BlueprintVersion, Project, Schedule
from projects.services import creating, publishing, schedules
from projects.services.recovery import recover
from projects.services.registration import register_blueprint
from tests.builders import agent_that, as_actor, person

pytestmark = pytest.mark.django_db(transaction=True)

REPORT = """
name: report
version: {version}
title: Report
inputs: {{type: object, properties: {{who: {{type: string, default: all}}}}}}
phases: [{{key: one, steps: [{{key: write, agent: reporter}}]}}]
"""


@pytest.fixture(autouse=True)
def report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_publish", lambda signatures, steps: None)
    agent_that(lambda context: "written", "reporter")
    register_blueprint(loaded=load_text(REPORT.format(version=1)))


def made(name: str = "nightly", crontab: str = "0 * * * *", **options: Any) -> Schedule:
    given = {"blueprint": "report", "actor": system_actor(), **options}
    return schedules.create(name=name, crontab=crontab, **given)


def look(schedule: Schedule) -> Schedule:
    return Schedule.objects.get(pk=schedule.pk)


def kinds(schedule: Schedule) -> list[str]:
    return list(history.events_of(schedule.pk).order_by("id").values_list("kind", flat=True))


def test_a_slot_starts_one_project_and_moves_on_to_the_next() -> None:
    schedule = made(inputs={"who": "ada"}, priority="high", intent="the usual")
    slot = schedule.next_at
    assert slot > datetime.now(UTC)
    assert schedules.fire_due().started == 0

    assert schedules.fire_due(slot).started == 1

    project = Project.objects.get()
    assert (project.state, project.priority_name, project.intent) == ("running", "high", "the usual")
    assert project.inputs == {"who": "ada"}
    assert project.key == f"schedule:{schedule.pk}:{slot:%Y-%m-%dT%H:%MZ}"
    assert project.schedule == schedule
    assert look(schedule).next_at == slot + timedelta(hours=1)
    assert kinds(schedule) == ["schedule.created", "schedule.fired"]


def test_however_often_it_is_looked_at_there_is_one_project_a_slot() -> None:
    schedule = made()
    slot = schedule.next_at
    for _ in range(3):
        schedules.fire_due(slot)
        Schedule.objects.update(next_at=slot)  # as if the row had been restored from a backup

    assert Project.objects.count() == 1
    assert look(schedule).failure == ""


def test_two_who_look_at_once_start_one_project() -> None:
    for number in range(25):
        schedule = made(f"nightly {number}")
        barrier = threading.Barrier(2)

        def fire(slot: datetime = schedule.next_at, barrier: threading.Barrier = barrier) -> None:
            try:
                connection.ensure_connection()
                barrier.wait()
                schedules.fire_due(slot)
            finally:
                connection.close()

        threads = [threading.Thread(target=fire) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert Project.objects.filter(schedule=schedule).count() == 1, f"round {number}"
        assert look(schedule).next_at > schedule.next_at


@pytest.mark.parametrize(("catch_up", "projects"), [("skip", 0), ("latest", 1), ("all", 3)])
def test_what_passed_while_nobody_looked_is_made_up_for_as_it_is_said(catch_up: str, projects: int) -> None:
    schedule = made(catch_up=catch_up)

    schedules.fire_due(schedule.next_at + timedelta(hours=2, minutes=30))

    assert Project.objects.count() == projects
    assert look(schedule).next_at == schedule.next_at + timedelta(hours=3)


def test_many_missed_slots_are_started_in_several_passes() -> None:
    schedule = made(crontab="* * * * *", catch_up="all")
    now = schedule.next_at + timedelta(minutes=schedules.AT_ONCE + 4)

    assert [schedules.fire_due(now).started for _ in range(3)] == [schedules.AT_ONCE, 5, 0]


def test_a_slot_that_starts_nothing_says_why_and_the_next_one_goes() -> None:
    broken, sound = made("broken"), made("sound")
    BlueprintVersion.objects.create(name="other", version=1, title="", digest="", source="", definition={})
    Schedule.objects.filter(pk=broken.pk).update(blueprint="gone")
    slot = max(broken.next_at, sound.next_at)

    found = schedules.fire_due(slot)

    assert (found.started, found.failed) == (1, 1)
    assert "There is no blueprint 'gone'" in look(broken).failure
    assert look(broken).next_at > slot
    failed = history.events_of(broken.pk).get(kind="schedule.failed")
    assert failed.data["code"] == "blueprint_not_found"
    Schedule.objects.filter(pk=broken.pk).update(blueprint="report")
    schedules.fire_due(slot + timedelta(hours=1))
    assert look(broken).failure == ""
    assert Project.objects.filter(schedule=broken).count() == 1


def test_a_failure_that_nobody_foresaw_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    made("a"), made("b")
    real = creating.create_project

    def flaky(**options: Any) -> creating.Created:
        if not Schedule.objects.exclude(failure="").exists():
            raise ZeroDivisionError("nobody thought of this")
        return real(**options)

    monkeypatch.setattr(creating, "create_project", flaky)

    found = schedules.fire_due(datetime.now(UTC) + timedelta(hours=1))

    assert (found.started, found.failed) == (1, 1)
    assert "nobody thought of this" in Schedule.objects.exclude(failure="").get().failure


def test_the_next_slot_takes_the_latest_version_unless_one_is_named() -> None:
    free, pinned = made("free"), made("pinned", blueprint="report@1")
    register_blueprint(loaded=load_text(REPORT.format(version=2)))

    schedules.fire_due(free.next_at)

    assert Project.objects.get(schedule=free).blueprint.version == 2
    assert Project.objects.get(schedule=pinned).blueprint.version == 1


def test_who_has_lost_the_right_to_start_projects_starts_none_by_the_clock() -> None:
    sam = person("sam", may=["start_project"])
    schedule = made(actor=as_actor(sam))
    sam.user_permissions.clear()

    schedules.fire_due(schedule.next_at)

    assert not Project.objects.exists()
    assert "has not the right project.start" in look(schedule).failure


def test_recovery_looks_at_schedules_too() -> None:
    schedule = made()
    Schedule.objects.update(next_at=datetime.now(UTC) - timedelta(seconds=5))

    assert recover().projects_started == 1
    assert Project.objects.filter(schedule=schedule).exists()


def test_a_slot_is_by_the_clock_of_its_zone() -> None:
    schedule = made(crontab="30 2 * * *", timezone="Europe/Berlin")

    local = schedule.next_at.astimezone(ZoneInfo("Europe/Berlin"))

    assert (local.hour, local.minute) in {(2, 30), (3, 0)}
    assert schedule.next_at.tzinfo is not None


# --- changing -------------------------------------------------------------------------------------------------------


def test_a_disabled_schedule_starts_nothing_and_what_passed_is_not_made_up_for() -> None:
    schedule = made(catch_up="all")
    schedules.change(schedule=schedule, actor=system_actor(), enabled=False, reason="holidays")
    assert schedules.fire_due(schedule.next_at + timedelta(hours=5)).started == 0
    Schedule.objects.update(next_at=datetime.now(UTC) - timedelta(days=9))

    schedules.change(schedule=look(schedule), actor=system_actor(), enabled=True)

    assert look(schedule).next_at > datetime.now(UTC)
    assert schedules.fire_due().started == 0
    assert kinds(schedule) == ["schedule.created", "schedule.changed", "schedule.changed"]


def test_one_that_is_broken_can_still_be_disabled() -> None:
    schedule = made()
    Schedule.objects.update(blueprint="gone")

    assert not schedules.change(schedule=schedule, actor=system_actor(), enabled=False).enabled
    with pytest.raises(BlueprintNotFound):
        schedules.change(schedule=schedule, actor=system_actor(), enabled=True)


def test_another_crontab_counts_from_now() -> None:
    schedule = made()

    changed = schedules.change(schedule=schedule, actor=system_actor(), crontab="0 0 1 1 *", timezone="Asia/Tokyo")

    assert (changed.next_at.month, changed.next_at.day, changed.next_at.hour) == (12, 31, 15)


def test_somebody_elses_schedule_is_changed_with_the_right_to_control_only() -> None:
    sam, kim = (as_actor(person(name, may=["start_project"])) for name in ("sam", "kim"))
    operator = as_actor(person("oskar", groups=["operator"]))
    schedule = made(actor=sam)

    with pytest.raises(ScheduleNotFound):
        schedules.find(name_or_id=schedule.name, actor=kim)
    with pytest.raises(Forbidden):
        schedules.change(schedule=schedule, actor=kim, intent="mine")
    with pytest.raises(Forbidden):
        schedules.remove(schedule=schedule, actor=kim)
    assert schedules.change(schedule=schedule, actor=operator, intent="ours").intent == "ours"
    schedules.remove(schedule=schedule, actor=sam)
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("options", "refusal", "said"),
    [
        ({"crontab": "* * *"}, ScheduleInvalid, "five fields"),
        ({"crontab": "61 * * * *"}, ScheduleInvalid, "no crontab"),
        ({"crontab": "x * * * *"}, ScheduleInvalid, "no crontab"),
        ({"crontab": "*/0 * * * *"}, ScheduleInvalid, "no crontab"),
        ({"crontab": "0 0 30 2 *"}, ScheduleInvalid, "never|no moment"),
        ({"crontab": f"{'1,' * 200}1 * * * *"}, ScheduleInvalid, "too long"),
        ({"timezone": "Europe/Berlim"}, ScheduleInvalid, "Did you mean 'Europe/Berlin'"),
        ({"timezone": "../../etc/passwd"}, ScheduleInvalid, "no time zone"),
        ({"blueprint": "rapport"}, BlueprintNotFound, "rapport"),
        ({"blueprint": "/etc/passwd.yaml"}, ScheduleInvalid, "no name of a blueprint"),
        ({"blueprint": "secret.yaml"}, ScheduleInvalid, "no name of a blueprint"),
        ({"blueprint": "requirements-extraction"}, ScheduleInvalid, "needs documents"),
        ({"inputs": {"whom": "ada"}}, InputsInvalid, "whom"),
        ({"priority": "urgent"}, ScheduleInvalid, "urgent"),
        ({"catch_up": "some"}, ScheduleInvalid, "some"),
        ({"name": " "}, ScheduleInvalid, "name"),
        ({"name": "a/b"}, ScheduleInvalid, "name"),
    ],
)
def test_one_that_could_never_start_anything_is_refused(options: dict[str, Any], refusal: type, said: str) -> None:
    with pytest.raises(refusal, match=said):
        made(**options)
    assert not Schedule.objects.exists()


def test_a_name_is_taken_once() -> None:
    made()
    with pytest.raises(ScheduleNameTaken):
        made()


# --- commands -------------------------------------------------------------------------------------------------------


def run(*arguments: str) -> Any:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_schedules_are_made_listed_and_steered_by_command(tmp_path: Path) -> None:
    path = tmp_path / "report.yaml"
    path.write_text(REPORT.format(version=3))
    arguments = ["--input", "who=ada", "--tz", "Europe/Berlin", "--catch-up", "skip", "--priority", "low"]

    found = run("schedule", "nightly", str(path), "*/5 * * * *", *arguments)["schedule"]

    assert (found["blueprint"], found["crontab"], found["timezone"]) == ("report@3", "*/5 * * * *", "Europe/Berlin")
    assert (found["inputs"], found["catch_up"], found["priority"]) == ({"who": "ada"}, "skip", "low")
    assert [each["enabled"] for each in run("schedules", "--disable", "nightly")["schedules"]] == [False]
    assert [each["enabled"] for each in run("schedules", "--enable", "nightly")["schedules"]] == [True]
    out = StringIO()
    call_command("schedules", stdout=out)
    assert "nightly" in out.getvalue()
    assert run("schedules", "--remove", "nightly") == {"schedules": []}
    run("schedule", "hourly", str(path), "*/5 * * * *", *arguments)
    told = StringIO()
    call_command("schedules", "--remove", "hourly", stdout=told)
    assert told.getvalue().startswith("Schedule 'hourly' is removed; the projects that it started stay.")
