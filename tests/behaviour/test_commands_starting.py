"""`start_project`: what it takes, what it refuses, and how it recognises what was done before."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from agents.library.requirements.reading.errors import DocumentUnreadable, EmptyDocument
from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import Usage
from orchestrator_site.commanding.people import UserNotFound
from orchestrator_site.conf import conf
from orchestrator_site.errors import Forbidden, InvalidInput, NotFound
from orchestrator_site.history import services as history
from projects.blueprints.errors import BlueprintInvalid, InputsInvalid
from projects.errors import BlueprintNotFound, DocumentRefused, KeyTaken, RefusedInState
from projects.management.given import InputsFileUnreadable
from projects.models import Project
from projects.services import control
from tests.builders import agent_that, by_force, look, person

pytestmark = pytest.mark.django_db

BLUEPRINT = """
name: greet
version: 1
title: Greet
deduplicate: true
documents: {min: 0}
inputs:
  type: object
  additionalProperties: false
  required: [name]
  properties:
    name: {type: string}
    times: {type: integer, default: 1}
    loud: {type: boolean, default: false}
    to: {type: array, items: {type: string}}
phases:
  - key: one
    title: One
    steps: [{key: greet, agent: greeter}]
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: "hello", "greeter")


@pytest.fixture
def greet(tmp_path: Path) -> str:
    """The path of a blueprint file."""
    path = tmp_path / "greet.yaml"
    path.write_text(BLUEPRINT)
    return str(path)


@pytest.fixture
def start(greet: str) -> Callable[..., dict[str, Any]]:
    """Call the command on that blueprint, with a name as input unless others are given."""

    def call(*arguments: str, inputs: tuple[str, ...] = ("name=Ada",)) -> dict[str, Any]:
        out = StringIO()
        given = [f"--input={each}" for each in inputs]
        call_command("start_project", greet, *given, *arguments, "--json", stdout=out, stderr=StringIO())
        document: dict[str, Any] = json.loads(out.getvalue())
        return document

    return call


def made() -> Project:
    return Project.objects.latest("created_at")


def test_it_makes_a_project_and_starts_it(start: Callable[..., Any]) -> None:
    told = start("--intent", "Be kind", "--title", "Kindness", "--priority", "high")

    project = made()
    assert told["is_new"] is True
    assert told["project"]["id"] == str(project.pk)
    assert told["project"]["state"] == "running"
    assert (project.intent, project.title, project.priority_name) == ("Be kind", "Kindness", "high")
    assert project.inputs == {"name": "Ada", "times": 1, "loud": False}


def test_values_are_read_by_the_type_that_the_blueprint_asks_for(start: Callable[..., Any]) -> None:
    start(inputs=("name=007", "times=3", "loud=true", 'to=["a", "b"]'))

    assert made().inputs == {"name": "007", "times": 3, "loud": True, "to": ["a", "b"]}


def test_a_value_may_hold_an_equals_sign(start: Callable[..., Any]) -> None:
    start(inputs=("name=a=b",))

    assert made().inputs["name"] == "a=b"


@pytest.mark.parametrize("pair", ["name", "=Ada", " =Ada"])
def test_an_input_without_name_or_value_is_refused(start: Callable[..., Any], pair: str) -> None:
    with pytest.raises(Usage, match="NAME=VALUE"):
        start(inputs=(pair,))


