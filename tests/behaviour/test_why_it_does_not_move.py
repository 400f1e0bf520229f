"""Every step that is neither over nor running says why, whatever has happened; the project says what comes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestrator_site import clock
from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.models import Project, Step, Worker
from projects.models.approval import Verdict
from projects.services import advancing, approvals, causes, control, passes, progressing, recovery, signals
from projects.states import STEP
from tests.builders import (
    agent_that,
    approver,
    blueprint_of,
    child_of,
    claim,
    drive,
    later,
    look,
    open_approval,
    project_of,
    ready_steps,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

EVERYTHING = """
phases:
  - key: one
    title: First
    steps:
      - {key: list, agent: echo, params: {say: [1, 2, 3]}}
      - {key: each, agent: echo, for_each: results.list, max_parallel: 1}
      - {key: retried, agent: broken, on_failure: continue, retry: {max_attempts: 2, base: 1h, cap: 1h, jitter: none}}
      - {key: rest, kind: wait, wait: {for: 2h}}
      - {key: rests, kind: wait, for_each: results.list, max_parallel: 2, wait: {for: "${item}h"}}
      - {key: arrived, kind: wait, wait: {signal: delivered, for: 9h}}
      - {key: consent, kind: approval, approval: {title: May we?, approvers: {groups: [legal]}}}
      - {key: below, kind: project, project: {blueprint: below}}
      - {key: io, agent: io-echo}
      - {key: after, agent: echo, needs: [rest, arrived, consent, below]}
    gate: {approval: {title: Enough?}}
  - key: two
    title: Second
    steps: [{key: last, agent: echo}]
"""
BELOW = """
name: below
version: 1
title: Below
phases: [{key: one, steps: [{key: a, kind: wait, wait: {signal: go}}, {key: b, agent: echo, needs: [a]}]}]
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")
    agent_that(lambda context: None, "io-echo", queue="io")
    agent_that(lambda context: 1 / 0, "broken")
    blueprint_of(BELOW)


def alive(*pools: str) -> None:
    now = clock.now()
    for pool in pools:
        Worker.objects.create(id=clock.new_id(), name=pool, host="h", pid=1, pools=[pool], started_at=now, seen_at=now)


def check(project: Project) -> Mapping[str, str]:
    """Each idle step of each phase has a sentence, and no other has; the project has one too."""
    project = look(project)
    steps = list(Step.objects.filter(project=project).select_related("parent"))
    told = progressing.why(project, steps)
    for each in steps:
        idle = each.state in STEP.live and each.state != "running"
        assert bool(told.get(each.pk)) == idle, f"{each.key} is {each.state} and says {told.get(each.pk)!r}"
    assert progressing.next_action(project)
    return {each.key: told[each.pk] for each in steps if each.pk in told}


