"""As whom the embedded servers run: as ourselves, or, since PostgreSQL refuses root, as another system user.

Where root's own folders are closed to everybody else (a checkout or a Python below a home of mode 0700),
their modes are left as they are. The server is given the one capability of entering them, and no other.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orchestrator_site.embedded.errors import FolderUnusable, NoServerUser

SYSTEM_USER = "phasegate"

# Linux capability numbers (capabilities(7)), in order of preference: reading all is less than writing all,
# but containers commonly withhold it and leave root the other.
_ENTERING = {"dac_read_search": 2, "dac_override": 1}


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who runs the servers. ``name`` is None where that is the user of this process."""

    uid: int
    gid: int
    name: str | None = None

    def own(self, folder: Path) -> Path:
        """Make ``folder``, private to this user. Raises ``FolderUnusable`` for another's, or a symlink."""
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = folder.lstat()
            if found.st_uid not in (self.uid, os.geteuid()) or not stat.S_ISDIR(found.st_mode):
                raise FolderUnusable(f"{folder} belongs to another user: remove it, or run as that user.")
            if self.name is not None:
                os.chown(folder, self.uid, self.gid)
            folder.chmod(0o700)
        except OSError as error:
            raise FolderUnusable(f"{folder} cannot be made or changed: {error.strerror}.") from error
        return folder

    def spawn(self, argv: list[str], *, reads: Iterable[Path], output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start ``argv`` in a session of its own, which no Ctrl-C of ours reaches, writing to ``output``.

        ``reads`` are the files and folders that it must be able to reach. Raises ``FolderUnusable``.
        """
        user = group = None
        if self.name is not None:
            closed = next((path for path in reads if not self._reaches(path)), None)
            if closed is not None:
                argv = [*self._entering(closed, Path(argv[0])), *argv]
            else:
                user, group = self.uid, self.gid
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=_plain_environment(),
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else (),
        )

    def _reaches(self, path: Path) -> bool:
        """Whether the user may enter every folder above ``path`` and read it, as far as plain modes say."""
        readable = self._allowed(path, stat.S_IROTH)
        return readable and all(self._allowed(folder, stat.S_IXOTH) for folder in path.resolve().parents)

    def _allowed(self, path: Path, others: int) -> bool:
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & (others << 6))
        return bool(found.st_mode & (others << 3 if found.st_gid == self.gid else others))

    def _entering(self, closed: Path, program: Path) -> list[str]:
        setpriv = shutil.which("setpriv")
        capability = _held_capability(for_closed_program=not self._allowed(program, stat.S_IXOTH))
        if setpriv is None or capability is None:
            raise FolderUnusable(
                f"The embedded servers run as the system user {self.name}, who cannot reach {closed}. "
                "Move the checkout and its Python out of folders that only root may enter, run as an "
                "ordinary user, or name servers of your own in DATABASE_URL and BROKER_URL."
            )
        only = f"-all,+{capability}"
        return [
            setpriv,
            # Without this access(2), by which PostgreSQL looks for its files, ignores the capability.
            "--securebits=+no_setuid_fixup",
            f"--reuid={self.uid}",
            f"--regid={self.gid}",
            "--clear-groups",
            f"--inh-caps={only}",
            f"--ambient-caps={only}",
            f"--bounding-set={only}",
            "--",
        ]


def server_user(var: Path) -> ServerUser:
    """Who runs the servers of ``var``: we, but for root the owner of ``var`` or a system user made for it.

    Raises ``NoServerUser`` where root cannot make one.
    """
    if os.geteuid() != 0:
        return ServerUser(os.geteuid(), os.getegid())
    found = _named_owner(var) or _entry(SYSTEM_USER) or _make_system_user()
    return ServerUser(found.pw_uid, found.pw_gid, found.pw_name)


def _named_owner(var: Path) -> pwd.struct_passwd | None:
    """The ordinary user in whose folder root works, so that the data stay usable by that user."""
    try:
        owner = var.stat().st_uid
        return pwd.getpwuid(owner) if owner != 0 else None
    except (OSError, KeyError):
        return None


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _make_system_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    command += ["--shell", shutil.which("nologin") or "/usr/sbin/nologin", SYSTEM_USER]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        said = done.stderr.strip()
    except FileNotFoundError:
        said = "there is no useradd"
    found = _entry(SYSTEM_USER)  # also where another process was first
    if found is None:
        raise NoServerUser(
            f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} could not be made ({said}). "
            f"Make it yourself, run as an ordinary user, or name a server in DATABASE_URL."
        )
    return found


def _held_capability(*, for_closed_program: bool) -> str | None:
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    held = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapPrm:")), 0)
    # Executing a file whose mode forbids it takes the stronger one.
    enough = {"dac_override"} if for_closed_program else set(_ENTERING)
    return next((name for name, number in _ENTERING.items() if name in enough and held >> number & 1), None)


def _plain_environment() -> Mapping[str, str]:
    """No PG* variable, locale or preload of the caller may change how the servers run."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
