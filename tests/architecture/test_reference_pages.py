"""Documentation that is made from the code is as fresh as the code."""

from __future__ import annotations

from orchestrator_site.management.commands.reference import stale


def test_pages_made_from_the_code_are_fresh() -> None:
    assert stale() == [], "run `make docs`"
