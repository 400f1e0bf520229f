"""Commands as people and scripts run them: exit statuses, pure standard output, workers of their own, Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import current_app
from django.contrib.auth.models import User

from orchestrator_site import clock
from orchestrator_site.access.actors import actor_of, system_actor
from orchestrator_site.embedded.ports import free_port
from orchestrator_site.management.commands import demo
from projects.management.workforce import somebody_works
from projects.models import Approval, Decision, Project
from projects.services import creating, intake
from projects.services.registration import find_blueprint
from tests.builders import by_force

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = "docs/examples/parcel-locker.md"
NOBODY = "01890000-0000-7000-8000-00000000beef"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(process_environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The test database, an empty broker, and a folder for logs and locks."""
    with current_app.connection_for_write() as connection:
        connection.default_channel.client.flushall()
    return process_environment | {"PHASEGATE_VAR_DIR": str(tmp_path / "var"), "PHASEGATE_RECOVERY_SECONDS": "0.5"}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    def call(*arguments: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return call


@pytest.fixture(autouse=True)
def nothing_left_running(environment: dict[str, str]) -> Iterator[None]:
    """After a command has ended, no process of its folder is there any more."""
    yield
    var = environment["PHASEGATE_VAR_DIR"]
    left = [process for process in psutil.process_iter() if _works_in(process, var)]
    assert left == []


def _works_in(process: psutil.Process, var: str) -> bool:
    try:
        return process.environ().get("PHASEGATE_VAR_DIR") == var
    except psutil.Error:
        return False


def new_project(key: str | None = None) -> Project:
    """A project that nobody has started."""
    made = creating.create_project(
        blueprint=find_blueprint("hello"), actor=system_actor(), inputs={"name": "Ada"}, key=key, rerun=True
    )
    return made.project


def only_json(ended: subprocess.CompletedProcess[str]) -> Any:
    """Standard output holds one document and nothing else."""
    return json.loads(ended.stdout)


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("project_status", NOBODY), 3, "project_not_found"),
        (("start_project", "no-such-thing"), 3, "blueprint_not_found"),
        (("start_project", "requirements-extraction", "--document", "missing.txt"), 2, "document_refused"),
        (("start_project", "requirements-extraction", "--colour"), 2, "usage"),
        (("start_project",), 2, "usage"),
        (("list_projects", "--state", "sleeping"), 2, "usage"),
    ],
)
def test_errors_have_their_exit_status_and_are_json_if_asked_for(
    run: Run, arguments: tuple[str, ...], status: int, code: str
) -> None:
    ended = run(*arguments, "--json")

    assert ended.returncode == status
    error = only_json(ended)["error"]
    assert error["code"] == code
    assert error["message"]
    assert set(error) == {"code", "message", "details"}
    assert "Traceback" not in ended.stderr


def test_without_json_errors_are_words_on_standard_error(run: Run) -> None:
    not_found = run("project_status", NOBODY)
    usage = run("start_project", "hello", "--colour")

    assert (not_found.returncode, not_found.stdout) == (3, "")
    assert not_found.stderr.startswith("Error: There is no project")
    assert (usage.returncode, usage.stdout) == (2, "")
    assert "usage:" in usage.stderr
    assert "--colour" in usage.stderr


def test_what_cannot_be_done_in_a_state_is_refused_with_four(run: Run) -> None:
    made = new_project()

    ended = run("resume_project", str(made.pk), "--json")

    assert ended.returncode == 4
    assert only_json(ended)["error"]["code"] == "refused_in_state"


