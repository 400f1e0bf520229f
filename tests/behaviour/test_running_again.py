"""Running a project again: as a new one, from the start or from a step on; and the two side by side."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from agents.knowledge.store import read_graph, write_graph
from agents.knowledge.values import Node
from orchestrator_site.access.actors import system_actor
from projects import orchestrator
from projects.errors import NotRebuildable, RefusedInState, StepNotFound
from projects.models import Approval, Phase, Project, Step
from projects.models.approval import Verdict
from projects.reports.render_text import content_as_text
from projects.reports.side_by_side import side_by_side
from projects.services import approvals, checkpoints, rerunning
from tests.builders import agent_that, approver, drive, kinds, look, open_approval, project_of, result, states, step

pytestmark = pytest.mark.django_db(transaction=True)

WHOLE = """
inputs: {type: object, properties: {who: {type: string, default: world}}}
documents: {max: 2}
phases:
  - key: draft
    steps:
      - {key: facts, agent: says, params: {say: [1, 2]}}
      - {key: calls, agent: says, needs: [facts], for_each: results.facts, params: {say: "${item}"}}
    gate:
      approval: {title: "Approve the draft", content: {headline: "${inputs.who}"}}
  - key: build
    steps:
      - {key: left, agent: says, params: {say: "${approvals.draft.headline}"}}
      - {key: right, agent: says, params: {say: right}}
      - {key: join, agent: says, needs: [left], params: {say: "${results.left}"}}
      - {key: apart, agent: says, needs: [right], params: {say: apart}}
  - key: out
    steps:
      - {key: post, agent: says, params: {say: posted}}
