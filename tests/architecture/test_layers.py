"""Imports run down the layers; the check that says so fails when one runs up."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as c; c()",
        "--no-cache",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the packages, to break."""
    for name in ("orchestrator_site", "projects", "agents", "sagas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_run_down_the_layers(checkout: Path) -> None:
    found = lint_imports(checkout)

    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("agents/registry.py", "from projects.models import Project"),
        ("sagas/apps.py", "from projects.services import control"),
        ("orchestrator_site/errors.py", "from agents.errors import AgentNotFound"),
        ("projects/planning/graph.py", "from django.db import models"),
        ("projects/planning/retrying.py", "import celery"),
    ],
)
def test_an_import_that_runs_up_fails_the_check(checkout: Path, module: str, line: str) -> None:
    with (checkout / module).open("a") as file:
        file.write(f"\n{line}\n")

    found = lint_imports(checkout)

    assert found.returncode != 0
    assert "BROKEN" in found.stdout
