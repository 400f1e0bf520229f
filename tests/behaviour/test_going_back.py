"""Going back to a checkpoint, or to any step: nothing committed is overwritten, and the project goes on from there."""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import pytest

from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.errors import NotRebuildable
from projects.models import Approval, Phase, PlanVersion, Project, Step
from projects.models.approval import Verdict
from projects.planning.marks import Mark, PhaseMark, StepMark
from projects.services import approvals, checkpoints, publishing, restoring
from projects.states import StepState
from tests.behaviour.going_back import WHOLE, back, numbers, paused, resumed, through
from tests.builders import agent_that, approver, drive, kinds, look, open_approval, project_of, result, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("calls")]


def committed(project: Project) -> dict[Any, Any]:
    """Every row that is over, with what it holds: none of it may change."""
    rows = Step.objects.filter(project=project, state__in=("completed", "failed", "skipped"))
    return {row["id"]: row for row in rows.values("id", "key", "round", "state", "result", "error", "finished_at")}


def restorable(mark: Mark) -> list[Any]:
    """What a restore brings back of a mark: rounds and attempts count on, and what had only begun has not."""
    return [(phase.key, *_phase(phase)) for phase in mark.phases]


def _phase(phase: PhaseMark) -> tuple[Any, ...]:
    state = {"waiting": "running", "failed": "running", "cancelled": "pending"}.get(phase.state, phase.state)
    return state, phase.round - phase.base_round, phase.comments, [_step(each) for each in phase.steps]


def _step(mark: StepMark) -> tuple[Any, ...]:
    items = [(_state(item.state), item.sha256) for item in mark.items]
    if mark.state == "waiting" and all(state == "pending" for state, _ in items):
        return mark.key, "pending", None, mark.needs, []  # a list of which nothing was done is made anew
    return mark.key, _state(mark.state), mark.sha256, mark.needs, items


def _state(state: StepState) -> str:
    return "pending" if state in {"running", "ready", "cancelled"} else state


# --- going back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_completed_project_goes_back_to_any_phase_boundary_and_completes_again(
    number: int, calls: Counter[str]
) -> None:
    project = through(project_of(WHOLE))
    assert project.state == "completed"
    before, done = committed(project), calls.copy()
    target = checkpoints.read(numbers(project)[number]).mark

    restored = back(project, number=number)

    assert restored.project.state == "running"
    assert restored.project.finished_at is None
    assert restorable(checkpoints.read_now(project.pk).mark) == restorable(target)
    assert restored.before.occasion == "restore"
    ended = through(project)
    assert (ended.state, ended.failure) == ("completed", "")
    assert {key: row for key, row in committed(project).items() if key in before} == before
    assert result(project, "post") == "posted"
    again = calls - done
    wanted = {1: ["draft", "build", "out"], 2: ["build", "out"], 3: ["out"], 4: []}[number]
    assert set(again) == {
        s.key for s in Step.objects.filter(project=project, phase__key__in=wanted).exclude(key__in=["calls", "maybe"])
    }
    assert all(count == 1 for count in again.values())


def test_every_step_boundary_can_be_gone_back_to_and_completed_from(calls: Counter[str]) -> None:
    project = through(project_of(WHOLE))
    ends = list(
        history.events_of(project.pk)
        .filter(kind__in=["step.completed", "step.skipped", "step.expanded"])
        .order_by("id")
    )
    assert len(ends) == 12
    for event in reversed(ends):
        _, target = checkpoints.at_event(project_id=project.pk, event=event.id)
        before, done = committed(project), calls.copy()

        back(project, event=event.id)

        assert restorable(checkpoints.read_now(project.pk).mark) == restorable(target), event
        assert through(project).state == "completed", event
        assert {key: row for key, row in committed(project).items() if key in before} == before
        kept = {s.key for _, s in target.steps if s.state is StepState.COMPLETED and not s.items}
        assert not kept & set(calls - done)


