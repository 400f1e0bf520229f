"""`intervene`, and the preview of `cancel_project`: what is shown, what is asked, and the exit statuses."""

from __future__ import annotations

import io
import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from orchestrator_site.commanding.output import Usage
from orchestrator_site.errors import Forbidden, PhasegateError
from orchestrator_site.history import services as history
from projects import errors
from projects.blueprints.errors import StepInvalid
from projects.management.finding import ProjectNotFound
from projects.management.given import InputsFileUnreadable
from projects.models import Intervention, Project
from tests.builders import agent_that, drive, look, person, project_of, states, step

pytestmark = pytest.mark.django_db

PLAN = """
phases:
  - key: one
    steps:
      - {key: a, agent: echo}
      - {key: b, agent: echo, needs: [a], params: {say: "${results.a}"}}
  - key: two
    steps: [{key: c, agent: echo}]
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: "said", "echo")


@pytest.fixture
def project() -> Project:
    return drive(project_of(PLAN), steps=0)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def intervene(project: Project, *arguments: str) -> str:
    return run("intervene", project.short_id, *arguments)


def plan_of(project: Project) -> int:
    return look(project).plan_version


def test_each_change_can_be_made(project: Project, tmp_path: Path) -> None:
    (tmp_path / "step.yaml").write_text("key: y\nagent: echo\nneeds: [x]\n")
    (tmp_path / "result.json").write_text('{"n": 1}')

    assert "Done: add x. Plan 2" in intervene(
        project, "add", "--definition", "{key: x, agent: echo}", "--before", "b", "--yes"
    )
    intervene(project, "add", "--file", str(tmp_path / "step.yaml"), "--phase", "one", "--yes")
    intervene(project, "modify", "b", "--param", "say=7", "--param", "gone=null", "--timeout", "9m", "--yes")
    intervene(project, "modify", "c", "--retry", "{max_attempts: 5}", "--agent", "other", "--yes")
    intervene(project, "reorder", "y", "--before", "b", "--yes")
    intervene(project, "reorder", "b", "--needs", "a,x", "--yes")
    intervene(project, "remove", "y", "--yes")
    intervene(project, "skip", "x", "--result-file", str(tmp_path / "result.json"), "--yes")
    intervene(project, "skip", "c", "--result", '"enough"', "--reason", "late", "--yes")

    assert plan_of(project) == 10
    assert states(project) == {"a": "ready", "b": "pending", "x": "skipped", "c": "skipped"}
    changed = step(project, "b")
    assert (changed.spec["params"], changed.timeout_seconds) == ({"say": 7}, 540)
    assert (step(project, "x").result, step(project, "c").result) == ({"n": 1}, "enough")
    last = Intervention.objects.latest("id")
    assert (last.author, last.reason) == ("system", "late")


def test_a_failed_project_is_mended(project: Project) -> None:
    def fail(context: Any) -> None:
        raise ValueError("no")

    agent_that(fail, "echo")
    failed = drive(project_of(PLAN.replace("key: a, agent: echo", "key: a, agent: echo, retry: {max_attempts: 1}")))
    agent_that(lambda context: "said", "echo")

    shown = intervene(failed, "retry", "a", "--preview")
    assert "retried: state failed → pending" in shown
    assert "runs again" in shown
    intervene(failed, "retry", "a", "--yes")

    assert drive(failed).state == "completed"


def test_a_preview_shows_what_it_would_do_and_does_nothing(project: Project) -> None:
    shown = intervene(project, "skip", "a", "--preview")

    assert "skip a" in shown
    assert "skipped: state ready → skipped" in shown
    assert "1 becomes 2" in shown
    assert "results.a is null, and it is read by step 'b' (params.say)." in " ".join(shown.split())
    digest = shown.split()[-1]
    assert len(digest) == 64
    assert plan_of(project) == 1

    intervene(project, "skip", "a", "--digest", digest)
    assert plan_of(project) == 2


def test_a_digest_of_what_has_changed_is_refused(project: Project) -> None:
    digest = json.loads(intervene(project, "skip", "a", "--preview", "--json"))["preview"]["digest"]
    intervene(project, "modify", "c", "--timeout", "9m", "--yes")

    with pytest.raises(errors.ProjectChanged) as refusal:
        intervene(project, "skip", "a", "--digest", digest)
    assert refusal.value.exit_status == 4
    assert plan_of(project) == 2


def test_as_json_it_tells_the_change_and_the_project(project: Project) -> None:
    told = json.loads(intervene(project, "skip", "a", "--json", "--yes", "--reason", "late"))

    assert told["project"]["id"] == str(project.pk)
    assert (told["intervention"]["state"], told["intervention"]["plan_after"]) == ("applied", 2)
    assert told["intervention"]["difference"][0]["change"] == "skipped"


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_where_nobody_can_be_asked_it_must_be_said(project: Project, arguments: tuple[str, ...]) -> None:
    with pytest.raises(Usage, match="--yes, or --digest"):
        intervene(project, "skip", "a", *arguments)
    assert plan_of(project) == 1


@pytest.mark.parametrize(("said", "number"), [("y\n", 2), ("yes\n", 2), ("n\n", 1), ("\n", 1), ("", 1)])
def test_on_a_terminal_it_shows_and_asks(
    project: Project, said: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(said))
    out, err = StringIO(), StringIO()
    call_command("intervene", project.short_id, "skip", "a", stdout=out, stderr=err)

    assert "skipped: state ready → skipped" in err.getvalue()
    assert "Do it? [y/N]" in err.getvalue()
    assert plan_of(project) == number
    assert ("Done: skip a" in out.getvalue()) == (number == 2)
    assert ("Nothing was changed." in err.getvalue()) == (number == 1)


WRONG = [
    (("burn", "a"), Exception, "invalid choice"),
    (("skip",), Usage, "Say which step to skip."),
    (("skip", "a", "--before", "b"), Usage, "--before goes with add and reorder, and not with skip."),
    (("retry", "a", "--param", "x=1"), Usage, "--param goes with modify, and not with retry."),
    (("skip", "a", "--result", "{"), Usage, "is no JSON"),
    (("skip", "a", "--result", "1", "--result-file", "x.json"), Usage, "Give --result or --result-file"),
    (("skip", "a", "--result-file", "nowhere.json"), InputsFileUnreadable, "There is no file"),
    (("modify", "a"), errors.EditInvalid, "Say what to change"),
    (("modify", "a", "--param", "x"), Usage, "write it as --param NAME=VALUE"),
    (("modify", "a", "--retry", "often"), Usage, "write it as --retry"),
    (("add", "--before", "a"), Usage, "Give the step to add"),
    (("add", "--definition", "{key: x}", "--file", "x.yaml", "--before", "a"), Usage, "--definition or --file"),
    (("reorder", "a"), errors.EditInvalid, "Say where to"),
]


@pytest.mark.parametrize(("arguments", "error", "said"), WRONG, ids=[" ".join(given) for given, _, _ in WRONG])
def test_what_is_called_wrongly_is_usage(
    project: Project, arguments: tuple[str, ...], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as refusal:
        intervene(project, *arguments, "--yes")
    if isinstance(refusal.value, PhasegateError):
        assert refusal.value.exit_status == 2
    assert plan_of(project) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "status"),
    [
        (("skip", "z"), errors.StepNotInPlan, 3),
        (("retry", "a"), errors.StepNotFailed, 4),
        (("remove", "a"), errors.StepStillNeeded, 4),
        (("reorder", "b", "--needs", ""), errors.PlanWouldBreak, 4),
        (("modify", "b", "--param", "say=${results.c}"), StepInvalid, 2),
    ],
)
def test_refusals_have_their_exit_status(
    project: Project, arguments: tuple[str, ...], error: type[PhasegateError], status: int
) -> None:
    with pytest.raises(error) as refusal:
        intervene(project, *arguments, "--yes")
    assert refusal.value.exit_status == status


def test_the_mistakes_of_a_step_are_told_with_file_and_line(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "step.yaml"
    file.write_text("key: x\nagnt: echo\n")

    with pytest.raises(StepInvalid) as refusal:
        intervene(project, "add", "--file", str(file), "--before", "b", "--yes")
    assert f"{file}:2:1: agnt: there is no key 'agnt' here. Did you mean 'agent'?" in str(refusal.value)
    with pytest.raises(StepInvalid, match=r"--definition:1:10: agnt"):
        intervene(project, "add", "--definition", "{key: x, agnt: echo}", "--before", "b", "--yes")


def test_it_acts_with_the_rights_of_the_one_who_is_named(project: Project) -> None:
    person("oskar", groups=["operator"])
    person("vera", groups=["viewer"])
    person("ugo")

    intervene(project, "skip", "a", "--yes", "--user", "oskar")
    with pytest.raises(Forbidden):
        intervene(project, "skip", "b", "--yes", "--user", "vera")
    with pytest.raises(ProjectNotFound):
        intervene(project, "skip", "b", "--yes", "--user", "ugo")
    assert Intervention.objects.get().author == "user:oskar"


def test_a_change_that_is_put_to_people_says_so() -> None:
    project = drive(project_of("plan_changes: {approval: {title: Really?}}" + PLAN), steps=0)

    assert "Proposed: skip a. It is made when 'Really?' is approved." in intervene(project, "skip", "a", "--yes")
    assert plan_of(project) == 1


def test_a_cancel_shows_what_it_would_end_and_is_confirmed_by_its_digest(project: Project) -> None:
    drive(project, steps=1)
    shown = run("cancel_project", project.short_id, "--preview")
    told = json.loads(run("cancel_project", project.short_id, "--preview", "--json"))["preview"]

    assert "Not done" in shown
    assert "b, c" in shown
    assert "a (1 by echo)" in shown
    assert told["digest"] in shown
    assert look(project).state == "running"
    with pytest.raises(errors.ProjectChanged):
        run("cancel_project", project.short_id, "--digest", "0" * 64)

    run("cancel_project", project.short_id, "--digest", told["digest"], "--reason", "enough")
    assert look(project).state == "cancelled"
    assert history.events_of(project.pk).get(kind="project.cancel_asked").data["reason"] == "enough"
