"""An agent that would end its process has failed, as any other that raises; who stops the process is obeyed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import billiard.common
import pytest

from projects.models import Attempt
from projects.services import execution
from tests.builders import agent_that, drive, project_of, states, step

pytestmark = pytest.mark.django_db(transaction=True)

ONE = "phases: [{key: p, steps: [{key: a, agent: ends, retry: {max_attempts: 2, base: 0, cap: 0}}]}]"


def exits(_context: Any) -> None:
    sys.exit(2)


async def cancels_itself(_context: Any) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(1)


class OfAnotherKind(BaseException):
    """As libraries raise it that must not be caught by chance."""


def raises_what_nobody_catches(_context: Any) -> None:
    raise OfAnotherKind("gone")


def exits_as_in_a_pool(_context: Any) -> None:
    """There ``sys.exit`` is billiard's own."""
    exec(compile("raise SystemExit(2)", "pool.py", "exec"), {"__name__": "billiard.pool"})  # noqa: S102


@pytest.mark.parametrize("ends", [exits, exits_as_in_a_pool, cancels_itself, raises_what_nobody_catches])
def test_it_has_failed(ends: Callable[[Any], Any]) -> None:
    agent_that(ends, "ends")
    project = drive(project_of(ONE))

    assert (project.state, states(project)) == ("failed", {"a": "failed"})
    assert list(Attempt.objects.order_by("number").values_list("outcome", flat=True)) == ["failed", "failed"]
    error = step(project, "a").error or {}
    assert error["code"] == "agent_failure"
    assert "meant to end its process" in error["message"]


def test_who_is_told_to_stop_meanwhile_gives_the_step_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billiard.common, "_should_have_exited", [False])
    monkeypatch.setattr(billiard.common, "maybe_setsignal", lambda *_: None)
    agent_that(lambda context: billiard.common._shutdown_cleanup(15, None), "ends")
    project = drive(project_of(ONE), steps=0)

    with pytest.raises(SystemExit):
        execution.run_leg(project.pk, [step(project, "a").pk])

    assert states(project) == {"a": "ready"}
    assert Attempt.objects.get().outcome == "handed_back"
