"""The blueprint language is pure: its tests need no server."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def servers() -> None:
    """In place of the servers that other tests start."""
