"""What can go wrong with the embedded servers and the supervised processes."""

from __future__ import annotations

from pathlib import Path

from orchestrator_site.errors import InvalidInput, Refused, Unavailable


class EmbeddedServerError(Unavailable):
    """An embedded server cannot be used."""

    code = "embedded_server"


class BinaryMissing(EmbeddedServerError):
    """A program of the embedded servers is not installed."""

    code = "embedded_binary_missing"
    retryable = False


class FolderUnusable(EmbeddedServerError):
    """A folder of the embedded servers cannot be used."""

    code = "embedded_folder_unusable"
    retryable = False


class NoServerUser(EmbeddedServerError):
    """PostgreSQL does not run as root, and there is no other user to run it as."""

    code = "embedded_no_server_user"
    retryable = False


class ServerFailed(EmbeddedServerError):
    """An embedded server ended instead of starting."""

    code = "embedded_server_failed"


class ServerTimeout(EmbeddedServerError):
    """An embedded server did not become ready in time."""

    code = "embedded_server_timeout"


class DiskFull(EmbeddedServerError):
    """The disk that holds the embedded servers is full."""

    code = "embedded_disk_full"
    retryable = False


class CrashLoop(Unavailable):
    """A process dies again and again."""

    code = "crash_loop"
    retryable = False


class PortTaken(InvalidInput):
    """The port is taken by another program."""

    code = "port_taken"


class AlreadyRunning(Refused):
    """The site runs already."""

    code = "already_running"


def failure(server: str, log: Path, what: str, kind: type[EmbeddedServerError]) -> EmbeddedServerError:
    """The error for a server that failed: what happened, the end of its log, and what to do."""
    tail = last_lines(log)
    if "No space left on device" in tail:
        kind, what = DiskFull, f"{server} has no space left on its disk"
        advice = f"Free some space on the disk of {log.parent.parent}, then start again: nothing is lost."
    else:
        advice = "Start again; if it comes back, the whole log may say more."
    return kind(f"{what}.\nThe last lines of {log}:\n{tail}\n{advice}", server=server, log=str(log))


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, indented for a message."""
    try:
        lines = log.read_bytes()[-8192:].decode(errors="replace").splitlines()
    except OSError as error:
        return f"  (unreadable: {error.strerror})"
    return "\n".join(f"  {line}" for line in lines[-count:]) or "  (empty)"
