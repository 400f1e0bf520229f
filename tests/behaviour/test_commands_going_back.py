"""`checkpoints`, `rerun_project`, `import_snapshot` and `compare_projects`."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import Usage
from orchestrator_site.errors import Forbidden
from orchestrator_site.history import services as history
from projects.errors import (
    CheckpointNotFound,
    ProjectChanged,
    RefusedInState,
    SnapshotRefused,
    SnapshotTampered,
    StepNotFound,
)
from projects.models import Checkpoint, Project
from projects.services import control
from tests.builders import agent_that, drive, look, person, project_of, states

pytestmark = pytest.mark.django_db(transaction=True)

TWO = """
inputs: {type: object, properties: {who: {type: string, default: world}}}
phases:
  - key: one
    steps:
      - {key: a, agent: echo}
      - {key: b, agent: echo, needs: [a]}
  - key: two
    steps: [{key: c, agent: echo, params: {who: "${inputs.who}"}}]
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: {"said": context.params.get("who", "hello")}, "echo")


@pytest.fixture
def done() -> Project:
    return drive(project_of(TWO))


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_checkpoints_are_listed(done: Project) -> None:
    told = run_json("checkpoints", done.short_id)

    assert told["project"] == str(done.pk)
    assert [(each["number"], each["occasion"]) for each in told["checkpoints"]] == [
        (1, "start"),
        (2, "phase"),  # after the last phase the project stays as it is
    ]
    lines = run("checkpoints", str(done.pk)).splitlines()
    assert len(lines) == 2
    assert "after One" in lines[1]
    assert "None was taken yet." in run("checkpoints", str(project_of(TWO, started=False).pk))


def test_a_checkpoint_is_taken(done: Project) -> None:
    assert run_json("checkpoints", str(done.pk), "--take", "by hand")["checkpoint"]["label"] == "by hand"
    assert "Checkpoint 4" in run("checkpoints", str(done.pk), "--take", "again")


def test_going_back_is_previewed_and_done(done: Project) -> None:
    shown = run_json("checkpoints", str(done.pk), "--restore", "2", "--preview")["preview"]
    text = run("checkpoints", str(done.pk), "--restore", "2", "--preview")

    assert look(done).state == "completed"
    assert ([each["key"] for each in shown["steps_voided"]], len(shown["steps_kept"])) == (["c"], 2)
    assert "c (completed)" in text
    assert shown["digest"][:40] in text.replace("\n", "").replace(" ", "")

    restored = run_json("checkpoints", str(done.pk), "--restore", "2", "--digest", shown["digest"], "--reason", "why")

    assert restored["preview"]["digest"] == shown["digest"]
    assert restored["before"]["number"] == 3
    assert restored["project"]["state"] == "running"
    assert history.events_of(done.pk).get(kind="project.restored").data["reason"] == "why"
    assert drive(done).state == "completed"
    with pytest.raises(ProjectChanged) as raised:
        run("checkpoints", str(done.pk), "--restore", "2", "--digest", shown["digest"])
    assert raised.value.exit_status == 4


def test_going_back_to_an_event(done: Project) -> None:
    event = history.events_of(done.pk).get(kind="step.completed", subject="a").id
    control_paused = run("checkpoints", str(done.pk), "--restore-event", str(event))

    assert f"is back at event {event}: 1 steps are kept, 2 are void" in control_paused
    assert states(done)["a"] == "completed"
    assert drive(done).state == "completed"


@pytest.mark.parametrize(
    ("arguments", "refusal", "status"),
    [
        (["--restore", "9"], CheckpointNotFound, 3),
        (["--preview"], Usage, 2),
        (["--digest", "0" * 64], Usage, 2),
    ],
)
def test_what_is_wrong_is_told(done: Project, arguments: list[str], refusal: Any, status: int) -> None:
    with pytest.raises(refusal) as raised:
        run("checkpoints", str(done.pk), *arguments)
    assert raised.value.exit_status == status


def test_only_one_thing_is_done_at_once(done: Project) -> None:
    with pytest.raises(CommandError, match="not allowed with"):
        run("checkpoints", str(done.pk), "--take", "x", "--restore", "1")


def test_a_running_project_is_refused(done: Project) -> None:
    project = drive(project_of(TWO), steps=0)
    with pytest.raises(RefusedInState, match="pause it first") as raised:
        run("checkpoints", str(project.pk), "--restore", "1")
    assert raised.value.exit_status == 4


def test_users_do_what_they_may(done: Project) -> None:
    person("vera", groups=["viewer"])
    assert "phase" in run("checkpoints", str(done.pk), "--user", "vera", "--json")
    for arguments in (["--take", "x"], ["--restore", "1"]):
        with pytest.raises(Forbidden):
            run("checkpoints", str(done.pk), "--user", "vera", *arguments)
    with pytest.raises(Forbidden):
        run("rerun_project", str(done.pk), "--user", "vera")
    with pytest.raises(Forbidden):
        run("import_snapshot", "x.json", "--user", "vera")


def test_a_project_is_run_again(done: Project) -> None:
    told = run_json("rerun_project", done.short_id, "--from", "c")
    new = Project.objects.get(pk=told["project"]["id"])

    assert (told["rerun_of"], new.rerun_of) == (str(done.pk), done)
    assert (states(new)["b"], drive(new).state) == ("completed", "completed")
    assert str(done.short_id) in run("rerun_project", str(done.pk))
    with pytest.raises(StepNotFound) as raised:
        run("rerun_project", str(done.pk), "--from", "x")
    assert raised.value.exit_status == 3


def test_a_snapshot_goes_out_and_comes_in(done: Project, tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    run("snapshot_project", str(done.pk), "-o", str(file))

    told = run_json("import_snapshot", str(file))["snapshot"]
    again = run("import_snapshot", str(file))

    assert (told["project"], told["is_new"], told["sealed_events"]) == (str(done.pk), True, 0)
    assert "was kept already" in again
    file.write_text(file.read_text().replace("hello", "forged"))
    with pytest.raises(SnapshotTampered) as raised:
        run("import_snapshot", str(file))
    assert raised.value.exit_status == 2
    for wrong in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(SnapshotRefused):
            run("import_snapshot", str(wrong))


def test_two_projects_are_compared_whatever_they_are_of(done: Project) -> None:
    other = drive(project_of(TWO, {"who": "Ada"}))

    told = run_json("compare_projects", str(done.pk), str(other.pk))
    text = run("compare_projects", str(done.pk), str(other.pk))

    assert (told["a"], told["b"], told["comparison"]) == (str(done.pk), str(other.pk), None)
    assert told["differences"]["inputs"] == [{"name": "who", "a": "world", "b": "Ada"}]
    assert [pair["key"] for pair in told["differences"]["steps"] if pair["differs"]] == ["c"]
    assert "Ada" in text


def test_nothing_is_left_of_what_was_refused(done: Project) -> None:
    control.cancel(project_id=project_of(TWO).pk, actor=system_actor())
    cancelled = Project.objects.get(state="cancelled")
    with pytest.raises(RefusedInState, match="final"):
        run("checkpoints", str(cancelled.pk), "--restore", "1")
    assert not Checkpoint.objects.filter(occasion="restore").exists()
