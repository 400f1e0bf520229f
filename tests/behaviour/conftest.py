"""What tests of behaviour may ask for."""

from __future__ import annotations

from uuid import UUID

import pytest

from projects import canvas
from projects.services import advancing, beginning, publishing


@pytest.fixture
def by_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes something asks a worker to go on, and none is there: each look is the test's own."""

    def ask(project_id: UUID) -> None:
        publishing._publish([canvas.advance_signature(project_id)], [])

    def begin(project_id: UUID, by: str, *, asked: bool = True) -> bool:
        return beginning.begin(project_id, by=by, asked=asked)

    monkeypatch.setattr(publishing, "_advance", ask)
    monkeypatch.setattr(advancing, "begin", begin)
