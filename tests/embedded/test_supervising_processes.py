"""The supervisor keeps processes alive, passes on what they say, and ends every one of them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator_site.embedded import owned
from orchestrator_site.embedded.errors import CrashLoop
from orchestrator_site.embedded.role import Role
from orchestrator_site.embedded.supervisor import Patience, Supervisor

STAY = "import time; print('here', flush=True); time.sleep(60)"
QUICK = Patience(first=0.05, longest=0.2, crashes=4, window=30)


class Said:
    """The lines written, to be waited for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._more = threading.Condition()

    def __call__(self, line: str) -> None:
        with self._more:
            self.lines.append(line)
            self._more.notify_all()

    def wait(self, line: str, times: int = 1) -> None:
        with self._more:
            assert self._more.wait_for(lambda: self.lines.count(line) >= times, timeout=20), self.lines


@pytest.fixture
def said() -> Iterator[Said]:
    return Said()


def role(name: str, code: str, **options: object) -> Role:
    return Role(name, (sys.executable, "-u", "-c", code), **options)


def supervisor(said: Said, *roles: Role, **options: object) -> Supervisor:
    return Supervisor(roles, write=said, folder=Path.cwd(), patience=QUICK, **options)


def test_each_line_bears_the_name_of_its_role(said: Said) -> None:
    with supervisor(said, role("web", STAY), role("worker", STAY)):
        said.wait("web    | here")
        said.wait("worker | here")


def test_what_dies_is_started_again(said: Said) -> None:
    with supervisor(said, role("web", STAY)) as running:
        said.wait("web | here")
        first = running.pids()["web"]
        os.kill(first, signal.SIGKILL)
        said.wait("web | here", times=2)
        assert running.pids()["web"] != first
        said.wait("web | ended with SIGKILL; starting again in 0.05 s")


def run_until_it_fails(running: Supervisor) -> None:
    with running:
        running.wait()


def test_what_dies_again_and_again_ends_everything_with_its_last_words(said: Said) -> None:
    bad = role("bad", "print('no configuration'); raise SystemExit(3)")
    running = supervisor(said, bad, role("good", "import os, time; print(os.getpid()); time.sleep(60)"))
    with pytest.raises(CrashLoop, match=r"bad ended 4 times .* exit status 3(.|\n)*no configuration"):
        run_until_it_fails(running)
    good = [int(line.split()[-1]) for line in said.lines if line.startswith("good | ")]
    assert len(good) == 1
    assert not lives(good[0])


def lives(number: int) -> bool:
    """Whether it still runs when it has had time to notice SIGKILL."""
    try:
        process = psutil.Process(number)
    except psutil.NoSuchProcess:
        return False
    deadline = time.monotonic() + 5
    while owned.alive(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return owned.alive(process)


def test_what_dies_seldom_is_started_again_for_ever() -> None:
    patience = Patience(first=1.0, longest=8.0)
    assert [patience.pause(deaths) for deaths in (1, 2, 3, 4, 5)] == [1.0, 2.0, 4.0, 8.0, 8.0]


def test_stages_end_one_after_the_other(said: Said) -> None:
    tell = """if True:
        import signal, sys, time
        def bye(*_):
            time.sleep(0.3); print("bye", flush=True); sys.exit()
        signal.signal(signal.SIGTERM, bye); print("here", flush=True); time.sleep(60)"""
    with supervisor(said, role("second", tell, stage=1), role("first", tell, stage=0)):
        said.wait("first  | here")
        said.wait("second | here")
    assert [line for line in said.lines if line.endswith("bye")] == ["first  | bye", "second | bye"]


def test_what_does_not_want_to_end_is_killed_with_its_children(said: Said) -> None:
    stubborn = """if True:
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print("child", child.pid, flush=True); time.sleep(60)"""
    with supervisor(said, role("stubborn", stubborn, grace=0.3)) as running:
        deadline = time.monotonic() + 20
        while not said.lines and time.monotonic() < deadline:
            time.sleep(0.02)
        child = int(said.lines[0].split()[-1])
        parent = running.pids()["stubborn"]
    assert not lives(parent)
    assert not lives(child)


def test_children_of_what_died_do_not_live_on_beside_its_next_run(said: Said) -> None:
    parent = """if True:
        import subprocess, sys
        sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
        print("child", subprocess.Popen(sleep, stdout=subprocess.DEVNULL).pid, flush=True)
        raise SystemExit(1)"""
    with pytest.raises(CrashLoop):
        run_until_it_fails(supervisor(said, role("parent", parent)))
    children = [int(line.split()[-1]) for line in said.lines if "child" in line]
    assert len(children) == QUICK.crashes
    assert not any(lives(number) for number in children)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")
def test_everything_dies_with_a_killed_supervisor(script: Callable) -> None:
    killed = script(
        """
        import sys, time
        from pathlib import Path
        from orchestrator_site.embedded.role import Role
        from orchestrator_site.embedded.supervisor import Supervisor
        code = "import os, time; print(os.getpid()); time.sleep(60)"
        role = Role("web", (sys.executable, "-u", "-c", code))
        with Supervisor([role], write=lambda line: print(line, flush=True), folder=Path.cwd()):
            time.sleep(60)
        """
    )
    child = psutil.Process(int(killed.line().split()[-1]))
    killed.popen.kill()
    killed.popen.wait()
    psutil.wait_procs([child], timeout=10)
    assert not owned.alive(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_supervision_in_order(script: Callable, number: signal.Signals) -> None:
    supervised = script(
        """
        import sys
        from pathlib import Path
        from orchestrator_site.embedded.role import Role
        from orchestrator_site.embedded.supervisor import Supervisor
        code = "import os, time; print(os.getpid()); time.sleep(60)"
        role = Role("web", (sys.executable, "-u", "-c", code))
        Supervisor([role], write=lambda line: print(line, flush=True), folder=Path.cwd()).supervise()
        print("in order", flush=True)
        """,
        start_new_session=True,
    )
    child = psutil.Process(int(supervised.line().split()[-1]))
    os.killpg(supervised.popen.pid, number)
    assert supervised.finish() == "in order"
    assert supervised.popen.returncode == 0
    assert not owned.alive(child)


def test_readiness_is_told_once_everything_is_ready(said: Said) -> None:
    late = threading.Event()
    told = threading.Event()
    roles = [role("web", STAY, ready=late.is_set), role("worker", STAY)]
    with supervisor(said, *roles, on_ready=told.set) as running:
        assert not running.wait_ready(0.3)
        assert not told.is_set()
        late.set()
        assert running.wait_ready(10)
        assert told.wait(10)


def test_what_is_looked_after_is_named_when_it_had_to_be_put_right(said: Said) -> None:
    with supervisor(said, role("web", STAY), look_after=lambda: ["Redis"]):
        said.wait("Redis | was gone; started again")


def test_a_failure_to_look_after_the_servers_ends_everything(said: Said) -> None:
    def fail() -> list[str]:
        raise CrashLoop("the disk is full")

    with pytest.raises(CrashLoop, match="the disk is full"):
        run_until_it_fails(supervisor(said, role("web", STAY), look_after=fail))


def test_a_long_output_without_line_ends_is_passed_on_in_pieces(said: Said) -> None:
    with supervisor(said, role("web", "print('x' * 300_000, flush=True); import time; time.sleep(60)")):
        deadline = time.monotonic() + 20
        while sum(line.count("x") for line in said.lines) < 300_000 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert sum(line.count("x") for line in said.lines) == 300_000