def test_whatever_happens_every_step_that_waits_says_why() -> None:
    project = project_of(EVERYTHING, started=False)
    seen: set[str] = set()

    def now(does: Callable[[], object]) -> Mapping[str, str]:
        does()
        sentences = check(project)
        seen.update(
            cause.code for cause in causes.causes_of(look(project), Step.objects.filter(project=project)).values()
        )
        for each in Project.objects.filter(parent_step__project=project):
            check(each)
        return sentences

    now(lambda: None)
    now(lambda: control.start(project_id=project.pk, actor=system_actor()))
    now(lambda: alive("control"))
    now(lambda: advancing.advance(project.pk))
    now(lambda: alive("cpu"))
    claimed = claim(step(project, "list"))
    assert claimed is not None
    now(lambda: control.pause(project_id=project.pk, actor=system_actor()))
    now(lambda: control.resume(project_id=project.pk, actor=system_actor()))
    Step.objects.filter(pk=claimed.id).update(
        state="ready", lease_owner=None, lease_until=None, timeout_at=None, published_at=None
    )
    now(lambda: drive(project, steps=3))
    sentences = now(lambda: drive(child_of(project, "below")))
    assert sentences["below"].startswith("below waits for project ")
    assert "'Below'): a waits for the signal 'go'" in sentences["below"]
    now(lambda: drive(project))
    now(lambda: Step.objects.filter(project=project, state="ready").update(published_at="2000-01-01T00:00Z"))
    now(lambda: drive(project))
    now(lambda: later(project, 2 * 3600))
    now(lambda: drive(project))
    now(lambda: signals.send(project_id=project.pk, name="delivered", actor=system_actor()))
    now(lambda: drive(project))
    child = child_of(project, "below")
    now(lambda: control.pause(project_id=child.pk, actor=system_actor()))
    now(lambda: control.resume(project_id=child.pk, actor=system_actor()))
    now(lambda: signals.send(project_id=child.pk, name="go", actor=system_actor()))
    now(lambda: drive(child))
    pk = open_approval(project).pk
    anna = approver("anna", "legal")
    now(lambda: approvals.decide(approval_id=pk, user=anna, verdict=Verdict.APPROVE, via="test"))
    now(lambda: drive(project))
    now(lambda: later(project, 9 * 3600))
    now(lambda: drive(project))
    now(lambda: later(project, 9 * 3600))
    now(lambda: drive(project))
    assert open_approval(project).title == "Enough?"
    assert progressing.next_action(look(project)).startswith("Waits for anyone with the right to decide 'Enough?'")
    now(lambda: control.cancel(project_id=project.pk, actor=system_actor()))

    assert {
        "not_started", "pool", "worker", "paused", "items", "retry", "timer", "signal", "approval", "child",
        "needs", "phase", "window", "lost",
    } <= seen, f"the walk has met {sorted(seen)} only"  # fmt: skip


def test_a_project_that_cannot_be_advanced_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: echo}]}]"), steps=0)
    Step.objects.filter(project=project).update(published_at=None)  # it is to be sent, and nobody can
    alive("control")

    def breaks(project_id: UUID, **_: Any) -> None:
        raise KeyError("a row that nobody foresaw")

    with monkeypatch.context() as patch:
        patch.setattr(passes.advancing, "advance", breaks)
        recovery.recover()
    assert history.events_of(project.pk).filter(kind="project.stuck").exists()

    assert "could not be advanced" in progressing.next_action(look(project))
    assert "a row that nobody foresaw" in check(project)["a"]

    drive(project, steps=0)
    assert "could not be advanced" not in progressing.next_action(look(project))


def test_who_knows_about_room_says_why_a_guarded_step_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    project = drive(project_of("phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo}]}]"), steps=0)
    Step.objects.filter(project=project, key="a").update(guarded=True)
    alive("cpu", "control")
    assert check(project)["a"] == "a is ready, and starts where its budgets and limits have room."

    def knows(asked: Project, steps: Sequence[Step]) -> dict[UUID, str]:
        assert asked.pk == project.pk
        return {each.pk: f"{each.key} waits until the budget of 5 EUR is raised." for each in steps}

    monkeypatch.setattr(causes, "ROOM", [knows])
    assert check(project)["a"] == "a waits until the budget of 5 EUR is raised."
    assert progressing.next_action(look(project)) == "a waits until the budget of 5 EUR is raised."


def test_how_many_steps_wait_costs_no_further_query() -> None:
    def cost(number: int) -> int:
        steps = ", ".join(f"{{key: s{n}, kind: wait, wait: {{signal: go}}}}" for n in range(number))
        project = drive(project_of(f"phases: [{{key: one, steps: [{steps}]}}]"))
        with CaptureQueriesContext(connection) as queries:
            progressing.next_action(project)
            progressing.why(project, Step.objects.filter(project=project))
        return len(queries)

    assert cost(2) == cost(40)


def test_a_project_with_much_to_wait_for_says_what_comes_first_and_how_much_more() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - {key: rest, kind: wait, wait: {for: 2h}}
                  - {key: arrived, kind: wait, wait: {signal: go}}
                  - {key: consent, kind: approval, approval: {title: May we?}}
            """
        )
    )
    said = progressing.next_action(look(project))
    assert said.startswith("Waits for anyone with the right to decide 'May we?'")
    assert said.endswith("Beside it 2 more wait; the list of steps says for what.")
    assert not ready_steps(project)
