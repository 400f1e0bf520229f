"""What tests of behaviour may ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from celery.backends.redis import ResultConsumer

from orchestrator_site.conf import conf
from projects import canvas
from projects.models import Project
from projects.services import advancing, beginning, publishing, restoring
from tests.behaviour.pausing import ABOVE
from tests.behaviour.remote import ENVIRONMENT, Remote, remotes
from tests.behaviour.spending import spend, spend_and_fail
from tests.builders import agent_that, blueprint_of, child_of, drive, project_of


@pytest.fixture(autouse=True)
def results_unheard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever publishes a chord subscribes to the results of its parts. Here they never come, and what cancels that is
    the garbage collector, at any time: also when Redis is gone."""
    monkeypatch.setattr(ResultConsumer, "consume_from", lambda consumer, task_id: None)


@pytest.fixture
def by_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes something asks a worker to go on, and none is there: each look is the test's own."""

    def ask(project_id: UUID) -> None:
        publishing._publish([canvas.advance_signature(project_id)], [])

    def begin(project_id: UUID, by: str, *, asked: bool = True) -> bool:
        return beginning.begin(project_id, by=by, asked=asked)

    monkeypatch.setattr(publishing, "_advance", ask)
    monkeypatch.setattr(advancing, "begin", begin)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is published, and goes nowhere."""
    found: list[Any] = []
    monkeypatch.setattr(publishing, "_publish", lambda signatures, steps: found.extend(signatures))
    return found


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Agents at addresses of this machine may be called."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    conf.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    conf.cache_clear()


@pytest.fixture
def remote(reachable: pytest.MonkeyPatch) -> Iterator[Callable[..., Remote]]:
    """Makes agents behind addresses; see ``remote``."""
    with remotes() as make:
        yield make


@pytest.fixture
def echo() -> None:
    """An agent that says what its step gives it to say."""
    agent_that(lambda context: context.params.get("say"), "echo")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each step was done. Projects that were brought back wait for ``drive``, to be looked at first."""
    done: Counter[str] = Counter()
    monkeypatch.setattr(restoring, "publishing", SimpleNamespace(wake=lambda _: None))

    def says(context: Any) -> Any:
        done[context.step_key] += 1
        context.record_usage(tokens_in=10, tokens_out=5, cost=0.5)
        return context.params.get("say")

    agent_that(says, "says")
    return done


@pytest.fixture
def family(echo: None) -> dict[str, Project]:
    """A project, one below it, and one below that."""
    blueprint_of(
        """
        name: grandchild
        version: 1
        title: G
        phases: [{key: one, steps: [{key: rest, kind: wait, wait: {for: 1h}}, {key: work, agent: echo}]}]
        """
    )
    blueprint_of(
        """
        name: child
        version: 1
        title: C
        phases:
          - key: one
            steps:
              - {key: below, kind: project, project: {blueprint: grandchild}}
              - {key: consent, kind: approval, approval: {title: May we?, deadline: 3h}}
        """
    )
    parent = drive(project_of(ABOVE))
    child = drive(child_of(parent, "below"), steps=0)
    grandchild = drive(child_of(child, "below"), steps=0)
    return {"parent": parent, "child": child, "grandchild": grandchild}


@pytest.fixture
def spenders() -> None:
    """Agents that use something: one that gives a result for it, and one that fails."""
    agent_that(spend, "spender")
    agent_that(spend_and_fail, "failing-spender")
