"""Where the embedded servers listen: unix sockets only, so that no port is taken and no network reaches them.

Settings read this before anything else is there: it is pure, and imports the standard library alone.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

DATABASE = "phasegate"
DATABASE_USER = "postgres"

# sun_path holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_SOCKET_BYTES = 100
_LONGEST_NAME = ".s.PGSQL.5432.lock"
# What no URL parser on the way (dj-database-url, kombu, Celery, redis-py) reads as anything but itself.
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")
# Not tempfile.gettempdir(): every process must come to the same folder, whatever its TMPDIR says.
_SHORT = Path("/tmp")  # noqa: S108 - who makes the folder gives it mode 0700 and checks its owner


@dataclass(frozen=True, slots=True)
class Addresses:
    """URLs of the embedded servers, each in the dialect of the library that reads it."""

    database_url: str
    broker_url: str
    result_url: str
    cache_url: str


def socket_folder(var: Path) -> Path:
    """The folder of the sockets: ``var/run``, or a short one in /tmp where that is too deep or oddly named.

    The short one is named by a digest of the path, and so is the same for every process.
    """
    folder = var.absolute() / "run"
    if len(os.fsencode(folder / _LONGEST_NAME)) <= _SOCKET_BYTES and _PLAIN.fullmatch(str(folder)):
        return folder
    digest = hashlib.sha256(os.fsencode(var.resolve())).hexdigest()[:12]
    return _SHORT / f"phasegate-{digest}"


def redis_socket(var: Path) -> Path:
    """The unix socket of the embedded Redis."""
    return socket_folder(var) / "redis.sock"


def addresses(var: Path) -> Addresses:
    """The addresses of the servers embedded in ``var``, whether they run or not."""
    redis = redis_socket(var)
    return Addresses(
        # The host stands in the query: as an authority it would be read in lower case.
        database_url=f"postgresql://{DATABASE_USER}@/{DATABASE}?host={socket_folder(var)}",
        broker_url=f"redis+socket://{redis}?virtual_host=0",
        result_url=f"redis+socket://{redis}?virtual_host=1",
        cache_url=f"unix://{redis}?db=2",
    )
