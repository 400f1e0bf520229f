"""The embedded servers run while somebody works, and come back from whatever was done to them."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest

from orchestrator_site.embedded import owned
from orchestrator_site.embedded.addresses import addresses, redis_socket, socket_folder
from orchestrator_site.embedded.errors import DiskFull, FolderUnusable, ServerFailed
from orchestrator_site.embedded.postgres import Postgres
from orchestrator_site.embedded.redis import Redis
from orchestrator_site.embedded.server_user import server_user
from orchestrator_site.embedded.servers import running, stop_unused

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
    import sys
    from pathlib import Path
    from orchestrator_site.embedded.servers import running
    with running(Path(sys.argv[1])) as servers:
        print("running", flush=True)
        input()
    print("left", flush=True)
"""


def postgres(var: Path) -> Postgres:
    return Postgres(var, server_user(var))


def redis(var: Path) -> Redis:
    return Redis(var, server_user(var))


def both_answer(var: Path) -> bool:
    return postgres(var).ready() and redis(var).ready()


def postmaster(var: Path) -> psutil.Process:
    return psutil.Process(int((var / "postgres/data/postmaster.pid").read_text().split()[0]))


def redis_process(var: Path) -> psutil.Process:
    return psutil.Process(int((var / "redis/redis.pid").read_text()))


