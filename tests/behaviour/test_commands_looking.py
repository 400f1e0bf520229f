"""The commands that look: status, lists, figures, snapshots, comparisons, exports and blueprints."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.management import call_command

from agents.knowledge.store import write_graph
from agents.knowledge.values import Edge, Node
from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import Usage
from orchestrator_site.digests import digest_of
from projects.errors import ProjectNotFound, RefusedInState
from projects.management.finding import AmbiguousId
from projects.management.given import OutputUnwritable
from projects.models import Project
from projects.models.approval import Verdict
from projects.services import approvals, control, creating, intake
from projects.services.registration import find_blueprint
from tests.builders import agent_that, approver, drive, look, open_approval, person, project_of

pytestmark = pytest.mark.django_db

ONE = """
phases:
  - key: one
    title: The first
    steps: [{key: a, agent: echo}]
    gate: {approval: {title: Fine?, approvers: {groups: [readers]}}}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: {"said": "hello"}, "echo")


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def requirements_project(text: str, *, finished: bool = True) -> Project:
    """A run of the real blueprint on a document."""
    created = creating.create_project(
        blueprint=find_blueprint("requirements-extraction"),
        actor=system_actor(),
        documents=[intake.Given("spec.txt", text.encode())],
        auto_approve=True,
    )
    project = control.start(project_id=created.project.pk, actor=system_actor())
    return drive(project) if finished else look(project)


# --- project_status -----------------------------------------------------------------------------------


def test_status_tells_state_next_action_and_phases() -> None:
    project = drive(project_of(ONE))

    told = run("project_status", str(project.pk))

    assert "running" in told
    assert "Waits for readers to decide 'Fine?'" in told
    assert "The first" in told


def test_an_id_may_be_shortened_to_its_last_digits() -> None:
    project = drive(project_of(ONE))

    assert run_json("project_status", str(project.pk)[-6:])["project"]["id"] == str(project.pk)


def test_digits_that_fit_two_projects_are_refused_with_both() -> None:
    for first in ("a", "b"):
        project = project_of(ONE, started=False)
        Project.objects.filter(pk=project.pk).update(key=first)
    shared = "01890000-0000-7000-8000-00000000beef", "01890000-0000-7000-8000-11110000beef"
    for key, text in zip(("a", "b"), shared, strict=True):
        copy = Project.objects.get(key=key)
        copy.pk, copy.key = text, f"copy {key}"
        copy.save(force_insert=True)

    with pytest.raises(AmbiguousId, match="give more digits") as raised:
        run("project_status", "0000beef")
    assert raised.value.exit_status == 2
    assert all(text in str(raised.value) for text in shared)


@pytest.mark.parametrize("text", ["ffffffff", "beef", "abc", "not-an-id", "'; DROP TABLE", "%"])
def test_a_project_that_is_not_there_is_not_found(text: str) -> None:
    project_of(ONE)

    with pytest.raises(ProjectNotFound) as raised:
        run("project_status", text)
    assert raised.value.exit_status == 3


def test_status_as_json_has_progress() -> None:
    project = drive(project_of(ONE))

    told = run_json("project_status", str(project.pk))

    assert told["project"]["state"] == "running"
    assert told["progress"]["phases"][0] == {
        "key": "one",
        "title": "The first",
        "state": "waiting",
        "round": 1,
        "steps": {"completed": 1},
        "total": 1,
        "done": 1,
    }


def test_status_tells_what_failed_and_why() -> None:
    def fails(context: Any) -> Any:
        raise ValueError("no moon")

    agent_that(fails, "echo")
    project = drive(project_of(ONE.replace("agent: echo", "agent: echo, retry: {max_attempts: 1}")))

    assert "no moon" in run("project_status", str(project.pk), "--failed")
    [failed] = run_json("project_status", str(project.pk), "--failed")["failed"]
    assert (failed["key"], failed["code"]) == ("a", "agent_error")


def test_status_tells_who_rejected_what_and_why() -> None:
    project = drive(project_of(ONE))
    approvals.decide(
        approval_id=open_approval(project).pk,
        user=approver("rita", "readers"),
        verdict=Verdict.REJECT,
        comment="Too thin",
        via="test",
    )
    drive(project)

    told = run("project_status", str(project.pk), "--rejected")
    document = run_json("project_status", str(project.pk), "--rejected")

    assert "rita" in told
    assert "Too thin" in told
    assert [(one["by"], one["comment"]) for one in document["rejected"]["approvals"]] == [("rita", "Too thin")]


def test_status_tells_the_rejected_requirements_with_reasons() -> None:
    project = requirements_project("The locker shall open. In the past, users must have been patient.")

    document = run_json("project_status", str(project.pk), "--rejected")

    assert [one["rejection"]["reason"] != "" for one in document["rejected"]["findings"]] == [True]
    assert "must have" in run("project_status", str(project.pk), "--rejected")


