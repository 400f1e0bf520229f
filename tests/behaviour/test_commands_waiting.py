"""`signal_project`, many projects at once, `--deadline`, and what `project_status` says of what waits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from orchestrator_site.access.actors import system_actor
from orchestrator_site.access.errors import CapabilityMissing
from orchestrator_site.commanding.output import REFUSED, Usage
from projects.errors import ProjectNotFound, RefusedInState, SignalInvalid, SignalKeyTaken
from projects.models import Project, Signal
from projects.services import control, many
from tests.builders import agent_that, as_actor, drive, look, person, project_of, result

pytestmark = pytest.mark.django_db(transaction=True)

WAITS = """
phases:
  - key: one
    steps:
      - {key: arrived, kind: wait, wait: {signal: delivered}}
      - {key: after, agent: echo, needs: [arrived], params: {say: "${results.arrived}"}}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


def waits(**options: Any) -> Project:
    return drive(project_of(WAITS, **options))


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def refused(arguments: Sequence[str]) -> tuple[int, Any]:
    """The exit status of a command that does not raise, and the document that it wrote."""
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command(*arguments, "--json", stdout=out, stderr=StringIO())
    return int(str(ended.value.code)), json.loads(out.getvalue())


# --- signals


def test_a_signal_is_sent_with_its_payload() -> None:
    project = waits()
    told = run_json("signal_project", project.short_id, "delivered", "--payload", '{"parcels": 3}')

    assert told["is_new"] is True
    assert told["signal"]["payload"] == {"parcels": 3}
    drive(project)
    assert result(project, "after") == {"parcels": 3}


def test_a_signal_of_the_same_key_is_sent_once() -> None:
    project = waits()
    for is_new in (True, False):
        told = run_json("signal_project", str(project.pk), "other", "--payload", "1", "--key", "k")
        assert told["is_new"] is is_new
    assert "was sent already, by system" in run(
        "signal_project", str(project.pk), "other", "--payload", "1", "--key", "k"
    )
    with pytest.raises(SignalKeyTaken):
        run("signal_project", str(project.pk), "other", "--key", "k")
    assert Signal.objects.count() == 1


def test_a_signal_that_cannot_be_sent_is_refused() -> None:
    project = waits()
    with pytest.raises(Usage, match="no JSON"):
        run("signal_project", str(project.pk), "delivered", "--payload", "three parcels")
    with pytest.raises(SignalInvalid):
        run("signal_project", str(project.pk), "Delivered!")
    with pytest.raises(ProjectNotFound):
        run("signal_project", "00000000", "delivered")
    with pytest.raises(CapabilityMissing):
        run("signal_project", str(project.pk), "delivered", "--user", person("nobody").username)
    control.cancel(project_id=project.pk, actor=system_actor())
    with pytest.raises(RefusedInState):
        run("signal_project", str(project.pk), "delivered")


# --- many at once


def test_several_are_named_one_after_another() -> None:
    first, second = waits(), waits()
    told = run("pause_project", first.short_id, str(second.pk), "--reason", "the supplier is down")

    assert "2 of 2 projects paused." in told
    assert told.count("drained at") == 2
    assert [look(each).directive for each in (first, second)] == ["pause", "pause"]
    outcomes = run_json("resume_project", str(first.pk), str(second.pk))["results"]
    assert [each["done"] for each in outcomes] == [True, True]


def test_one_that_refuses_does_not_stop_the_others_and_is_told_by_the_status() -> None:
    first, second = waits(), waits()
    control.pause(project_id=first.pk, actor=system_actor())

    status, told = refused(["pause_project", str(first.pk), str(second.pk)])

    assert status == REFUSED
    assert [(each["done"], each["code"]) for each in told["results"]] == [(False, "refused_in_state"), (True, None)]
    assert look(second).directive == "pause"


def test_a_signal_that_no_step_waits_for_is_sent_and_said_to_be_waited_for_by_none() -> None:
    project, err = waits(), StringIO()

    call_command("signal_project", str(project.pk), "delivred", stdout=StringIO(), stderr=err)
    assert "No step of its plan waits for 'delivred'." in err.getvalue()
    assert run_json("signal_project", str(project.pk), "delivered")["is_awaited"] is True


def test_one_that_is_named_alone_is_told_whole_and_its_refusal_is_the_commands() -> None:
    project = waits()
    assert run_json("pause_project", str(project.pk))["project"]["directive"] == "pause"
    with pytest.raises(RefusedInState):
        run("pause_project", str(project.pk))


