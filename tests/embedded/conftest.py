"""Servers and processes of these tests' own, ended whatever happens."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator_site.embedded.addresses import socket_folder
from orchestrator_site.embedded.servers import running

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="session")
def made_var() -> Iterator[Path]:
    """A ``var`` folder in which the servers have run: copying it takes less time than making another."""
    with _home() as home:
        with running(home / "var"):
            pass
        yield home / "var"


@pytest.fixture
def empty_var() -> Iterator[Path]:
    """A ``var`` folder that is not there yet, below a folder that only this user may enter."""
    with _home() as home:
        yield home / "var"


@pytest.fixture
def var(empty_var: Path, made_var: Path) -> Path:
    """A ``var`` folder in which the servers have run before."""
    subprocess.run(["cp", "-a", made_var, empty_var], check=True)
    return empty_var


@contextlib.contextmanager
def _home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="phasegate-test-"))
    try:
        yield home
    finally:
        _end_everything_in(home)
        shutil.rmtree(socket_folder(home / "var"), ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def _end_everything_in(home: Path) -> None:
    for process in psutil.process_iter(["cmdline"]):
        if str(home) in " ".join(process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.Error):
                process.kill()


class Script:
    """Python code in a process of its own, which tells what it did line by line."""

    def __init__(self, code: str, *arguments: object, python: Path = Path(sys.executable), **options: object) -> None:
        self.popen = subprocess.Popen(
            [str(python), "-c", textwrap.dedent(code), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            bufsize=1,
            **{"cwd": ROOT, **options},  # type: ignore[call-overload]
        )

    def line(self) -> str:
        """The next line it writes; empty at its end."""
        assert self.popen.stdout
        return self.popen.stdout.readline().strip()

    def go_on(self) -> None:
        """Let it past its ``input()``."""
        assert self.popen.stdin
        self.popen.stdin.write("\n")
        self.popen.stdin.flush()

    def finish(self) -> str:
        """Let it end; what it wrote."""
        return self.popen.communicate("\n", timeout=60)[0].strip()


@pytest.fixture
def script() -> Iterator[Callable[..., Script]]:
    """Start scripts; those still running at the end are killed."""
    started: list[Script] = []

    def start(code: str, *arguments: object, **options: object) -> Script:
        started.append(Script(code, *arguments, **options))
        return started[-1]

    yield start
    for each in started:
        with contextlib.suppress(ProcessLookupError):
            each.popen.kill()
        each.popen.wait()


@pytest.fixture
def stranger() -> Iterator[pwd.struct_passwd]:
    """An ordinary system user; only root can make one."""
    if os.geteuid() != 0 or shutil.which("useradd") is None:
        pytest.skip("only root can become another user")
    name = f"pg-test-{os.getpid()}"
    subprocess.run(["useradd", "--create-home", name], check=True)
    yield pwd.getpwnam(name)
    subprocess.run(["userdel", "--remove", "--force", name], check=False, capture_output=True)
