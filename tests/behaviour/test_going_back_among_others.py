"""Going back with what else a project may hold: waits, children, interventions, deadlines, large results."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models.functions import Now

from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects import orchestrator
from projects.blueprints.load import load_text
from projects.models import Checkpoint, Project, Step, Timer
from projects.services import advancing, checkpoints, control, restoring, timers
from projects.services.contexts import Results
from projects.services.registration import register_blueprint
from tests.builders import agent_that, claim, drive, look, project_of, result, run, states, step

pytestmark = pytest.mark.django_db(transaction=True)

BELOW = """
name: below
version: 1
title: Below
phases: [{key: c, steps: [{key: w, kind: wait, wait: {signal: go}}]}]
"""


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    agent_that(lambda context: done.append(context.step_key) or context.params.get("say"), "says")
    agent_that(lambda context: 1 / 0, "breaks")
    monkeypatch.setattr(restoring, "publishing", SimpleNamespace(wake=lambda _: None))
    return done


def back(project: Project, **where: Any) -> restoring.Restored:
    return restoring.restore(project_id=project.pk, actor=system_actor(), **where)


def same(project: Project, number: int = 1) -> None:
    reading = checkpoints.read_now(project.pk)
    _, rebuilt = checkpoints.at_event(project_id=project.pk, event=reading.event, number=number)
    assert rebuilt == reading.mark


def test_a_step_that_waits_is_stopped_and_waits_anew() -> None:
    project = drive(
        project_of("""
    phases:
      - key: one
        steps:
          - {key: a, agent: says, params: {say: 1}}
          - {key: w, kind: wait, wait: {for: 1h}, needs: [a]}
    """)
    )
    assert step(project, "w").state == "waiting"
    same(project)
    old = step(project, "w")
    control.pause(project_id=project.pk, actor=system_actor())
    event = history.events_of(project.pk).filter(kind="step.completed", subject="a").get().id

    back(project, event=event)

    assert not Timer.objects.filter(step=old).exists()
    old.refresh_from_db()
    assert old.state == "cancelled"
    control.resume(project_id=project.pk, actor=system_actor())
    drive(project)
    assert (step(project, "w").state, step(project, "w").round) == ("waiting", 2)
    assert Timer.objects.filter(step=step(project, "w")).exists()


def test_a_list_of_waits_keeps_the_waits_that_are_over() -> None:
    project = drive(
        project_of("""
    phases:
      - key: one
        steps:
          - {key: w, kind: wait, wait: {signal: go}, for_each: "[1, 2, 3]"}
          - {key: z, agent: says, needs: [w]}
    """)
    )
    assert set(Step.objects.filter(project=project, key__startswith="w[").values_list("state", flat=True)) == {
        "waiting"
    }
    orchestrator.signal(project, "go", payload=7)
    advancing.advance(project.pk)
    before = {s.key: s.state for s in Step.objects.filter(project=project, key__startswith="w[")}
    assert sorted(before.values()) == ["completed", "waiting", "waiting"], before
    same(project)
    control.pause(project_id=project.pk, actor=system_actor())
    taken = checkpoints.request(project_id=project.pk, actor=system_actor())
    control.resume(project_id=project.pk, actor=system_actor())
    for _ in range(2):
        orchestrator.signal(project, "go", payload=8)
    assert drive(project).state == "completed"

    back(project, number=taken.number)

    now = {s.key: s.state for s in Step.objects.filter(project=project, key__startswith="w[", round=2)}
    assert sorted(now.values()) == ["completed", "pending", "pending"]
    for _ in range(2):
        drive(project)
        orchestrator.signal(project, "go", payload=9)
    assert drive(project).state == "completed"


def test_a_child_is_cancelled_and_begun_anew_and_has_checkpoints_of_its_own() -> None:
    register_blueprint(loaded=load_text(BELOW))
    project = drive(
        project_of("""
    phases:
      - key: one
        steps:
          - {key: a, agent: says}
          - {key: p, kind: project, project: {blueprint: below}, needs: [a]}
    """)
    )
    child = Project.objects.get(parent_step__project=project)
    drive(child)
    assert Checkpoint.objects.filter(project=child, occasion="start").exists()
    control.pause(project_id=project.pk, actor=system_actor())
    assert Checkpoint.objects.filter(project=child, occasion="pause").exists()
    same(project)
    same(child)

    back(project, number=1)

    advancing.advance(child.pk)
    assert look(child).state == "cancelled"
    control.resume(project_id=project.pk, actor=system_actor())
    drive(project)
    assert Project.objects.filter(parent_step__project=project).count() == 2


def test_a_phase_that_fails_while_steps_wait_and_run_is_told_by_the_history() -> None:
    project = drive(
        project_of("""
    defaults: {retry: {max_attempts: 1}}
    phases:
      - key: one
        steps:
          - {key: a, agent: breaks}
          - {key: r, agent: says}
          - {key: w, kind: wait, wait: {for: 1h}}
          - {key: l, kind: wait, wait: {for: 1h}, for_each: "[1, 2]"}
    """),
        steps=0,
    )
    assert claim(step(project, "r")) is not None
    run(step(project, "a"))
    advancing.advance(project.pk)

    assert look(project).state == "running"
    assert (states(project)["r"], states(project)["w"], states(project)["l[0]"]) == (
        "running",
        "cancelled",
        "cancelled",
    )
    same(project)


def test_after_an_intervention_one_goes_back_to_any_event_before_or_after_it(calls: list[str]) -> None:
    project = drive(
        project_of("""
    phases:
      - key: one
        steps:
          - {key: a, agent: says, params: {say: 1}}
          - {key: b, agent: says, params: {say: 2}, needs: [a]}
          - {key: c, agent: says, params: {say: 3}, needs: [b]}
    """),
        steps=1,
    )
    first = history.events_of(project.pk).filter(kind="step.completed", subject="a").get().id
    orchestrator.intervene(project, "skip", "b", result={"stand": "in"})
    assert Checkpoint.objects.filter(project=project, label="after skip b").exists()
    project = drive(project)
    assert (project.state, states(project)["b"]) == ("completed", "skipped")
    started = history.events_of(project.pk).filter(kind="step.started", subject="c").get().id
    back(project, event=started)  # after the skip: it is kept, with its stand-in
    assert states(project)["b"] == "skipped"
    assert result(project, "b") == {"stand": "in"}
    assert step(project, "b").error["code"] == "skipped_by_operator"
    calls.clear()
    assert drive(project).state == "completed"
    assert calls == ["c"]
    plan = look(project).plan_version

    back(project, event=first)  # before it: the plan is that of then
    assert look(project).plan_version == plan + 1
    calls.clear()
    assert drive(project).state == "completed"
    assert calls == ["b", "c"]


def test_a_failure_that_an_operator_had_retried_is_done_again_and_not_kept(calls: list[str]) -> None:
    project = drive(
        project_of("""
    defaults: {retry: {max_attempts: 1}}
    phases:
      - key: one
        steps:
          - {key: a, agent: breaks, on_failure: skip_dependents}
          - {key: b, agent: says, needs: [a]}
          - {key: c, agent: breaks}
    """)
    )
    assert (project.state, states(project)) == ("failed", {"a": "failed", "b": "skipped", "c": "failed"})
    at = history.events_of(project.pk).filter(kind="step.skipped", subject="b").get().id
    agent_that(lambda context: calls.append(context.step_key) or "mended", "breaks")
    orchestrator.intervene(project, "retry", "a")
    orchestrator.intervene(project, "retry", "c")
    project = drive(project)
    assert (project.state, set(states(project).values())) == ("completed", {"completed"}), states(project)
    calls.clear()

    shown = restoring.preview(project_id=project.pk, event=at)
    back(project, event=at)

    assert shown.steps_kept == ()
    assert drive(project).state == "completed"
    assert sorted(calls) == ["a", "b", "c"]


def test_a_project_that_its_deadline_failed_comes_back_and_runs() -> None:
    project = drive(
        project_of("""
    deadline: {after: 1h, otherwise: fail}
    phases:
      - key: one
        steps: [{key: a, agent: says}, {key: w, kind: wait, wait: {for: 5h}, needs: [a]}]
    """)
    )
    Timer.objects.filter(project=project, kind="project").update(due_at=Now() - timedelta(seconds=1))
    Project.objects.filter(pk=project.pk).update(deadline=Now() - timedelta(seconds=1))
    timers.fire_due()
    advancing.advance(project.pk)
    assert (look(project).state, look(project).directive) == ("failed", "cancel")

    back(project, number=1)

    assert (look(project).state, look(project).directive) == ("running", "run")
    drive(project)
    assert (look(project).state, step(project, "w").state) == ("running", "waiting")


def test_a_completed_project_whose_deadline_is_still_to_come_has_its_clock_again() -> None:
    project = drive(
        project_of("""
    deadline: {after: 1h}
    phases: [{key: one, steps: [{key: a, agent: says}]}]
    """)
    )
    assert project.state == "completed"
    assert not Timer.objects.filter(project=project).exists()
    back(project, number=1)
    assert Timer.objects.filter(project=project, kind="project").exists()


def test_a_large_result_is_carried_with_what_was_kept_aside(calls: list[str]) -> None:
    large = "x" * 200_000
    agent_that(lambda context: calls.append(context.step_key) or large, "large")
    project = drive(
        project_of("""
    phases:
      - key: one
        steps:
          - {key: a, agent: large}
          - {key: b, agent: says, params: {say: "${results.a}"}, needs: [a]}
    """)
    )
    assert step(project, "a").result_blob_id is not None
    at = history.events_of(project.pk).filter(kind="step.completed", subject="a").get().id
    calls.clear()

    back(project, event=at)
    drive(project)
    new = orchestrator.rerun(project, "b")
    drive(new)

    for each in (project, new):
        assert step(each, "a").result_blob_id == Step.objects.get(project=project, key="a", round=1).result_blob_id
        assert Results(each.pk)["b"] == large
    assert calls == ["b", "b"]
