"""``manage.py swarm``: a run, its figures and its picture."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from agents.swarm import errors
from agents.swarm.errors import SwarmSettingsRefused
from agents.swarm.optimising import State, ask, begin, run, spec_of, tell
from agents.swarm.optimising.functions import sphere
from agents.swarm.runs import KNOWN
from orchestrator_site.errors import PhasegateError

ROOT = Path(__file__).resolve().parents[2]


def told(*words: str) -> str:
    out = StringIO()
    call_command("swarm", *words, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("name", KNOWN)
def test_every_behaviour_and_algorithm_can_be_run(name: str, tmp_path: Path) -> None:
    path = tmp_path / "run.svg"
    document = json.loads(told(name, "--agents", "30", "--steps", "20", "--seed", "2", "-o", str(path), "--json"))

    assert document["seed"] == 2
    assert document["picture"] == str(path)
    assert path.read_text(encoding="utf-8").rstrip().endswith("</svg>")


def test_the_same_seed_gives_the_same_figures_and_picture(tmp_path: Path) -> None:
    pictures = []
    for number in range(2):
        path = tmp_path / f"{number}.svg"
        told("flocking", "--agents", "30", "--steps", "20", "-o", str(path))
        pictures.append(path.read_text(encoding="utf-8"))

    assert pictures[0] == pictures[1]


def test_a_person_reads_lines() -> None:
    lines = told("migrating", "--agents", "30", "--steps", "5").splitlines()

    assert "behaviour: migrating" in lines
    assert "measure.name: distance_to_goal" in lines


@pytest.mark.parametrize("words", [["--agents", "0"], ["--steps", "0"], ["--seed", "-1"], ["--agents", "1000000"]])
def test_numbers_that_cannot_work_are_refused(words: list[str]) -> None:
    with pytest.raises(SwarmSettingsRefused):
        told("flocking", *words)


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written") as refusal:
        told("flocking", "--agents", "5", "--steps", "2", "-o", str(tmp_path / "no" / "run.svg"))

    assert refusal.value.returncode == 2


def test_as_a_process_a_refusal_is_one_line_and_status_2() -> None:
    command = [sys.executable, "manage.py", "swarm", "flocking", "--agents", "0"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == 2
    assert "agents must be from 1" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_examples_of_the_guide_run() -> None:
    guide = (ROOT / "docs" / "how-to" / "swarm.md").read_text(encoding="utf-8")
    known = {"profit": lambda price, ads, market: -((price - 7) ** 2) - (ads - 100) ** 2, "costs": [3.0, 1.0, 2.0] * 50}
    for block in re.findall(r"```python\n(.*?)```", guide, re.S):
        exec(block, known)  # noqa: S102 our own page

    assert known["state"].done
    assert known["state"].best == pytest.approx([100, 7], abs=1)
    assert len(known["parcels"]) == 3
    for line in re.findall(r"^manage.py swarm (.*) -o", guide, re.M):
        assert told(*line.replace("300", "30").replace("450", "5").replace("150", "5").split())


@pytest.mark.parametrize(
    "error",
    [one for one in vars(errors).values() if isinstance(one, type) and one.__module__ == errors.__name__],
)
def test_errors_of_swarms_are_told_and_pickled(error: type[PhasegateError]) -> None:
    again = pickle.loads(pickle.dumps(error("Why.", agents=3)))  # noqa: S301 our own

    assert (str(again), again.details, again.code) == ("Why.", {"agents": 3}, error.code)
    assert str(error()) == (error.__doc__ or "").strip()


@pytest.mark.django_db
def test_a_search_kept_in_the_database_goes_on_with_the_same_bits() -> None:
    """jsonb knows no negative zero and writes numbers anew: nothing of a state may hang on how a number is written."""
    settings = spec_of({"objective": {"agent": "a"}, "bounds": {"b": [-5, 5], "a": [0, 1e300]}, "generations": 9})
    state = begin(settings)
    while not state.done:
        state = tell(state, sphere(ask(state) / [1e300, 1]))
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::jsonb::text", [json.dumps(state.to_json())])
            state = State.from_json(json.loads(cursor.fetchone()[0]))

    assert state.to_json() == run(settings, lambda places: sphere(places / [1e300, 1])).to_json()