def test_one_may_go_forward_again_and_what_people_had_approved_comes_back(calls: Counter[str]) -> None:
    project = through(project_of(WHOLE))
    approved = Approval.objects.get(project=project)
    back(project, number=1)
    assert Approval.objects.get(pk=approved.pk).state == "void"
    paused(project)
    calls.clear()

    back(project, number=3)  # after build

    mark = checkpoints.read_now(project.pk).mark
    assert restorable(mark) == restorable(checkpoints.read(numbers(project)[3]).mark)
    carried = Approval.objects.get(project=project, state="approved")
    assert (carried.pk, carried.phase.state) != (approved.pk, "pending")
    assert (carried.round, carried.phase.round, carried.evidence) == (3, 3, approved.evidence)
    assert [(d.user, d.decided_at, d.evidence_digest) for d in carried.decisions.all()] == [
        (d.user, d.decided_at, approved.evidence_digest) for d in approved.decisions.all()
    ]
    assert through(project).state == "completed"
    assert set(calls) == {"post"}
    assert result(project, "left") == "Calm"


def test_a_failed_project_goes_back_and_is_done_again_from_there(calls: Counter[str]) -> None:
    agent_that(lambda context: 1 / 0 if context.step_key == "join" else context.params.get("say"), "says")
    project = through(project_of("defaults: {retry: {max_attempts: 1}}\n" + WHOLE))
    assert project.state == "failed"
    agent_that(lambda context: context.params.get("say"), "says")

    back(project, number=max(numbers(project)))

    now = look(project)
    assert (now.state, now.failure, now.failure_code, now.finished_at) == ("running", "", "", None)
    assert {p.key: (p.state, p.failure) for p in Phase.objects.filter(project=project)} == {
        "draft": ("completed", ""),
        "build": ("pending", ""),
        "out": ("pending", ""),
    }
    assert through(project).state == "completed"


def test_going_back_to_a_failure_tries_the_failed_step_again_and_keeps_the_others(calls: Counter[str]) -> None:
    agent_that(lambda context: 1 / 0 if context.step_key == "join" else context.params.get("say"), "says")
    project = through(project_of("defaults: {retry: {max_attempts: 1}}\n" + WHOLE))
    failed = history.events_of(project.pk).filter(kind="step.failed", subject="join").get()
    done: list[str] = []
    agent_that(lambda context: done.append(context.step_key) or context.params.get("say"), "says")

    back(project, event=failed.id)

    assert through(project).state == "completed"
    assert done == ["join", "post"]


def test_a_project_that_runs_again_goes_on_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    project = through(project_of(WHOLE))
    monkeypatch.setattr(restoring, "publishing", publishing)

    back(project, number=1)

    assert (look(project).state, step(project, "facts").state) == ("running", "ready")
    back_at_the_end = through(project)
    back(back_at_the_end, number=4)
    assert look(project).state == "completed"


def test_a_paused_project_stays_paused_until_it_is_resumed() -> None:
    project = drive(project_of(WHOLE), steps=3)
    paused(project)

    back(project, number=1)

    assert (look(project).state, look(project).directive) == ("running", "pause")
    assert drive(project).state == "running"
    assert states(project)["facts"] == "pending"
    assert through(project).state == "completed"


def test_rounds_of_rework_are_counted_on_as_they_stood() -> None:
    project = drive(project_of(WHOLE))
    reject(project, "first")
    drive(project)
    paused(project)
    checkpoints.request(project_id=project.pk, actor=system_actor(), label="in round two")
    number = max(numbers(project))
    resumed(project)
    reject(project, "second")
    drive(project)
    paused(project)

    back(project, number=number)

    phase = Phase.objects.get(project=project, key="draft")
    assert (phase.round, phase.iteration, phase.comments) == (4, 2, ["first"])
    resumed(project)
    drive(project)
    reject(project, "again")
    drive(project)
    assert Phase.objects.get(project=project, key="draft").iteration == 3
    reject(project, "no more")  # three rounds were allowed
    assert drive(project).state == "failed"
    assert "no round is left of 3" in look(project).failure


def reject(project: Project, comment: str) -> None:
    who = approver(f"r{Approval.objects.count()}-{comment.replace(' ', '')}")
    approvals.decide(
        approval_id=open_approval(project).pk, user=who, verdict=Verdict.REJECT, comment=comment, via="test"
    )
    drive(project, steps=0)