def test_a_server_that_does_not_answer_is_told_without_a_traceback(environment: dict[str, str], tmp_path: Path) -> None:
    nowhere = {"DATABASE_URL": f"postgresql://somebody@127.0.0.1:{free_port()}/nothing"}

    ended = subprocess.run(
        [sys.executable, "manage.py", "list_projects", "--json"],
        cwd=ROOT,
        env=environment | nowhere,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert only_json(ended)["error"]["code"] == "server_unavailable"
    assert "Traceback" not in ended.stderr


def test_a_database_without_our_tables_is_told_with_what_to_do(environment: dict[str, str]) -> None:
    before, _, name = environment["DATABASE_URL"].rpartition("/test_")
    assert before, "the test database is named test_…"
    bare = f"{before}/postgres{name[name.index('?') :] if '?' in name else ''}"

    ended = subprocess.run(
        [sys.executable, "manage.py", "list_projects", "--json"],
        cwd=ROOT,
        env=environment | {"DATABASE_URL": bare},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "manage.py migrate" in only_json(ended)["error"]["message"]
    assert "Traceback" not in ended.stderr


def test_a_reader_that_goes_away_is_no_error(environment: dict[str, str], run: Run) -> None:
    for _ in range(30):
        new_project()
    process = subprocess.Popen(
        [sys.executable, "manage.py", "list_projects", "--json", "--limit", "30"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()

    _, said = process.communicate(timeout=60)

    assert process.returncode == 141
    assert said == ""


@pytest.mark.workers
def test_waiting_does_the_whole_job_with_workers_of_its_own(run: Run) -> None:
    ended = run(
        "start_project", "requirements-extraction", "--document", DOCUMENT, "--wait", "--auto-approve", "--json"
    )

    assert ended.returncode == 0, ended.stderr
    told = only_json(ended)
    assert told["project"]["state"] == "completed"
    assert "starting some for the time of this command" in ended.stderr
    assert "100%" in ended.stderr
    assert not somebody_works()


def test_waiting_for_a_project_that_failed_ends_with_one(run: Run) -> None:
    made = new_project(key="k1")
    with by_force():
        Project.objects.filter(pk=made.pk).update(
            state="failed", finished_at=clock.now(), failure_code="rejected", failure="Rita said no."
        )

    ended = run("start_project", "hello", "--input", "name=Ada", "--key", "k1", "--wait", "--json")

    assert ended.returncode == 1
    told = only_json(ended)
    assert told["is_new"] is False
    assert told["project"]["failure"] == {"code": "rejected", "reason": "Rita said no."}
    assert "is failed: Rita said no." in ended.stderr


@pytest.mark.workers
def test_ctrl_c_ends_the_waiting_and_not_the_project(environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "start_project", "requirements-extraction", "--document", DOCUMENT, "--wait"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not Approval.objects.open().exists():
        assert time.monotonic() < until, "it never came to its approval"
        assert process.poll() is None
        time.sleep(0.1)

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    project = Project.objects.get()
    assert process.returncode == 130
    assert project.state == "running"
    assert str(project.pk) in out
    assert f"project_status {project.short_id}" in err
    assert "make up" in err
    assert "Traceback" not in err


@pytest.mark.workers
@pytest.mark.slow
def test_the_demo_does_the_same_job_again_to_its_end_and_leaves_nothing_running(run: Run) -> None:
    before = creating.create_project(
        blueprint=find_blueprint("requirements-extraction"),
        actor=actor_of(User.objects.create_user(demo.STARTER), via="command"),
        intent=demo.INTENT,
        documents=[intake.from_path(demo.DOCUMENT)],
    )

    ended = run("demo", "--port", str(free_port()))

    assert ended.returncode == 0, ended.stderr
    project = Project.objects.exclude(pk=before.project.pk).get()
    assert project.state == "completed"
    assert project.rerun_of == before.project
    [decision] = Decision.objects.filter(approval__project=project)
    assert decision.user is not None
    assert (decision.user.get_username(), decision.verdict) == ("demo-approver", "approve")
    for expected in ("Approve the requirements", "Citations verified", "100%", "make up", f"/projects/{project.pk}/"):
        assert expected in ended.stdout
    assert not somebody_works()


@pytest.mark.workers
def test_a_demo_that_cannot_start_says_what_and_where_the_logs_are(environment: dict[str, str], tmp_path: Path) -> None:
    broken = environment | {"BROKER_URL": f"redis://127.0.0.1:{free_port()}/0"}

    ended = subprocess.run(
        [sys.executable, "manage.py", "demo", "--port", str(free_port())],
        cwd=ROOT,
        env=broken,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert ended.returncode == 1
    assert "Error: " in ended.stderr
    assert str(tmp_path / "var" / "log" / "demo.log") in ended.stderr
    assert "Traceback" not in ended.stderr
