"""Secrets that a trial installation makes for itself once, in files that only their owner may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def kept_secret(path: Path, length: int = 50) -> str:
    """The secret in ``path``, made at the first call; two processes that come at once agree on one."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(length), encoding="ascii")
    try:
        os.link(draft, path)  # fails where another process was first, whose secret then counts
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text(encoding="ascii").strip()


def secret_key(var: Path) -> str:
    """Django's ``SECRET_KEY`` where the environment names none."""
    return kept_secret(var / "secret_key")