def test_a_list_that_was_partly_done_keeps_what_was_done_of_it(calls: Counter[str]) -> None:
    project = through(project_of(WHOLE))
    second = history.events_of(project.pk).filter(kind="step.completed", subject="calls[1]").get()
    calls.clear()

    back(project, event=second.id)

    rows = {row.key: row for row in Step.objects.filter(project=project, round=2)}
    assert {key: row.state for key, row in rows.items() if key.startswith("calls")} == {
        "calls": "waiting",
        "calls[0]": "completed",
        "calls[1]": "completed",
        "calls[2]": "ready",
    }
    assert rows["calls[1]"].carried_from.round == 1
    assert through(project).state == "completed"
    assert {key: count for key, count in calls.items() if key.startswith("calls")} == {"calls[2]": 1}
    assert result(project, "brief") == [1, 2, 3]


def test_a_step_that_failed_without_harm_stays_failed() -> None:
    agent_that(lambda context: 1 / 0, "breaks")
    project = drive(
        project_of("""
        defaults: {retry: {max_attempts: 1}}
        phases:
          - key: one
            steps:
              - {key: a, agent: breaks, on_failure: continue}
              - {key: b, agent: says, needs: [a]}
              - {key: c, agent: breaks, on_failure: skip_dependents}
              - {key: d, agent: says, needs: [c]}
              - {key: e, agent: says, needs: [b]}
        """)
    )
    assert project.state == "completed"
    event = history.events_of(project.pk).filter(kind="step.skipped", subject="d").get()

    back(project, event=event.id)

    assert states(project) == {"a": "failed", "b": "completed", "c": "failed", "d": "skipped", "e": "pending"}
    assert step(project, "d").error["code"] == "need_not_met"
    assert drive(project).state == "completed"


# --- approvals, plans --------------------------------------------------------------------------------------------


def test_what_was_approved_is_not_carried_where_it_is_not_what_stands() -> None:
    project = through(project_of(WHOLE))
    back(project, number=1)
    paused(project)
    Approval.objects.filter(project=project).update(content={"headline": "Forged"})

    with pytest.raises(NotRebuildable, match="not what was decided"):
        back(project, number=3)
    assert "approval.carried" not in kinds(project)


def test_a_carried_approval_holds_and_is_not_asked_again() -> None:
    project = through(project_of(WHOLE))
    back(project, number=1)
    paused(project)

    back(project, number=2)  # right after the gate: the next look checks what was approved there
    resumed(project)
    drive(project)

    assert look(project).state == "completed"
    assert Approval.objects.filter(project=project).count() == 2


def test_a_plan_that_was_changed_since_comes_back_as_its_next_version() -> None:
    project = drive(project_of(WHOLE), steps=2)
    paused(project)
    first = PlanVersion.objects.get(project=project)
    other = copy.deepcopy(first.plan)
    other[1]["steps"][1]["params"] = {"say": "wrong"}  # what an intervention would do to ``right``
    other[2]["steps"].append({**other[2]["steps"][0], "key": "more"})
    PlanVersion.objects.create(project=project, number=2, author="olga", plan=other)
    Project.objects.filter(pk=project.pk).update(plan_version=2)
    Step.objects.filter(project=project, key="right").update(spec={"params": {"say": "wrong"}})
    Step.objects.filter(project=project, key="post").delete()
    taken = checkpoints.request(project_id=project.pk, actor=system_actor())

    back(project, number=2)

    assert look(project).plan_version == 3
    assert PlanVersion.objects.get(project=project, number=3).plan == first.plan
    assert (states(project)["facts"], states(project)["post"]) == ("completed", "pending")
    assert through(project).state == "completed"
    assert (result(project, "right"), result(project, "post")) == ("right", "posted")
    with pytest.raises(NotRebuildable, match="plan was changed"):
        checkpoints.at_event(project_id=project.pk, event=checkpoints.read_now(project.pk).event, number=taken.number)
