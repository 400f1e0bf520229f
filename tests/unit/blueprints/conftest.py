"""The blueprint language is pure: its tests need no server."""

from __future__ import annotations

import pytest
from hypothesis import settings

# How long an example takes says something about the machine, not about the language.
settings.register_profile("blueprints", deadline=None)
settings.load_profile("blueprints")


@pytest.fixture(scope="session", autouse=True)
def servers() -> None:
    """In place of the servers that other tests start."""