@pytest.mark.parametrize(
    ("name", "begins"), [("text", "Under test ("), ("markdown", "# Under test"), ("html", "<!doctype html>")]
)
def test_status_writes_the_report_in_every_format(name: str, begins: str) -> None:
    project = drive(project_of(ONE))

    assert run("project_status", str(project.pk), "--report", name).startswith(begins)
    assert run_json("project_status", str(project.pk), "--report", name)["report"].startswith(begins)


def test_the_report_as_json_is_one_document() -> None:
    project = drive(project_of(ONE))

    assert run_json("project_status", str(project.pk), "--report", "json")["format"] == "phasegate.report/1"


def test_watching_a_project_that_is_over_ends_at_once_with_its_status() -> None:
    project = drive(project_of(ONE))
    control.cancel(project_id=project.pk, actor=system_actor())

    with pytest.raises(SystemExit) as ended:
        run("project_status", str(project.pk), "--watch")
    assert ended.value.code == 1


# --- list_projects ------------------------------------------------------------------------------------


def test_the_list_is_newest_first_and_limited() -> None:
    made = [project_of(ONE, title=f"Number {number}") for number in range(3)]

    told = run_json("list_projects", "--limit", "2")

    assert told["total"] == 3
    assert [one["id"] for one in told["projects"]] == [str(made[2].pk), str(made[1].pk)]
    assert "Number 2" in run("list_projects")


def test_the_list_is_filtered_by_state_blueprint_and_owner() -> None:
    ada = person("ada", is_superuser=True)
    done = drive(project_of("name: quick\nversion: 1\ntitle: Quick\n" + ONE.partition("    gate:")[0]))
    paused = project_of(ONE)
    control.pause(project_id=paused.pk, actor=system_actor())
    owned = project_of(ONE)
    Project.objects.filter(pk=owned.pk).update(owner=ada)

    def ids(*arguments: str) -> set[str]:
        return {one["id"] for one in run_json("list_projects", *arguments)["projects"]}

    assert ids("--state", "completed") == {str(done.pk)}
    assert ids("--state", "paused") == {str(paused.pk)}
    assert ids("--blueprint", "quick") == {str(done.pk)}
    assert ids("--owner", "ada") == {str(owned.pk)}
    assert ids("--state", "failed") == set()


def test_figures_count_by_state_and_blueprint() -> None:
    drive(project_of("name: quick\nversion: 1\ntitle: Quick\n" + ONE.partition("    gate:")[0]))
    project_of(ONE)

    figures = run_json("list_projects", "--stats")

    assert figures["total"] == 2
    assert (figures["by_state"]["completed"], figures["by_state"]["running"]) == (1, 1)
    quick = next(one for one in figures["by_blueprint"] if one["blueprint"] == "quick")
    assert (quick["projects"], quick["completed"], quick["failed"]) == (1, 1, 0)
    assert quick["mean_seconds"] > 0
    assert "2 projects" in run("list_projects", "--stats")


def test_a_limit_below_one_is_a_usage_error() -> None:
    with pytest.raises(Usage, match="--limit"):
        run("list_projects", "--limit", "0")


# --- snapshot_project, compare_projects, export_knowledge ----------------------------------------------------


def test_a_snapshot_goes_to_standard_output_or_to_a_file(tmp_path: Path) -> None:
    project = drive(project_of(ONE))

    printed = json.loads(run("snapshot_project", str(project.pk)))
    said = run("snapshot_project", str(project.pk), "-o", str(tmp_path / "s.json"))
    written = json.loads((tmp_path / "s.json").read_text())

    assert printed["format"] == "phasegate.snapshot/1"
    assert written["project"]["id"] == str(project.pk)
    body = {name: value for name, value in written.items() if name not in ("format", "taken_at", "sha256")}
    assert written["sha256"] == digest_of(body)
    assert written["sha256"] in said


@pytest.mark.parametrize("name", ["missing/s.json", "folder"])
def test_a_file_that_cannot_be_written_is_told_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    project = drive(project_of(ONE))

    with pytest.raises(OutputUnwritable, match="cannot be written"):
        run("snapshot_project", str(project.pk), "-o", str(tmp_path / name))
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_two_runs_are_compared_requirement_by_requirement() -> None:
    kept = "The locker shall open for the courier. "
    worded = "The back office {} notify the recipient of each parcel by e-mail within one hour. "
    a = requirements_project(kept + worded.format("shall") + "The app should show the weather.")
    b = requirements_project(kept + worded.format("should") + "Each recipient shall sign a receipt.")

    told = run_json("compare_projects", str(a.pk), str(b.pk))

    assert (told["a"], told["b"]) == (str(a.pk), str(b.pk))
    data = told["comparison"]["data"]
    assert data["figures"]["unchanged"] == 1
    assert [one["statement"] for one in data["added"]] == ["Each recipient shall sign a receipt."]
    assert [one["statement"] for one in data["removed"]] == ["The app should show the weather."]
    text = run("compare_projects", str(a.pk), str(b.pk))
    assert "Each recipient shall sign a receipt." in text
    [changed] = data["changed"]
    assert changed["differences"]["modality"] == ["must", "should"]