@pytest.mark.parametrize("inputs", [("name=Ada", "age=36"), (), ("name=Ada", "times=often")])
def test_inputs_that_do_not_fit_the_blueprint_are_refused_and_nothing_is_made(
    start: Callable[..., Any], inputs: tuple[str, ...]
) -> None:
    with pytest.raises(InputsInvalid):
        start(inputs=inputs)
    assert not Project.objects.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [("inputs.json", '{"name": "Ada", "times": 2}'), ("inputs.yaml", "name: Ada\ntimes: 2\n")],
)
def test_inputs_may_come_from_a_file_and_single_ones_over_them(
    start: Callable[..., Any], tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)

    start("--inputs-file", str(tmp_path / name), inputs=("times=5",))

    assert made().inputs == {"name": "Ada", "times": 5, "loud": False}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.yaml", None, "There is no file"),
        ("inputs.txt", "name: Ada", "must end in"),
        ("inputs.yaml", "name: [Ada", r"inputs\.yaml:\d"),
        ("inputs.json", '{"name": ', r"inputs\.json:1"),
        ("inputs.yaml", "- Ada", "must hold names and values, not a list"),
        ("inputs.yaml", "", "not nothing"),
        ("inputs.yaml", "name: 2026-01-01", "dates in quotes"),
        ("inputs.yaml", "a: &a [1]\nb: [*a, *a]", "alias"),
        ("inputs.yaml", "name: !!python/object/apply:os.system ['true']", r"inputs\.yaml:1"),
        ("inputs.json", '{"name": NaN}', "NaN"),
        ("inputs.yaml", b"name: \xff\xfe", "UTF-8"),
        ("inputs.yaml", "x" * 1_100_000, "1 MiB"),
    ],
)
def test_a_file_of_inputs_that_cannot_be_taken_is_refused_with_the_reason(
    start: Callable[..., Any], tmp_path: Path, name: str, content: str | bytes | None, said: str
) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content)

    with pytest.raises(InputsFileUnreadable, match=said):
        start("--inputs-file", str(path))


def test_a_folder_is_no_file_of_inputs(start: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "inputs.yaml").mkdir()

    with pytest.raises(InputsFileUnreadable, match="cannot be read"):
        start("--inputs-file", str(tmp_path / "inputs.yaml"))


# --- documents --------------------------------------------------


def refused(start: Callable[..., Any], path: Path, error: type[InvalidInput], said: str) -> None:
    with pytest.raises(error, match=said) as raised:
        start("--document", str(path))
    assert raised.value.exit_status == 2
    assert not Project.objects.exists()


