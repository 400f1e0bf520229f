"""The programs of the embedded servers, as their wheels bring them."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from orchestrator_site.embedded.errors import BinaryMissing


def wheel_folder(package: str) -> Path:
    """Where ``package`` is installed; it is not imported, which would cost more than starting its server."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise BinaryMissing(f"The Python package {package} is not installed: run make again.")
    return Path(spec.origin).parent


def program(path: Path, wheel: str) -> Path:
    """``path``, an executable out of ``wheel``. Raises ``BinaryMissing``."""
    if not os.access(path, os.X_OK):
        raise BinaryMissing(
            f"{path} is missing or not executable: install {wheel} again (remove .venv, then make), "
            "or name servers of your own in DATABASE_URL and BROKER_URL.",
            path=str(path),
        )
    return path
