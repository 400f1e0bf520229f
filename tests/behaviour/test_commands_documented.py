"""The reference of the commands and the tutorial say what the commands do."""

from __future__ import annotations

import argparse
import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command, load_command_class

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = (ROOT / "docs" / "reference" / "commands.md").read_text()
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text()
CHANGING = (ROOT / "docs" / "how-to" / "change-a-running-plan.md").read_text()

APPLICATIONS = {
    "projects": (
        "start_project begin_project project_status list_projects pause_project resume_project cancel_project "
        "intervene signal_project approve snapshot_project recover blueprints compare_projects export_knowledge "
        "archive_history schedule schedules checkpoints rerun_project import_snapshot verify_emissions"
    ),
    "agents": "agents register_agent deregister_agent drain_agent fake_llm swarm",
    "orchestrator_site.bus": "bus",
    "orchestrator_site": "up down demo",
    "orchestrator_site.access": "create_api_key",
    "orchestrator_site.history": "verify_history export_history",
}
COMMANDS = {name: application for application, names in APPLICATIONS.items() for name in names.split()}
OF_DJANGO = {
    "--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback", "--no-color", "--force-color",
    "--skip-checks",
}  # fmt: skip


def parser_of(name: str) -> argparse.ArgumentParser:
    return load_command_class(COMMANDS[name], name).create_parser("manage.py", name)


def options_of(name: str) -> set[str]:
    named = {option for action in parser_of(name)._actions for option in action.option_strings}
    return {option for option in named if option.startswith("--")} - OF_DJANGO


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_each_of_its_options_is_in_the_reference(name: str) -> None:
    assert re.search(rf"`{name}[` ]", REFERENCE), name
    missing = {option for option in options_of(name) if not re.search(rf"`[^`]*{option}\b", REFERENCE)}
    assert missing == set()


@pytest.mark.parametrize("text", [REFERENCE, TUTORIAL, CHANGING], ids=["reference", "tutorial", "changing"])
def test_every_command_line_that_is_shown_would_be_understood(text: str) -> None:
    shown = [line for block in re.findall(r"```\n(.*?)```", text, re.S) for line in _lines(block)]
    lines = [line for line in shown if "manage.py" in line]
    assert lines
    for line in lines:
        _, name, *arguments = _words(line)
        parser_of(name).parse_args(arguments)


def _lines(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def _words(line: str) -> list[str]:
    command = re.split(r"\s(?:>|\|\||\|)\s", line)[0]
    words = shlex.split(command)
    return words[words.index("manage.py") :]


@pytest.mark.django_db
def test_the_blueprint_of_the_tutorial_is_valid(tmp_path: Path) -> None:
    [blueprint] = re.findall(r"```yaml\n(.*?)```", TUTORIAL, re.S)
    path = tmp_path / "letter.yaml"
    path.write_text(blueprint)
    out = StringIO()

    call_command("blueprints", "--validate", str(path), stdout=out, stderr=StringIO())

    assert "letter v1" in out.getvalue()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_says_what_it_is_for(name: str) -> None:
    parser = parser_of(name)

    assert parser.description
    if COMMANDS[name] == "projects":
        assert [action.dest for action in parser._actions if not action.help] == []