def test_all_are_chosen_by_blueprint_and_owner() -> None:
    mine, others = waits(actor=as_actor(person("olga"))), waits()

    told = run_json("pause_project", "--all", "--owner", "olga")
    assert [each["id"] for each in told["results"]] == [str(mine.pk)]
    assert run("pause_project", "--all", "--owner", "nobody") == "There is none.\n"
    assert run_json("pause_project", "--all", "--blueprint", "under-test")["results"][0]["id"] == str(others.pk)
    assert len(run_json("resume_project", "--all")["results"]) == 2
    assert "2 of 2 projects cancelled." in run("cancel_project", "--all", "--yes", "--force")
    assert {look(each).state for each in (mine, others)} == {"cancelled"}


def test_all_goes_on_after_the_first_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "MOST", 2)
    for _ in range(5):
        waits()
    told = run_json("pause_project", "--all")
    assert len(told["results"]) == 5
    assert told["left"] == 0


@pytest.mark.parametrize("arguments", [[], ["12345678", "--all"], ["12345678", "--owner", "olga"]])
def test_which_are_meant_must_be_clear(arguments: list[str]) -> None:
    with pytest.raises(Usage):
        run("cancel_project", *arguments)


def test_what_was_made_to_begin_later_begins_by_name_or_all_at_once(tmp_path: Path) -> None:
    path = tmp_path / "later.yaml"
    path.write_text(f"name: later\nversion: 1\ntitle: Later\n{WAITS.lstrip()}")
    told = run("start_project", str(path), "--later")
    assert "is made." in told
    assert "begin_project" in told
    ids = [run_json("start_project", str(path), "--later", "--key", key)["project"]["id"] for key in "abc"]
    assert set(Project.objects.values_list("state", flat=True)) == {"pending"}

    assert run_json("begin_project", ids[0])["project"]["state"] == "running"
    assert "3 of 3 projects started." in run("begin_project", "--all", "--blueprint", "later")
    assert set(Project.objects.values_list("state", flat=True)) == {"running"}

    status, outcomes = refused(["begin_project", ids[0], ids[1]])
    assert status == REFUSED
    assert [each["code"] for each in outcomes["results"]] == ["refused_in_state"] * 2
    with pytest.raises(Usage, match="--later"):
        run("start_project", str(path), "--later", "--wait")
    with pytest.raises(CapabilityMissing):
        run("begin_project", ids[0], "--user", person("nobody").username)


def test_of_several_that_are_named_all_must_be_there_before_any_is_steered() -> None:
    project = waits()
    with pytest.raises(ProjectNotFound):
        run("pause_project", str(project.pk), "00000000")
    assert look(project).directive == "run"


# --- deadlines, and why


def test_a_project_is_started_with_a_deadline(tmp_path: Path) -> None:
    blueprint = tmp_path / "waits.yaml"
    blueprint.write_text(f"name: waits\nversion: 1\ntitle: Waits\n{WAITS}")

    told = run_json("start_project", str(blueprint), "--deadline", "2h")["project"]

    project = Project.objects.get(pk=told["id"])
    assert project.deadline is not None
    assert told["deadline"] == project.deadline.isoformat()
    assert 7190 < (project.deadline - project.created_at).total_seconds() < 7210
    assert f"{project.deadline:%Y-%m-%d %H:%M}" in run("project_status", project.short_id)


def test_the_status_of_a_project_says_of_each_step_why_it_waits() -> None:
    project = waits()
    told = run_json("project_status", str(project.pk))

    assert [each["key"] for each in told["waiting"]] == ["arrived", "after"]
    assert "waits for the signal 'delivered'" in told["waiting"][0]["why"]
    assert told["waiting"][1]["why"].startswith("after needs arrived to be through, and waits since ")
    assert told["progress"]["next_action"] == told["waiting"][0]["why"]
    shown = run("project_status", str(project.pk))
    assert "Steps that do not run, and why" in shown
    assert "waits for the signal" in shown


def test_the_status_of_a_paused_project_says_how_far_it_is() -> None:
    project = waits()
    run("pause_project", str(project.pk))
    told = run_json("project_status", str(project.pk))

    assert told["project"]["drained_at"] is not None
    assert (told["progress"]["running_at_pause"], told["progress"]["draining"]) == (0, 0)
    assert "drained at" in told["progress"]["next_action"]
    assert "Paused since" in told["waiting"][0]["why"]


def test_nothing_waits_in_a_project_that_is_over() -> None:
    project = waits()
    run("cancel_project", str(project.pk))
    assert run_json("project_status", str(project.pk))["waiting"] == []
