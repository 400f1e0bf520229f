"""What destroys something is shown on a terminal and asked for; scripts go on as they did, but for all at once."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import Usage
from projects.errors import ProjectChanged, RefusedInState
from projects.models import Project
from projects.services import control, many, many_previews, rerunning
from tests.builders import agent_that, as_actor, drive, look, person, project_of

pytestmark = pytest.mark.django_db(transaction=True)

WAITS = "phases: [{key: one, steps: [{key: a, agent: echo}, {key: w, kind: wait, wait: {for: 1h}, needs: [a]}]}]"

Says = Callable[[str], None]


class Terminal(io.StringIO):
    """A person who types."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(spend, "echo")


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> Says:
    return lambda text: monkeypatch.setattr(sys, "stdin", Terminal(text))


def spend(context: Any) -> str:
    context.record_usage(100, 20, 0.25)
    return "done"


def waits(**options: Any) -> Project:
    return drive(project_of(WAITS, **options))


def run(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def states(*projects: Project) -> list[str]:
    return [look(each).state for each in projects]


# --- all at once --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("--json",), ("--owner", "olga")])
def test_all_projects_are_never_ended_without_a_yes(arguments: tuple[str, ...]) -> None:
    project = waits(actor=as_actor(person("olga")))

    with pytest.raises(Usage, match="--all ends every project that it fits: say --yes"):
        run("cancel_project", "--all", *arguments)
    assert states(project) == ["running"]


def test_with_a_yes_all_projects_are_ended() -> None:
    both = waits(), waits()

    assert "2 of 2 projects cancelled." in run("cancel_project", "--all", "--yes")[0]
    assert states(*both) == ["cancelled", "cancelled"]


def test_the_preview_of_all_says_how_many_which_and_what_is_lost() -> None:
    first, second = waits(), waits()

    shown = run("cancel_project", "--all", "--preview")[0]
    told = json.loads(run("cancel_project", "--all", "--preview", "--json")[0])["preview"]

    assert shown.startswith("cancel 2 projects\n")
    assert all(str(each.pk)[-12:] in shown for each in (first, second))
    assert "2 attempts, 240 tokens, cost 0.5" in shown
    assert [each["id"] for each in told["projects"]] == [str(first.pk), str(second.pk)]
    assert (told["undone"], told["running"], told["spent"]["attempts"]) == (2, 0, 2)
    assert states(first, second) == ["running", "running"]


@pytest.mark.parametrize(("typed", "then"), [("2\n", "cancelled"), ("y\n", "running"), ("1\n", "running")])
def test_on_a_terminal_their_number_is_to_be_typed(says: Says, typed: str, then: str) -> None:
    both = waits(), waits()
    says(typed)

    out, err = run("cancel_project", "--all")

    assert "Type 2 to do it: " in err
    assert states(*both) == [then, then]
    assert ("Nothing was cancelled." in err) == (then == "running")
    assert ("2 of 2 projects cancelled." in out) == (then == "cancelled")


def test_confirming_reaches_the_projects_that_were_seen_and_is_refused_where_there_are_others() -> None:
    waits()
    seen = many_previews.preview_cancel(actor=system_actor())
    later = waits()

    with pytest.raises(ProjectChanged):
        run("cancel_project", "--all", "--digest", seen.digest)
    control.cancel(project_id=later.pk, actor=system_actor())
    assert "1 of 1 projects cancelled." in run("cancel_project", "--all", "--digest", seen.digest)[0]


def test_that_a_step_gets_on_meanwhile_is_no_other_project() -> None:
    project = drive(project_of(WAITS), steps=0)
    seen = many_previews.preview_cancel(actor=system_actor())
    drive(project)

    assert many_previews.cancel_seen(actor=system_actor(), digest=seen.digest).all_done
    assert states(project) == ["cancelled"]


def test_more_than_one_call_takes_are_ended_by_one_yes(says: Says, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "MOST", 1)
    three = [waits() for _ in range(3)]
    says("3\n")

    run("cancel_project", "--all")

    assert set(states(*three)) == {"cancelled"}


def test_where_there_is_none_nothing_is_asked(says: Says) -> None:
    says("")

    assert run("cancel_project", "--all")[0] == "There is none.\n"


# --- one --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "then"), [("y\n", "cancelled"), ("\n", "running")])
def test_on_a_terminal_a_cancel_is_shown_and_asked_for(says: Says, typed: str, then: str) -> None:
    project = waits()
    says(typed)

    err = run("cancel_project", project.short_id)[1]

    assert "Not done" in err
    assert "Do it? [y/N]" in err
    assert states(project) == [then]


@pytest.mark.parametrize("arguments", [("--yes",), ("--json",)])
def test_who_says_yes_or_wants_json_is_not_asked(says: Says, arguments: tuple[str, ...]) -> None:
    project = waits()
    says("n\n")

    run("cancel_project", project.short_id, *arguments)

    assert states(project) == ["cancelled"]


def test_several_that_are_named_are_asked_for_together(says: Says) -> None:
    both = waits(), waits()
    says("y\n")

    err = run("cancel_project", *(str(each.pk) for each in both))[1]

    assert "cancel 2 projects" in err
    assert states(*both) == ["cancelled", "cancelled"]


# --- going back -------------------------------------------------------------------------------------


def paused() -> Project:
    project = waits()
    return control.pause(project_id=project.pk, actor=system_actor())


@pytest.mark.parametrize(("typed", "done"), [("y\n", True), ("n\n", False)])
def test_on_a_terminal_going_back_is_shown_and_asked_for(says: Says, typed: str, done: bool) -> None:
    project = paused()
    says(typed)

    out, err = run("checkpoints", project.short_id, "--restore", "1")

    assert "Do it? [y/N]" in err
    assert ("is back at checkpoint 1" in out) == done
    assert ("Nothing was changed." in err) == (not done)


def test_a_script_goes_back_as_it_always_did() -> None:
    assert "is back at checkpoint 1" in run("checkpoints", paused().short_id, "--restore", "1")[0]


def test_what_cannot_be_done_now_is_refused_and_not_asked_for(says: Says) -> None:
    project = waits()
    says("y\n")

    with pytest.raises(RefusedInState, match="pause it first"):
        run("checkpoints", project.short_id, "--restore", "1")
    out, err = run("checkpoints", project.short_id, "--restore", "1", "--preview")
    assert "Not now" in out
    assert "Confirm it with" not in err


# --- running again ----------------------------------------------------------------------------------

CHAIN = "phases: [{key: p, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]"


def test_the_preview_of_running_again_says_what_is_kept_what_is_done_again_and_what_that_cost() -> None:
    earlier = drive(project_of(CHAIN))

    told = json.loads(run("rerun_project", earlier.short_id, "--from", "b", "--preview", "--json")[0])["preview"]

    assert (told["kept"], told["again"]) == (["a"], ["b"])
    assert told["cost"] == {"attempts": 1, "tokens_in": 100, "tokens_out": 20, "cost": 0.25}
    assert Project.objects.count() == 1
    made = rerunning.rerun(project_id=earlier.pk, actor=system_actor(), from_step="b", preview_digest=told["digest"])
    assert made.rerun_of == earlier


def test_running_again_by_the_preview_of_a_project_that_has_changed_since_is_a_conflict() -> None:
    earlier = drive(project_of(WAITS))
    seen = rerunning.preview(project_id=earlier.pk, actor=system_actor(), from_step="w")
    control.pause(project_id=earlier.pk, actor=system_actor())

    with pytest.raises(ProjectChanged):
        rerunning.rerun(project_id=earlier.pk, actor=system_actor(), from_step="w", preview_digest=seen.digest)
    assert Project.objects.count() == 1


@pytest.mark.parametrize(("typed", "number"), [("y\n", 2), ("n\n", 1)])
def test_on_a_terminal_running_again_from_a_step_is_asked_for(says: Says, typed: str, number: int) -> None:
    earlier = drive(project_of(CHAIN))
    says(typed)

    assert "Done again" in run("rerun_project", earlier.short_id, "--from", "b")[1]
    assert Project.objects.count() == number


# --- scripts ----------------------------------------------------------------------------------------


def test_a_script_cancels_one_as_it_always_did() -> None:
    project = waits()

    run("cancel_project", project.short_id)

    assert states(project) == ["cancelled"]
