"""Going back to a checkpoint, or to any step: nothing committed is overwritten, and the project goes on from there."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction

from orchestrator_site import faults
from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.errors import (
    CheckpointDamaged,
    CheckpointNotFound,
    EventNotFound,
    EvidenceChanged,
    NotRebuildable,
    ProjectChanged,
    RefusedInState,
    StepsRunning,
)
from projects.models import Approval, Checkpoint, Phase, PlanVersion, Project, Step
from projects.models.approval import Verdict
from projects.planning.marks import Mark, PhaseMark, StepMark
from projects.services import advancing, approvals, checkpoints, claims, control, progressing, publishing, restoring
from projects.services.workers import this_process
from projects.states import PhaseState, StepState
from tests.builders import (
    agent_that,
    approver,
    claim,
    drive,
    kinds,
    look,
    open_approval,
    project_of,
    ready_steps,
    result,
    run,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

WHOLE = """
phases:
  - key: draft
    steps:
      - {key: facts, agent: says, params: {say: [1, 2, 3]}}
      - {key: calls, agent: says, needs: [facts], for_each: results.facts, params: {say: "${item}"}}
      - {key: maybe, agent: says, needs: [facts], when: "size(results.facts) > 5", params: {say: never}}
      - {key: brief, agent: says, needs: [calls, maybe], params: {say: "${results.calls}"}}
    gate:
      approval: {title: Approve the brief, content: {headline: Calm}, on_reject: rework}
      max_iterations: 3
  - key: build
    steps:
      - {key: left, agent: says, params: {say: "${approvals.draft.headline}"}}
      - {key: right, agent: says, params: {say: right}}
      - {key: join, agent: says, needs: [left, right], params: {say: "${results.left}"}}
    gate:
      quality: [{name: joined, check: "results.join == 'Calm'", otherwise: fail}]
  - key: out
    steps:
      - {key: post, agent: says, params: {say: posted}}
