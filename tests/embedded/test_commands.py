"""`up`, `down` and every other command as a person types them: real processes, a `var` folder each."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from django.contrib.auth import authenticate

from orchestrator_site.embedded import first_login, owned
from orchestrator_site.embedded.ports import free_port
from orchestrator_site.embedded.postgres import Postgres
from orchestrator_site.embedded.presence import runner
from orchestrator_site.embedded.server_user import server_user

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(empty_var: Path) -> dict[str, str]:
    """Of a person on a fresh checkout, who has named no servers."""
    named = {"DATABASE_URL", "BROKER_URL", "RESULT_URL", "CACHE_URL", "DJANGO_SETTINGS_MODULE"}
    plain = {name: value for name, value in os.environ.items() if name not in named}
    return plain | {"PHASEGATE_VAR_DIR": str(empty_var)}


@pytest.fixture
def manage(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


class Site:
    """A running `up`."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.port, self.flower_port = free_port(), free_port()
        self.log = log
        ports = ["--port", str(self.port), "--flower-port", str(self.flower_port)]
        with log.open("w") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "manage.py", "up", *ports],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_up(self) -> str:
        return self.wait_for("Phasegate is up")

    def wait_for(self, words: str) -> str:
        deadline = time.monotonic() + 60
        while words not in (said := self.log.read_text()):
            assert time.monotonic() < deadline, said
            assert self.popen.poll() is None, said
            time.sleep(0.1)
        return said

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.popen.pid).children(recursive=True)

    def status(self, path: str, port: int | None = None, login: str = "") -> int:
        headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
        request = urllib.request.Request(f"http://127.0.0.1:{port or self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def answers_again(self) -> bool:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                return self.status("/admin/login/") == 200
            time.sleep(0.2)
        return False


@pytest.fixture
def site(environment: dict[str, str], var: Path, tmp_path: Path) -> Iterator[Site]:
    started = Site(environment, tmp_path / "up.log")
    yield started
    if started.popen.poll() is None:
        started.popen.terminate()
        started.popen.wait(timeout=60)


@pytest.mark.workers
@pytest.mark.slow
def test_the_site_comes_up_says_where_and_goes_down_without_leaving_a_process(
    site: Site, var: Path, manage: Callable
) -> None:
    said = site.wait_until_up()
    assert f"http://127.0.0.1:{site.port}/" in said
    assert re.search(r"First log-in: admin with password \S{12,}", said)
    assert site.status("/admin/login/") == 200

    password = (var / "flower.password").read_text()
    assert (var / "flower.password").stat().st_mode & 0o777 == 0o600
    assert site.status("/", site.flower_port) == 401
    assert site.status("/", site.flower_port, f"phasegate:{password}") == 200
    processes = site.processes()
    assert not any(password in " ".join(process.cmdline()) for process in processes)

    second = manage("up", "--port", str(free_port()))
    assert second.returncode == 4
    assert str(site.popen.pid) in second.stderr

    down = manage("down")
    assert (down.returncode, down.stdout) == (0, f"Stopped the site (process {site.popen.pid}).\n")
    assert site.popen.wait(timeout=5) == 0
    assert not any(owned.alive(process) for process in processes)
    assert not Postgres(var, server_user(var)).ready()
    assert runner(var) is None

    again = manage("down")
    assert (again.returncode, again.stdout) == (0, "Nothing runs here.\n")


@pytest.mark.workers
@pytest.mark.slow
def test_what_is_killed_in_a_running_site_comes_back_and_ctrl_c_ends_all_of_it(site: Site, var: Path) -> None:
    site.wait_until_up()
    postmaster = int((var / "postgres/data/postmaster.pid").read_text().split()[0])
    web = next(process for process in site.processes() if "uvicorn" in " ".join(process.cmdline()))
    os.kill(postmaster, signal.SIGKILL)
    web.kill()
    site.wait_for("PostgreSQL | was gone; started again")
    site.wait_for("web     | ended with SIGKILL; starting again")
    assert site.answers_again()

    processes = site.processes()
    os.killpg(site.popen.pid, signal.SIGINT)
    assert site.popen.wait(timeout=60) == 0
    assert not any(owned.alive(process) for process in processes)


@pytest.mark.django_db
def test_the_first_password_is_shown_once() -> None:
    password = first_login.make_administrator()
    assert password is not None
    assert authenticate(username="admin", password=password) is not None
    assert first_login.make_administrator() is None


@pytest.mark.parametrize("option", ["--port", "--flower-port"])
def test_a_taken_port_is_told_with_the_way_out(manage: Callable, empty_var: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        ports = {"--port": free_port(), "--flower-port": free_port()} | {option: taken}
        refused = manage("up", *(str(part) for pair in ports.items() for part in pair))
    assert refused.returncode == 2
    told = f"Port {taken} on 127.0.0.1 is taken by another program: choose another with {option}"
    assert told in refused.stderr
    assert not (empty_var / "postgres").exists(), "nothing was started for it"


def test_nothing_to_stop_is_told(manage: Callable) -> None:
    nothing = manage("down")
    assert (nothing.returncode, nothing.stdout) == (0, "Nothing runs here.\n")


def test_two_first_commands_at_once_find_servers_and_schema_which_end_with_them(
    environment: dict[str, str], empty_var: Path
) -> None:
    count = "from django.contrib.auth.models import User; print(User.objects.count())"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", count]
    both = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        for pipe in (subprocess.PIPE, subprocess.PIPE)
    ]
    assert [each.communicate(timeout=100)[0] for each in both] == ["0\n", "0\n"]
    assert not Postgres(empty_var, server_user(empty_var)).ready()


def test_help_starts_no_server(manage: Callable, empty_var: Path) -> None:
    assert manage("up", "--help").returncode == 0
    assert manage("help").returncode == 0
    assert not (empty_var / "postgres").exists()


def test_what_the_environment_names_is_not_embedded(
    environment: dict[str, str], manage: Callable, empty_var: Path
) -> None:
    environment |= {"BROKER_URL": "redis://127.0.0.1:1/0"}
    assert manage("migrate", "--plan").returncode == 0
    assert (empty_var / "postgres").exists()
    assert not (empty_var / "redis").exists()
