"""A leg whose worker loses the database comes again, and what is to follow it follows it then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import Signature, current_app
from celery.app.trace import build_tracer
from django.db import OperationalError

from orchestrator_site import clock
from projects import tasks
from projects.services import execution
from tests.builders import agent_that, look, project_of, states

pytestmark = pytest.mark.django_db(transaction=True)

TWO_POOLS = """
phases:
  - key: one
    steps:
      - {key: a, agent: first}
      - {key: b, agent: second, queue: io, needs: [a]}
"""


class Queue:
    """What Celery and we hand over, in that order, instead of a broker."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def take(self, signature: Signature[Any], *_: Any, **options: Any) -> None:
        self.messages.append({"task": signature.task, "args": signature.args, "kwargs": signature.kwargs})
        self.messages[-1] |= {"options": {**signature.options, **options}}

    def deliver(self) -> None:
        """Do the first that is due as a worker of Celery does, which sends what follows in its chain."""
        message = min(self.messages, key=lambda each: float(each["options"].get("countdown") or 0))
        self.messages.remove(message)
        task, options = current_app.tasks[message["task"]], message["options"]
        request = {
            "delivery_info": {"routing_key": options["queue"]},
            "timelimit": [options.get("time_limit"), None],
            "chain": options.get("chain"),
        }
        tracer = build_tracer(task.name, task, app=current_app._get_current_object())
        tracer(str(clock.new_id()), message["args"], message["kwargs"], request)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    queue = Queue()
    monkeypatch.setattr(Signature, "apply_async", lambda self, *args, **options: queue.take(self, *args, **options))
    return queue


def test_the_leg_that_follows_on_another_pool_follows_it_once_it_was_done(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent_that(lambda context: 1, "first")
    agent_that(lambda context: 2, "second", queue="io")
    project = project_of(TWO_POOLS)
    lost: list[str] = []
    real = execution.run_leg

    def run_leg(*args: Any, **kwargs: Any) -> Any:
        if not lost:
            lost.append("database")
            raise OperationalError("the server closed the connection unexpectedly")
        return real(*args, **kwargs)

    monkeypatch.setattr(tasks.execution, "run_leg", run_leg)
    assert len(queue.messages) == 1
    for _ in range(10):
        if queue.messages:
            queue.deliver()

    assert lost
    assert states(project) == {"a": "completed", "b": "completed"}
    assert look(project).state == "completed", "and nobody had to recover anything"