def test_a_document_is_kept_with_the_project(start: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The locker shall open.")

    start("--document", str(tmp_path / "a.txt"))

    assert [document.name for document in made().documents.all()] == ["a.txt"]


def test_a_missing_document_is_refused(start: Callable[..., Any], tmp_path: Path) -> None:
    refused(start, tmp_path / "missing.txt", DocumentRefused, "There is no file")


def test_a_folder_is_no_document(start: Callable[..., Any], tmp_path: Path) -> None:
    refused(start, tmp_path, DocumentRefused, "folder")


def test_an_empty_document_is_refused(start: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")

    refused(start, tmp_path / "empty.txt", EmptyDocument, "empty")


def test_a_broken_pdf_is_refused(start: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\n1 0 obj << /Type /Catalog >>\nnothing more")

    refused(start, tmp_path / "broken.pdf", DocumentUnreadable, r"broken\.pdf")


def test_a_document_of_twenty_megabytes_is_refused(start: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"shall " * (20 * 1024 * 1024 // 6))

    limit = conf().document_max_bytes / 1_048_576
    refused(start, tmp_path / "large.txt", DocumentRefused, f"the limit is {limit:.1f} MiB")


# --- blueprints and people --------------------------------------


def test_an_unknown_blueprint_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(BlueprintNotFound, match="Did you mean 'requirements-extraction'"):
        call_command("start_project", "requirement-extraction")


def test_a_file_that_is_no_blueprint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: bad\nversion: 1\ntitle: Bad\nphases: 7\n")

    with pytest.raises(BlueprintInvalid, match="phases"):
        call_command("start_project", str(path))
    assert not Project.objects.exists()


def test_a_user_that_is_not_there_is_not_found(start: Callable[..., Any]) -> None:
    with pytest.raises(UserNotFound, match="'nobody'"):
        start("--user", "nobody")


def test_a_user_without_the_right_to_start_projects_is_refused() -> None:
    person("olaf")

    with pytest.raises(Forbidden, match="olaf") as raised:
        call_command("start_project", "hello", "--user", "olaf")
    assert raised.value.exit_status == 4
    assert not Project.objects.exists()


def test_an_operator_starts_projects_but_neither_approves_beforehand_nor_registers_blueprints(greet: str) -> None:
    person("otto", groups=["operator"])
    start_as_otto = ["start_project", "--user", "otto"]

    call_command(*start_as_otto, "hello", stdout=StringIO(), stderr=StringIO())
    with pytest.raises(Forbidden, match="auto_approve"):
        call_command(*start_as_otto, "hello", "--auto-approve")
    with pytest.raises(Forbidden, match=r"blueprint\.register"):
        call_command(*start_as_otto, greet, "--input", "name=Ada")
    assert Project.objects.count() == 1


def test_the_named_user_owns_the_project(start: Callable[..., Any]) -> None:
    person("ada", is_superuser=True)

    start("--user", "ada")

    assert made().owner is not None
    assert made().owner.username == "ada"  # type: ignore[union-attr]


def test_an_unknown_option_is_a_usage_error() -> None:
    with pytest.raises(CommandError, match="--colour"):
        call_command("start_project", "hello", "--colour=red")


# --- the same job, and what comes after another -----------------


def test_the_same_job_is_recognised_and_told(greet: str) -> None:
    out = StringIO()
    for _ in range(2):
        call_command("start_project", greet, "--input=name=Ada", stdout=out, stderr=StringIO())

    assert Project.objects.count() == 1
    assert "already" in out.getvalue()
    assert "--rerun" in out.getvalue()


def test_rerun_does_the_same_job_again(start: Callable[..., Any]) -> None:
    first, second = start(), start("--rerun")

    assert second["is_new"] is True
    assert str(Project.objects.get(pk=second["project"]["id"]).rerun_of_id) == first["project"]["id"]


def test_a_key_gives_the_project_that_has_it(start: Callable[..., Any]) -> None:
    first, second = start("--key", "k1"), start("--key", "k1", "--rerun")

    assert second["is_new"] is False
    assert second["project"]["id"] == first["project"]["id"]


def test_a_key_that_stands_for_another_job_is_refused(start: Callable[..., Any]) -> None:
    start("--key", "k1")

    with pytest.raises(KeyTaken, match="k1") as raised:
        start("--key", "k1", inputs=("name=Eve",))
    assert raised.value.exit_status == 4
    assert Project.objects.count() == 1


def test_the_exit_status_of_a_recognised_project_is_that_of_its_state(start: Callable[..., Any]) -> None:
    start("--key", "k1")
    control.cancel(project_id=made().pk, actor=system_actor(), force=True)
    assert look(made()).state == "cancelled"

    with pytest.raises(SystemExit) as ended:
        start("--key", "k1")
    assert ended.value.code == 1


def test_a_project_that_was_made_and_not_started_is_started(start: Callable[..., Any]) -> None:
    start("--key", "k1")
    with by_force():
        Project.objects.filter(pk=made().pk).update(state="pending", started_at=None)

    assert start("--key", "k1")["project"]["state"] == "running"


def test_one_that_comes_after_another_waits_for_it(start: Callable[..., Any]) -> None:
    first = start()

    second = start("--after", first["project"]["id"][-8:], inputs=("name=Eve",))

    assert second["project"]["state"] == "pending"
    assert " for 'Greet' (" in second["project"]["next_action"]


def test_one_after_a_cancelled_one_is_refused_and_not_left_behind(
    start: Callable[..., Any],
) -> None:
    first = start()
    control.cancel(project_id=made().pk, actor=system_actor(), force=True)

    with pytest.raises(RefusedInState):
        start("--after", first["project"]["id"], inputs=("name=Eve",))
    assert Project.objects.count() == 1


def test_one_that_comes_after_nothing_is_not_found(start: Callable[..., Any]) -> None:
    with pytest.raises(NotFound):
        start("--after", "ffffffff")


def test_without_workers_it_says_how_to_have_some(greet: str) -> None:
    err = StringIO()

    call_command("start_project", greet, "--input=name=Ada", stdout=StringIO(), stderr=err)

    assert "make up" in err.getvalue()
    assert "--wait" in err.getvalue()


def test_history_says_who_started_it(start: Callable[..., Any]) -> None:
    person("ada", is_superuser=True)
    start("--user", "ada")

    actors = history.events_of(made().pk).filter(kind="project.created").values_list("actor", flat=True)
    assert ["ada" in actor for actor in actors] == [True]
