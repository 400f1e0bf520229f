"""Agents at local servers, which the guard is told to permit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator_site.conf import conf
from tests.conformance.agents import SECRET


@pytest.fixture(autouse=True)
def permitted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("PHASEGATE_EGRESS_ALLOW", "127.0.0.0/8")
    monkeypatch.setenv("PHASEGATE_AGENT_SECRETS", "SEC@127.0.0.1")
    monkeypatch.setenv("SEC", SECRET)
    conf.cache_clear()
    yield
    monkeypatch.undo()
    conf.cache_clear()