"""


@pytest.fixture(autouse=True)
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


def paused(project: Project) -> Project:
    return control.pause(project_id=project.pk, actor=system_actor())


def resumed(project: Project) -> Project:
    return control.resume(project_id=project.pk, actor=system_actor())


def back(project: Project, **where: Any) -> restoring.Restored:
    return restoring.restore(project_id=project.pk, actor=system_actor(), **where)


def through(project: Project) -> Project:
    """Drive to the end, saying yes to whatever is asked."""
    if look(project).directive == "pause":
        resumed(project)
    for _ in range(20):
        project = drive(project)
        waiting = Approval.objects.filter(project=project, state="open").first()
        if waiting is None:
            return project
        auto = approver(f"a{Approval.objects.count()}{waiting.round}{str(waiting.pk)[-6:]}")
        approvals.decide(approval_id=waiting.pk, user=auto, verdict=Verdict.APPROVE, via="test")
    raise AssertionError("it asks for ever")


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


def numbers(project: Project) -> dict[int, Checkpoint]:
    return {each.number: each for each in Checkpoint.objects.filter(project=project)}


# --- checkpoints -------------------------------------------------------------------------------------------------


def test_checkpoints_are_taken_at_the_start_after_each_phase_at_a_pause_and_on_request() -> None:
    project = drive(project_of(WHOLE), steps=2)
    paused(project)
    checkpoints.request(project_id=project.pk, actor=system_actor(), label="before lunch")
    through(project)

    taken = [(each.occasion, each.label) for each in numbers(project).values()]
    assert [occasion for occasion, _ in taken] == ["start", "pause", "request", "phase", "phase"]
    assert ("request", "before lunch") in taken
    assert "checkpoint.taken" in kinds(project)


def test_a_checkpoint_says_how_the_project_stood() -> None:
    project = drive(project_of(WHOLE))
    mark = checkpoints.read(checkpoints.request(project_id=project.pk, actor=system_actor())).mark

    draft = mark.by_key["draft"]
    assert draft.state is PhaseState.WAITING
    assert draft.approval == str(open_approval(project).pk)
    told = {each.key: (each.state, each.needs, len(each.items)) for each in draft.steps}
    assert told == {
        "facts": (StepState.COMPLETED, (), 0),
        "calls": (StepState.COMPLETED, ("facts",), 3),
        "maybe": (StepState.SKIPPED, ("facts",), 0),
        "brief": (StepState.COMPLETED, ("calls", "maybe"), 0),
    }
    said = history.events_of(project.pk).filter(kind="step.completed", subject="facts").get()
    assert draft.steps[0].sha256 == said.data["result_sha256"]


@pytest.mark.parametrize("damage", ["content", "sha256", "encoding", "cut"])
def test_a_checkpoint_that_was_changed_is_refused_by_its_name(damage: str) -> None:
    project = drive(project_of(WHOLE))
    taken = numbers(project)[1]
    changes = {
        "content": {"content": checkpoints.zlib.compress(checkpoints._unpacked(taken).replace(b"pending", b"skipped"))},
        "sha256": {"sha256": "0" * 64},
        "encoding": {"encoding": "zip"},
        "cut": {"content": bytes(taken.content)[:-9]},
    }
    Checkpoint.objects.filter(pk=taken.pk).update(**changes[damage])
    paused(project)

    for act in (lambda: back(project, number=1), lambda: restoring.preview(project_id=project.pk, number=1)):
        with pytest.raises(CheckpointDamaged, match=r"Checkpoint 1 of project"):
            act()
    assert look(project).directive == "pause"


def test_what_was_made_out_of_the_history_is_what_was_there() -> None:
    """At each moment of a run with rework, retries, a failure and two restores, from every earlier checkpoint."""
    seen: dict[int, Mark] = {}

    def note(project: Project) -> None:
        reading = checkpoints.read_now(project.pk)
        seen[reading.event] = reading.mark

    project = eventful(note)

    assert len(seen) > 25
    for event, mark in seen.items():
        for base in numbers(project).values():
            if base.event <= event:
                _, rebuilt = checkpoints.at_event(project_id=project.pk, event=event, number=base.number)
                assert rebuilt == mark, f"event {event} from checkpoint {base.number}"


def test_a_phase_that_stops_while_a_step_of_it_runs_is_told_by_the_history() -> None:
    agent_that(lambda context: 1 / 0, "breaks")
    project = drive(
        project_of("""
        defaults: {retry: {max_attempts: 1}}
        phases:
          - key: one
            steps:
              - {key: a, agent: breaks}
              - {key: b, agent: says, needs: []}
              - {key: c, agent: says, needs: [b]}
              - {key: d, agent: says, for_each: "[1, 2]"}
        """),
        steps=0,
    )
    assert claim(step(project, "b")) is not None
    assert claim(step(project, "d[0]")) is not None
    run(step(project, "a"))
    advancing.advance(project.pk)

    assert states(project) == {
        "a": "failed", "b": "running", "c": "cancelled", "d": "waiting", "d[0]": "running", "d[1]": "cancelled",
    }  # fmt: skip
    reading = checkpoints.read_now(project.pk)
    _, rebuilt = checkpoints.at_event(project_id=project.pk, event=reading.event, number=1)
    assert rebuilt == reading.mark


def eventful(note: Callable[[Project], None]) -> Project:
    """A project to which much happens; ``note`` is called whenever it stands still."""
    failing = {"right": 1, "join": 99}

    def moody(context: Any) -> Any:
        if failing.get(context.step_key, 0) > 0:
            failing[context.step_key] -= 1
            raise RuntimeError("not today")
        return context.params.get("say")

    agent_that(moody, "says")
    project = project_of("defaults: {retry: {max_attempts: 3, base: 0s, jitter: none}}\n" + WHOLE)

    def slowly() -> None:
        for _ in range(60):
            before = len(kinds(project))
            drive(project, steps=1)
            note(project)
            if len(kinds(project)) == before:
                return

    note(project)
    slowly()
    approvals.decide(
        approval_id=open_approval(project).pk,
        user=approver("bea"),
        verdict=Verdict.REJECT,
        comment="longer",
        via="test",
    )
    slowly()
    paused(project)
    note(project)
    back(project, number=1)
    note(project)
    resumed(project)
    slowly()
    approvals.decide(approval_id=open_approval(project).pk, user=approver("cid"), verdict=Verdict.APPROVE, via="test")
    note(project)
    slowly()
    assert look(project).state == "failed"
    failing.clear()
    back(project, number=max(n for n, each in numbers(project).items() if each.occasion == "phase"))
    note(project)
    slowly()
    assert look(project).state == "completed"
    return look(project)


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


# --- what it tells, and refuses ----------------------------------------------------------------------------------


def test_the_preview_names_what_is_lost_what_is_kept_and_what_was_spent() -> None:
    project = through(project_of(WHOLE))
    approval = Approval.objects.get(project=project)

    shown = restoring.preview(project_id=project.pk, number=1)
    partly = restoring.preview(project_id=project.pk, number=2)

    assert [each.key for each in shown.steps_voided] == [
        "facts",
        "calls",
        "maybe",
        "brief",
        "left",
        "right",
        "join",
        "post",
    ]
    assert shown.steps_kept == ()
    assert [(each.id, each.state) for each in shown.approvals_lapsing] == [(str(approval.pk), "approved")]
    assert {(each.key, each.attempts) for each in shown.effects_not_undone} == {
        ("facts", 1), ("calls", 3), ("brief", 1), ("left", 1), ("right", 1), ("join", 1), ("post", 1),
    }  # fmt: skip
    assert (shown.spent.tokens_in, shown.spent.tokens_out, shown.spent.cost) == (90, 45, 4.5)
    assert [each.key for each in partly.steps_voided] == ["left", "right", "join", "post"]
    assert [each.key for each in partly.steps_kept] == ["facts", "calls", "maybe", "brief"]
    assert partly.approvals_lapsing == ()
    assert set(shown.to_json()) >= {
        "steps_voided", "steps_kept", "approvals_lapsing", "effects_not_undone", "spent", "digest",
    }  # fmt: skip
    assert len({shown.digest, partly.digest}) == 2
    assert restoring.preview(project_id=project.pk, number=1).digest == shown.digest
    assert look(project).state == "completed"


def test_a_preview_is_confirmed_by_its_digest_unless_the_project_has_changed_since() -> None:
    project = drive(project_of(WHOLE), steps=2)
    paused(project)
    shown = restoring.preview(project_id=project.pk, number=1)
    resumed(project)
    drive(project, steps=1)
    paused(project)

    with pytest.raises(ProjectChanged, match="has changed since the preview"):
        back(project, number=1, digest=shown.digest)

    assert states(project)["facts"] == "completed"
    now = restoring.preview(project_id=project.pk, number=1)
    assert back(project, number=1, digest=now.digest).preview.digest == now.digest


def test_what_is_open_is_void_and_cannot_be_decided() -> None:
    project = drive(project_of(WHOLE))
    asked = open_approval(project)
    paused(project)

    back(project, number=1)

    asked.refresh_from_db()
    assert asked.state == "void"
    with pytest.raises(EvidenceChanged):
        approvals.decide(approval_id=asked.pk, user=approver(), verdict=Verdict.APPROVE, via="test")
    assert "approval.voided" in kinds(project)
    assert through(project).state == "completed"


def test_only_a_project_that_stands_still_goes_back() -> None:
    project = drive(project_of(WHOLE, started=False), steps=0)
    for why in ("has not begun", "pause it first"):
        with pytest.raises(RefusedInState, match=why):
            back(project, number=1)
        if why == "has not begun":
            control.start(project_id=project.pk, actor=system_actor())
            drive(project, steps=0)
    assert "pause it first" in restoring.preview(project_id=project.pk, number=1).obstacle

    assert claims.claim(project.pk, step(project, "facts").pk, this_process()) is not None
    paused(project)
    with pytest.raises(StepsRunning, match="facts"):
        back(project, number=1)

    control.cancel(project_id=project.pk, actor=system_actor(), force=True)
    with pytest.raises(RefusedInState, match="final"):
        back(project, number=1)


def test_what_is_not_there_is_named() -> None:
    project = drive(project_of(WHOLE))
    other = drive(project_of(WHOLE))
    paused(project)
    start = numbers(project)[1]

    with pytest.raises(CheckpointNotFound, match="There are 1 to 2"):
        back(project, number=7)
    with pytest.raises(EventNotFound, match="has no event"):
        back(project, event=numbers(other)[1].event)
    with pytest.raises(EventNotFound, match="as early as"):
        back(project, event=history.events_of(project.pk).order_by("id")[0].id)
    with pytest.raises(EventNotFound, match="later than"):
        back(project, number=2, event=start.event)
    with pytest.raises(EventNotFound, match="Say where"):
        back(project)


def test_after_it_nothing_looks_at_the_old_round() -> None:
    project = drive(project_of(WHOLE), steps=2)
    old = step(project, "calls[1]")
    assert old.state == "ready"
    paused(project)
    back(project, number=1)
    resumed(project)
    drive(project, steps=0)

    assert claims.claim(project.pk, old.pk, this_process()) is None
    before = Step.objects.filter(project=project, phase__key="draft", round=1)
    assert not before.filter(state__in=("pending", "ready", "waiting")).exists()
    shown = progressing.progress(project_id=project.pk)
    assert [phase.done for phase in shown.phases] == [0, 0, 0]


# --- approvals, plans, races -------------------------------------------------------------------------------------


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


def test_a_gate_that_took_its_approval_back_is_told_by_the_history() -> None:
    """What was approved changed before anything followed: the phase after it was taken back, and it was asked anew."""
    project = drive(project_of(WHOLE))
    approvals.decide(approval_id=open_approval(project).pk, user=approver(), verdict=Verdict.APPROVE, via="test")
    drive(project, steps=0)
    changed = step(project, "calls[0]")
    Step.objects.filter(pk=changed.pk).update(result=["changed by hand"])
    Phase.objects.filter(project=project, key="draft").update(
        gate={"approval": {"title": "Approve ${results.calls}", "content": {"headline": "Calm"}}}
    )
    advancing.advance(project.pk)

    assert "phase.taken_back" in kinds(project)
    reading = checkpoints.read_now(project.pk)
    for base in numbers(project).values():
        _, rebuilt = checkpoints.at_event(project_id=project.pk, event=reading.event, number=base.number)
        assert rebuilt == reading.mark


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


def test_no_claim_slips_past_a_restore() -> None:
    """Another connection claims what was sent before, all the while: nothing of the old round is ever done."""
    for _ in range(5):
        many = ", ".join(f"{{key: s{n}, agent: says}}" for n in range(20))
        project = drive(project_of(f"phases: [{{key: one, steps: [{many}]}}]"), steps=1)
        old = [each.pk for each in ready_steps(project)]
        paused(project)
        claimed: list[Any] = []
        begun = threading.Event()

        def claim_all(project: Project = project, old: list[Any] = old, claimed: list[Any] = claimed) -> None:
            begun.set()  # noqa: B023 joined below
            for pk in old:
                claimed.append(claims.claim(project.pk, pk, this_process()))
            connection.close()

        thread = threading.Thread(target=claim_all)
        thread.start()
        begun.wait()
        back(project, number=1)
        thread.join()

        assert set(claimed) == {None}
        assert not Step.objects.filter(project=project, round=1, state__in=("ready", "running")).exists()


def test_a_restore_waits_for_who_holds_the_project_and_sees_what_they_did() -> None:
    project = drive(project_of(WHOLE), steps=2)
    paused(project)
    done = threading.Event()
    refusals: list[Exception] = []

    def go_back() -> None:
        try:
            back(project, number=1)
        except RefusedInState as error:
            refusals.append(error)
        done.set()
        connection.close()

    thread = threading.Thread(target=go_back)
    with transaction.atomic():
        Project.objects.lock_for_control(project.pk)
        thread.start()
        assert not done.wait(0.3)
        control.resume(project_id=project.pk, actor=system_actor())
    thread.join()

    assert "pause it first" in str(refusals[0])


def test_a_restore_that_does_not_commit_has_not_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    project = through(project_of(WHOLE))
    before, taken, told = checkpoints.read_now(project.pk).mark, numbers(project), kinds(project)
    monkeypatch.setitem(faults._faults, "in_restore", "raise")

    with pytest.raises(faults.FaultInjected):
        back(project, number=1)

    assert checkpoints.read_now(project.pk).mark == before
    assert (numbers(project), kinds(project)) == (taken, told)


def test_events_that_were_under_way_when_a_checkpoint_was_taken_are_not_lost() -> None:
    """A worker's commit is open while another pauses: its event has the lower number, and comes into sight later."""
    project = drive(project_of(WHOLE), steps=0)
    facts = claim(step(project, "facts"))
    assert facts is not None
    paused_meanwhile = threading.Event()

    def pause() -> None:
        paused(project)
        paused_meanwhile.set()
        connection.close()

    with transaction.atomic():
        claims.complete(claims.Outcome(facts, "[1, 2, 3]", 0, 0, 0.0), this_process())
        thread = threading.Thread(target=pause)
        thread.start()
        assert paused_meanwhile.wait(5)
    thread.join()

    taken = numbers(project)[2]
    ended = history.events_of(project.pk).filter(kind="step.completed").get()
    assert ended.id < taken.event
    assert checkpoints.read(taken).mark.phases[0].steps[0].state is StepState.RUNNING
    reading = checkpoints.read_now(project.pk)
    assert reading.mark.phases[0].steps[0].state is StepState.COMPLETED
    _, rebuilt = checkpoints.at_event(project_id=project.pk, event=reading.event, number=2)
    assert rebuilt == reading.mark
