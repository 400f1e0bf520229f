"""The scripts that decide in Redis, each run as one atomic step by the server's own clock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

SERVER_CLOCK = "local t = redis.call('TIME') local now = tonumber(t[1]) + tonumber(t[2]) / 1000000"
"""Lua that sets ``now``; tests that compare with the pure modules bring another one."""

_FOLDER = Path(__file__).resolve().parent / "lua"


@dataclass(frozen=True, slots=True)
class Script:
    """A script and the digest by which the server knows it."""

    name: str
    source: bytes
    sha: str


@dataclass(frozen=True, slots=True)
class Scripts:
    """All of them, on one clock."""

    admit: Script
    ended: Script
    renew: Script
    standing: Script
    force: Script


def scripts(clock: str = SERVER_CLOCK) -> Scripts:
    """The scripts as they stand in ``lua/``."""
    prelude = (_FOLDER / "prelude.lua").read_text()

    def read(name: str) -> Script:
        source = f"{clock}\n{prelude}\n{(_FOLDER / f'{name}.lua').read_text()}".encode()
        # SHA-1 is the name that EVALSHA wants, and guards nothing.
        return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())

    return Scripts(*(read(name) for name in ("admit", "ended", "renew", "standing", "force")))