"""


@pytest.fixture(autouse=True)
def calls() -> Counter[str]:
    done: Counter[str] = Counter()

    def says(context: Any) -> Any:
        done[context.step_key] += 1
        context.record_usage(cost=0.25)
        return context.params.get("say")

    agent_that(says, "says")
    return done


def through(project: Project) -> Project:
    project = drive(project)
    if Approval.objects.filter(project=project, state="open").exists():
        who = approver(f"a{Approval.objects.count()}")
        approvals.decide(approval_id=open_approval(project).pk, user=who, verdict=Verdict.APPROVE, via="test")
    return drive(project)


def again(project: Project, from_step: str | None = None, **options: Any) -> Project:
    return rerunning.rerun(project_id=project.pk, from_step=from_step, actor=system_actor(), **options)


def test_a_project_is_run_again_from_the_start_with_what_it_was_given(calls: Counter[str]) -> None:
    earlier = through(project_of(WHOLE, {"who": "Ada"}, documents=[("a.txt", b"A text."), ("b.txt", b"Another.")]))
    calls.clear()

    project = again(earlier)

    assert (project.rerun_of, project.blueprint, project.inputs) == (earlier, earlier.blueprint, {"who": "Ada"})
    given = [list(each.documents.values_list("position", "name", "content_id")) for each in (earlier, project)]
    assert given[0] == given[1] != []
    assert through(project).state == "completed"
    assert calls == Counter(["facts", "calls[0]", "calls[1]", "left", "right", "join", "apart", "post"])
    assert look(earlier).state == "completed"


def test_from_a_step_on_only_what_comes_after_it_is_done(calls: Counter[str]) -> None:
    earlier = through(project_of(WHOLE, {"who": "Ada"}))
    write_graph(earlier.pk, [Node("n", "thing", "N")], [])
    before = list(Step.objects.filter(project=earlier).order_by("id").values())
    calls.clear()

    project = again(earlier, "left")

    assert states(project) == {
        "facts": "completed", "calls": "completed", "calls[0]": "completed", "calls[1]": "completed",
        "left": "ready", "right": "completed", "join": "pending", "apart": "completed", "post": "pending",
    }  # fmt: skip
    assert step(project, "calls[1]").carried_from == step(earlier, "calls[1]")
    assert step(project, "calls[1]").parent == step(project, "calls")
    carried = Approval.objects.get(project=project)
    assert (carried.state, carried.decisions.count()) == ("approved", 1)
    assert through(project).state == "completed"
    assert set(calls) == {"left", "join", "post"}
    assert result(project, "left") == "Ada"
    assert [node.key for node in read_graph(project.pk).nodes] == ["n"]
    assert list(Step.objects.filter(project=earlier).order_by("id").values()) == before
    reading = checkpoints.read_now(project.pk)
    _, rebuilt = checkpoints.at_event(project_id=project.pk, event=reading.event, number=1)
    assert rebuilt == reading.mark


def test_a_failed_project_is_run_again_from_the_step_that_failed(calls: Counter[str]) -> None:
    agent_that(lambda context: 1 / 0 if context.step_key == "join" else context.params.get("say"), "says")
    earlier = through(project_of("defaults: {retry: {max_attempts: 1}}\n" + WHOLE))
    assert earlier.state == "failed"
    done: list[str] = []
    agent_that(lambda context: done.append(context.step_key) or context.params.get("say"), "says")

    project = through(again(earlier, "join"))

    assert project.state == "completed"
    assert set(done) <= {"join", "apart", "post"}
    assert {"join", "post"} <= set(done)


def test_a_step_that_was_never_reached_or_is_not_there_is_refused_and_nothing_is_made() -> None:
    earlier = drive(project_of(WHOLE))

    with pytest.raises(RefusedInState, match="'draft' before it"):
        again(earlier, "post")
    for wrong in ("nobody", "calls[0]"):
        with pytest.raises(StepNotFound, match="in its plan"):
            again(earlier, wrong)
    assert Project.objects.count() == 1


def test_an_approval_that_would_show_something_else_is_not_carried() -> None:
    text = WHOLE.replace("Approve the draft", "Approve ${project.id}")
    earlier = through(project_of(text))

    with pytest.raises(NotRebuildable, match="begin with a step of that phase"):
        again(earlier, "left")
    assert Project.objects.count() == 1
    assert drive(again(earlier, "calls")).state == "running"


def test_it_says_where_its_results_are_from_and_may_be_left_unstarted() -> None:
    earlier = through(project_of(WHOLE))

    project = again(earlier, "post", started=False)

    assert project.state == "pending"
    told = [event for event in kinds(project) if event in ("step.carried", "approval.carried", "project.created")]
    assert Counter(told) == {"project.created": 1, "step.carried": 8, "approval.carried": 1}
    assert set(Phase.objects.filter(project=project).values_list("key", "state")) == {
        ("draft", "completed"),
        ("build", "completed"),
        ("out", "pending"),
    }


def test_two_runs_stand_side_by_side(calls: Counter[str]) -> None:
    a = through(project_of(WHOLE, {"who": "Ada"}))
    b = through(again(a, "join"))
    other = through(project_of(WHOLE.replace("say: apart}", "say: elsewhere}"), {"who": "Bob"}))

    same, unlike = side_by_side(a, b), side_by_side(a, other)

    assert (same.inputs, same.documents, same.plan, same.findings) == ((), (), (), None)
    pairs = {pair.key: pair for pair in same.steps}
    assert list(pairs) == ["facts", "calls", "left", "right", "join", "apart", "post"]
    assert pairs["join"].differs == ()
    assert pairs["calls"].a is not None
    assert (pairs["calls"].a.attempts, pairs["calls"].a.cost) == (2, 0.5)
    assert pairs["calls"].b is not None
    assert (pairs["calls"].b.carried, pairs["calls"].b.attempts) == (True, 0)
    assert pairs["calls"].differs == ("attempts", "cost")
    assert [(each.name, each.a, each.b) for each in unlike.inputs] == [("who", "Ada", "Bob")]
    assert [each.name for each in unlike.plan] == ["apart.params"]
    differing = {pair.key: pair.differs for pair in unlike.steps if pair.differs}
    assert differing == {"left": ("result",), "join": ("result",), "apart": ("result",)}
    text = content_as_text(unlike.content())
    assert "elsewhere" in text
    assert "completed" in text


def test_the_door_for_python_has_all_of_it_in_both_ways() -> None:
    names = {"checkpoint", "preview_restore", "restore", "rerun", "compare", "import_snapshot", "snapshot"}
    assert {f"a{name}" for name in names} | names <= set(orchestrator.__all__)
    project = through(project_of(WHOLE))

    async def use() -> tuple[Any, ...]:
        shown = await orchestrator.apreview_restore(project, 2)
        restored = await orchestrator.arestore(project, 2, digest=shown.digest)
        return shown, restored, await orchestrator.arerun(project, started=False)

    shown, restored, new = async_to_sync(use)()
    assert (shown.checkpoint, restored.pk, new.rerun_of_id) == (2, project.pk, project.pk)


def test_the_door_for_python_goes_back_and_runs_again() -> None:
    project = through(project_of(WHOLE))
    taken = orchestrator.checkpoint(project, "the end")
    shown = orchestrator.preview_restore(project, 2)

    restored = orchestrator.restore(project, taken)
    assert restored.pk == project.pk
    drive(project)
    orchestrator.restore(project, 2, digest=orchestrator.preview_restore(project, 2).digest)
    new = orchestrator.rerun(project, "facts", started=False)

    assert shown.steps_voided
    assert new.rerun_of == project
    assert orchestrator.compare(look(project), new).to_json()["a"]["id"] == str(project.pk)
    assert orchestrator.import_snapshot(orchestrator.snapshot(project)).project_id == project.pk