def sql(var: Path, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(addresses(var).database_url, autocommit=True) as connection:
        cursor = connection.execute(statement)  # type: ignore[call-overload]
        return cursor.fetchall() if cursor.description else []


def test_they_start_from_nothing_and_stop_without_a_trace_of_a_process(empty_var: Path) -> None:
    began = time.monotonic()
    with running(empty_var):
        assert time.monotonic() - began < 10
        assert both_answer(empty_var)
        processes = [postmaster(empty_var), redis_process(empty_var)]
        assert sql(empty_var, "SELECT current_database()") == [("phasegate",)]
    assert not both_answer(empty_var)
    assert not any(owned.alive(process) for process in processes)


def test_what_was_committed_is_there_at_the_next_start(var: Path) -> None:
    with running(var):
        sql(var, "CREATE TABLE kept AS SELECT 42 AS answer")
    with running(var):
        assert sql(var, "SELECT answer FROM kept") == [(42,)]


def test_durability_settings_cannot_be_changed_from_inside(var: Path) -> None:
    with running(var):
        sql(var, "ALTER SYSTEM SET fsync = off")
        sql(var, "ALTER SYSTEM SET synchronous_commit = off")
    with running(var):
        assert sql(var, "SHOW fsync") == [("on",)]
        assert sql(var, "SHOW synchronous_commit") == [("on",)]
        assert sql(var, "SHOW full_page_writes") == [("on",)]
        assert sql(var, "SHOW data_checksums") == [("on",)]
        assert sql(var, "SHOW timezone") == [("UTC",)]
        assert sql(var, "SHOW listen_addresses") == [("",)]


def test_nobody_else_may_enter_the_folder_of_the_sockets(var: Path) -> None:
    with running(var):
        assert socket_folder(var).stat().st_mode & 0o077 == 0
        assert (var / "postgres/data").stat().st_mode & 0o077 == 0


def test_two_that_start_at_the_same_moment_share_one_pair_of_servers(empty_var: Path, script: Callable) -> None:
    first, second = script(HOLD, empty_var), script(HOLD, empty_var)
    assert (first.line(), second.line()) == ("running", "running")
    server = postmaster(empty_var)
    assert first.finish() == "left"
    assert both_answer(empty_var), "the second still works with them"
    assert postmaster(empty_var) == server
    assert second.finish() == "left"
    assert not both_answer(empty_var)


def test_an_owner_that_leaves_first_takes_nothing_from_those_at_work(var: Path, script: Callable) -> None:
    owner = script(HOLD, var)
    owner.line()
    with running(var):
        owner.popen.send_signal(signal.SIGTERM)
        assert owner.popen.wait(timeout=30) == 128 + signal.SIGTERM
        assert both_answer(var)
    assert not both_answer(var)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_owner_asked_to_end_stops_them_first(var: Path, script: Callable, number: signal.Signals) -> None:
    owner = script(HOLD, var)
    owner.line()
    processes = [postmaster(var), redis_process(var)]
    owner.popen.send_signal(number)
    owner.popen.wait(timeout=30)
    assert not any(owned.alive(process) for process in processes)


def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(var: Path, script: Callable) -> None:
    owner = script(HOLD, var, start_new_session=True)
    owner.line()
    group = os.getpgid(owner.popen.pid)
    assert os.getpgid(postmaster(var).pid) != group
    assert os.getpgid(redis_process(var).pid) != group


def test_servers_of_a_killed_owner_are_taken_over_and_stopped_by_the_next(var: Path, script: Callable) -> None:
    owner = script(HOLD, var)
    owner.line()
    owner.popen.kill()
    owner.popen.wait()
    left = [postmaster(var), redis_process(var)]
    assert all(owned.alive(process) for process in left)
    with running(var):
        assert [postmaster(var), redis_process(var)] == left
    assert not any(owned.alive(process) for process in left)


def test_servers_of_a_killed_owner_can_be_stopped_without_a_next(var: Path, script: Callable) -> None:
    owner = script(HOLD, var)
    owner.line()
    assert stop_unused(var) is None, "the owner works with them"
    owner.popen.kill()
    owner.popen.wait()
    assert stop_unused(var) == ["Redis", "PostgreSQL"]
    assert not both_answer(var)


def test_everything_killed_at_once_is_started_again_with_its_data(var: Path, script: Callable) -> None:
    owner = script(HOLD, var)
    owner.line()
    sql(var, "CREATE TABLE kept AS SELECT 1 AS one")
    for process in (psutil.Process(owner.popen.pid), postmaster(var), redis_process(var)):
        process.kill()
    owner.popen.wait()
    with running(var):
        assert sql(var, "SELECT one FROM kept") == [(1,)]


def test_a_killed_postmaster_is_replaced_under_those_at_work(var: Path) -> None:
    with running(var) as servers:
        sql(var, "CREATE TABLE kept AS SELECT 1 AS one")
        busy = psycopg.connect(addresses(var).database_url)
        busy.execute("SELECT 1")
        killed = postmaster(var)
        killed.kill()
        assert servers.ensure() == ["PostgreSQL"]
        assert postmaster(var) != killed
        assert sql(var, "SELECT one FROM kept") == [(1,)]
        assert servers.ensure() == []
        busy.close()


def test_a_server_process_left_by_a_killed_postmaster_is_ended_before_the_next_starts(var: Path) -> None:
    with running(var) as servers:
        busy = psycopg.connect(addresses(var).database_url)
        backend = psutil.Process(busy.info.backend_pid)
        backend.suspend()  # it cannot notice that its postmaster is gone
        postmaster(var).kill()
        assert servers.ensure() == ["PostgreSQL"]
        assert not owned.alive(backend)
        busy.close()


def test_a_killed_redis_is_replaced_with_what_it_had_written(var: Path) -> None:
    import redis as client

    with running(var) as servers:
        connection = client.Redis(unix_socket_path=str(redis_socket(var)))
        connection.set("kept", "yes")
        time.sleep(1.1)  # its log is flushed every second: the loss it is allowed
        redis_process(var).kill()
        assert servers.ensure() == ["Redis"]
        assert connection.get("kept") == b"yes"
        assert connection.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        connection.close()


def test_numbers_given_again_to_other_programs_are_not_taken_for_servers(var: Path) -> None:
    with running(var):
        pass
    for pid_file in (var / "postgres/data/postmaster.pid", var / "redis/redis.pid"):
        pid_file.write_text(f"{os.getpid()}\n")
    socket_folder(var).mkdir()
    (socket_folder(var) / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    with running(var):
        assert both_answer(var)
    assert psutil.Process().is_running()


def test_a_data_folder_half_made_is_made_anew(empty_var: Path) -> None:
    draft = empty_var / "postgres/making-0123"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    half = empty_var / "postgres/data/base"
    half.mkdir(parents=True)
    with running(empty_var):
        assert both_answer(empty_var)
    assert not draft.exists()


def test_a_killed_start_leaves_nothing_that_hinders_the_next(empty_var: Path, script: Callable) -> None:
    starter = script(HOLD, empty_var)
    until = time.monotonic() + 10
    while not list(empty_var.glob("postgres/making-*")) and time.monotonic() < until:
        time.sleep(0.005)
    starter.popen.kill()
    starter.popen.wait()
    with running(empty_var):
        assert both_answer(empty_var)
        assert not list(empty_var.glob("postgres/making-*"))


def test_a_damaged_data_folder_is_told_with_the_end_of_the_log(var: Path) -> None:
    with running(var):
        pass
    (var / "postgres/data/global/pg_control").write_bytes(b"nothing")
    with pytest.raises(ServerFailed, match="pg_control"), running(var):
        pass
    assert not redis(var).ready(), "what had been started is stopped again"


def test_a_folder_that_is_a_file_is_told(empty_var: Path) -> None:
    empty_var.parent.mkdir(exist_ok=True)
    empty_var.write_text("")
    with pytest.raises(FolderUnusable), running(empty_var):
        pass


def test_a_full_disk_is_told_as_such(empty_var: Path, script: Callable) -> None:
    """With a tiny file system of its own, in a mount namespace that ends with the process."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a tiny disk")
    empty_var.mkdir(parents=True)
    inner = script(
        """
        import ctypes, subprocess, sys
        from pathlib import Path
        from orchestrator_site.embedded.servers import running
        empty_var = Path(sys.argv[1])
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x00020000) or subprocess.run(["mount", "--make-rprivate", "/"]).returncode:
            print("no namespace"); raise SystemExit
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(empty_var)]).returncode:
            print("no namespace"); raise SystemExit
        try:
            with running(empty_var): pass
        except Exception as error:
            print(type(error).__name__, error)
        """,
        empty_var,
    )
    said = inner.finish()
    if said.endswith("no namespace"):
        pytest.skip("mounting is not allowed here")
    assert said.startswith(DiskFull.__name__), said
    assert "Free some space" in said


def test_an_ordinary_user_runs_them_too(script: Callable, stranger: pwd.struct_passwd) -> None:
    home = Path(stranger.pw_dir)
    his = script(HOLD, home / "var", **as_user(stranger))
    assert his.line() == "running"
    assert postmaster(home / "var").uids().real == stranger.pw_uid
    with running(home / "var"):
        assert both_answer(home / "var"), "root, at work in the user's folder, uses that user's servers"
        assert his.finish() == "left"
    with running(home / "var"):
        assert postmaster(home / "var").uids().real == stranger.pw_uid, "and runs them as that user"
    again = script(HOLD, home / "var", **as_user(stranger))
    assert again.line() == "running", "whose files root has left to the user"
    assert again.finish() == "left"


def as_user(user: pwd.struct_passwd) -> dict[str, object]:
    """Options for a script run as ``user`` from a copy of the product, which may stand in a closed folder."""
    home = Path(user.pw_dir)
    shutil.copytree(ROOT / "orchestrator_site", home / "orchestrator_site", dirs_exist_ok=True)
    packages = Path(psycopg.__file__).parent.parent
    python = next((each for each in interpreters() if open_to_all(each)), None)
    if python is None or not open_to_all(packages):
        pytest.skip("the Python in use is closed to ordinary users")
    return {
        "python": python,
        "user": user.pw_uid,
        "group": user.pw_gid,
        "extra_groups": [],
        "cwd": home,
        "env": {"HOME": str(home), "PYTHONPATH": f"{home}:{packages}", "PATH": os.defpath},
    }


def interpreters() -> list[Path]:
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [Path(sys.executable), *(Path(folder) / name for folder in ("/usr/local/bin", "/usr/bin"))]


def open_to_all(path: Path) -> bool:
    return path.exists() and all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)