@pytest.fixture
def with_graph() -> Project:
    project = drive(project_of(ONE))
    nodes = [Node("r1", "requirement", "R1 & <co>"), Node("d1", "document", "spec.txt")]
    write_graph(project.pk, nodes, [Edge("r1", "d1", "cited_in")])
    return project


READ: dict[str, Callable[[str], bool]] = {
    "graphml": lambda text: len(ElementTree.fromstring(text).findall(".//{*}node")) == 2,  # noqa: S314 our own
    "json-ld": lambda text: len(json.loads(text)["@graph"]) == 2,
    "json": lambda text: len(json.loads(text)["nodes"]) == 2,
    "cypher": lambda text: text.count("MERGE") == 3,
}


@pytest.mark.parametrize("name", sorted(READ))
def test_the_knowledge_graph_is_exported_in_every_format(with_graph: Project, tmp_path: Path, name: str) -> None:
    target = tmp_path / "graph"

    printed = run("export_knowledge", str(with_graph.pk), "--format", name)
    said = run_json("export_knowledge", str(with_graph.pk), "--format", name, "-o", str(target))

    assert READ[name](printed)
    assert target.read_text().strip() == printed.strip()
    assert (said["nodes"], said["edges"]) == (2, 1)


def test_a_project_without_a_knowledge_graph_is_refused() -> None:
    project = drive(project_of(ONE))

    with pytest.raises(RefusedInState, match="no knowledge graph"):
        run("export_knowledge", str(project.pk), "--format", "json")


# --- blueprints ---------------------------------------------------------------------------------------


def test_blueprints_are_listed_with_what_was_registered() -> None:
    project_of("name: mine\nversion: 4\ntitle: My own\n" + ONE)

    told = {one["name"]: one for one in run_json("blueprints")["blueprints"]}

    assert told["requirements-extraction"]["source"] == "catalogue"
    assert (told["mine"]["version"], told["mine"]["source"]) == (4, "registered")
    assert "My own" in run("blueprints")


def test_a_valid_blueprint_file_is_said_to_be_valid(tmp_path: Path) -> None:
    path = tmp_path / "fine.yaml"
    path.write_text("name: fine\nversion: 2\ntitle: Fine\n" + ONE)

    assert "fine v2" in run("blueprints", "--validate", str(path))
    [checked] = run_json("blueprints", "--validate", str(path))["files"]
    assert (checked["valid"], checked["warnings"]) == (True, [])


def test_every_bad_file_is_told_with_file_line_and_reason(tmp_path: Path) -> None:
    fine, bad = tmp_path / "fine.yaml", tmp_path / "bad.yaml"
    fine.write_text("name: fine\nversion: 2\ntitle: Fine\n" + ONE)
    bad.write_text(f"name: bad\nversion: 1\ntitle: Bad\ncolour: red\n{ONE}")
    out, err = StringIO(), StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command(
            "blueprints", "--validate", str(bad), str(tmp_path / "none.yaml"), str(fine), stdout=out, stderr=err
        )

    assert ended.value.code == 2
    assert f"{bad}:4" in err.getvalue()
    assert "colour" in err.getvalue()
    assert "none.yaml" in err.getvalue()
    assert "valid (fine v2)" in out.getvalue()


def test_bad_files_as_json_have_their_mistakes(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(f"name: bad\nversion: 1\ntitle: Bad\ncolour: red\n{ONE}")
    out = StringIO()

    with pytest.raises(SystemExit):
        call_command("blueprints", "--validate", str(bad), "--json", stdout=out, stderr=StringIO())

    [checked] = json.loads(out.getvalue())["files"]
    assert checked["valid"] is False
    assert checked["error"]["code"] == "blueprint_invalid"
    assert "colour" in checked["error"]["message"]


def test_whom_a_valid_blueprint_asks_for_and_nobody_knows_is_named_and_not_refused(tmp_path: Path) -> None:
    path, err = tmp_path / "strangers.yaml", StringIO()
    path.write_text(
        "name: strangers\nversion: 1\ntitle: Strangers\nphases:\n  - key: p\n    steps:\n"
        "      - {key: a, agent: nobody-at-all}\n      - {key: b, capability: nothing.known, version: '>=2'}\n"
    )

    call_command("blueprints", "--validate", str(path), stdout=StringIO(), stderr=err)

    assert "step 'a' names the agent 'nobody-at-all', which is not known here yet" in err.getvalue()
    assert "step 'b' asks for 'nothing.known' in a version >=2, which nobody offers here yet" in err.getvalue()
