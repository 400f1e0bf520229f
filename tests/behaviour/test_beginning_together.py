"""Many small projects begin together and are done together, with a commit for many; each is still by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orchestrator_site.access.actors import system_actor
from projects import orchestrator
from projects.models import Attempt, Checkpoint, Project
from projects.services import advancing, batching, control, many, paces
from tests.builders import agent_that, as_actor, drive, in_two_hands, kinds, look, person, project_of, states, step

pytestmark = pytest.mark.django_db(transaction=True)

CHAIN = "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]"


@pytest.fixture(autouse=True)
def echo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An agent that is known to be quick, also where the machine stands still for a moment."""
    monkeypatch.setattr(batching, "LONG", 10.0)
    agent_that(lambda context: context.step_key, "echo")
    paces.forget()
    paces.saw("echo", 0.0001)
    yield
    paces.forget()


def made(count: int, yaml: str = CHAIN) -> list[Project]:
    return [project_of(yaml, started=False) for _ in range(count)]


def begun(count: int, yaml: str = CHAIN) -> list[Project]:
    projects = made(count, yaml)
    assert len(orchestrator.start_together(projects)) == count
    return projects


def bundle(projects: list[Project], *keys: str) -> list[batching.Leg]:
    return [
        batching.Leg(project.pk, tuple(step(project, key).pk for key in keys or ("a", "b"))) for project in projects
    ]


def run(projects: list[Project], *keys: str) -> dict[str, Any]:
    """What a worker does with a bundle, and after it."""
    ends = batching.run_bundle(bundle(projects, *keys))
    for project, end in ends.items():
        if not end.finished:
            advancing.advance(project)
    return {str(project): end for project, end in ends.items()}


def interrupt(key: str, act: Callable[[Project], object], of: Project) -> None:
    """Have something happen while the agent works on a step of a project."""

    def agent(context: Any) -> str:
        if context.project_id == str(of.pk) and context.step_key == key:
            act(of)
        return str(context.step_key)

    agent_that(agent, "echo")


# --- beginning


def test_each_begins_with_its_events_its_checkpoint_and_its_first_step_sent(sent: list[Any]) -> None:
    projects = made(3)
    batch = many.steer("start", [project.pk for project in projects], actor=system_actor())

    assert [(each.done, each.state) for each in batch.outcomes] == [(True, "running")] * 3
    for project in projects:
        assert kinds(project)[-3:] == ["project.start_asked", "project.started", "phase.started"]
        assert Checkpoint.objects.get(project=project).occasion == "start"
        assert step(project, "a").published_at is not None
        assert states(project) == {"a": "ready", "b": "pending"}


def test_quick_legs_of_a_queue_travel_together_and_others_by_themselves(sent: list[Any]) -> None:
    agent_that(lambda context: time.sleep(0.2), "slow")
    paces.saw("slow", 0.2)
    agent_that(lambda context: 1, "unseen")
    quick, slow = made(8), made(1, CHAIN.replace("echo", "slow"))
    unseen, wide = made(1, CHAIN.replace("echo", "unseen")), made(1, CHAIN.replace(", needs: [a]", ""))

    orchestrator.start_together([*quick, *slow, *unseen, *wide])

    bundles = [each for each in sent if each.task == "projects.run_bundle"]
    assert {project for each in bundles for project, *_ in each.args[0]} == {str(project.pk) for project in quick}
    assert [len(each.args[0]) for each in bundles] == [3, 3, 2], "so that each process has some"
    assert bundles[0].args[0][0][1:] == [str(step(quick[0], key).pk) for key in "ab"]
    assert bundles[0].options["queue"] == "cpu.normal"
    others = [each for each in sent if each.task != "projects.run_bundle"]
    assert sorted(each.task for each in others) == ["celery.chord", "projects.run_leg", "projects.run_leg"]


def test_many_begin_by_few_statements() -> None:
    projects = made(20)
    with CaptureQueriesContext(connection) as queries:
        orchestrator.start_together(projects)

    assert len(queries) <= 20, [query["sql"][:80] for query in queries]


def test_those_that_cannot_begin_say_why_and_hold_up_nobody(sent: list[Any]) -> None:
    first, running, over = made(3)
    after = project_of(CHAIN, started=False, after=[first.pk])
    control.start(project_id=running.pk, actor=system_actor())
    control.cancel(project_id=over.pk, actor=system_actor())
    other = made(1)[0]
    ids = [each.pk for each in (after, running, over, first, other)]

    outcomes = {each.id: each for each in many.steer("start", ids, actor=system_actor()).outcomes}

    assert [outcomes[str(each.pk)].state for each in (first, other)] == ["running"] * 2
    assert outcomes[str(after.pk)].state == "pending", "it begins when the other is completed"
    assert kinds(after)[-1] == "project.start_asked"
    assert outcomes[str(running.pk)].code == outcomes[str(over.pk)].code == "refused_in_state"
    assert kinds(running).count("phase.started") == 1
    assert look(over).state == "cancelled"


def test_one_that_fails_at_its_first_step_holds_up_nobody(sent: list[Any]) -> None:
    bad = made(1, "phases: [{key: one, steps: [{key: a, agent: echo, for_each: '1 / 0'}]}]")[0]
    good = made(2)

    begun_now = orchestrator.start_together([good[0], bad, good[1]])

    assert {project.pk for project in begun_now} == {project.pk for project in (*good, bad)}
    assert [look(project).state for project in good] == ["running"] * 2
    assert look(bad).state == "failed"


def test_where_they_cannot_begin_together_they_begin_one_by_one(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    projects = made(3)
    real = advancing._work_on

    def work_on(project: Project, *args: Any) -> Any:
        if project.pk == projects[1].pk:
            raise ArithmeticError("a defect")
        return real(project, *args)

    monkeypatch.setattr(advancing, "_work_on", work_on)
    assert len(orchestrator.start_together(projects)) == 3
    assert [look(project).state for project in projects] == ["running"] * 3
    assert [states(project)["a"] for project in projects] == ["ready", "pending", "ready"]


def test_who_does_not_see_a_project_does_not_start_it(sent: list[Any]) -> None:
    project = made(1)[0]
    blind = as_actor(person("bob", may=["start_project"]))

    [outcome] = many.steer("start", [project.pk], actor=blind).outcomes

    assert (outcome.done, outcome.code) == (False, "project_not_found")
    assert look(project).state == "pending"


def test_all_of_a_filter_are_those_that_wait_for_nobody(sent: list[Any]) -> None:
    first = made(1)[0]
    project_of(CHAIN, started=False, after=[first.pk])
    assert [each.id for each in many.steer_all("start", actor=system_actor()).outcomes] == [str(first.pk)]


# --- doing


def test_a_bundle_is_done_by_a_commit_a_column_and_ends_its_projects() -> None:
    projects = begun(10)
    with CaptureQueriesContext(connection) as queries:
        ends = run(projects)

    assert [look(project).state for project in projects] == ["completed"] * 10
    assert all(end.finished for end in ends.values())
    writes = [query for query in queries if query["sql"].startswith("WITH given")]
    assert len(writes) == 3, "the first column is claimed, committed with the second, and that with the end"
    for project in projects:
        told = ["step.started", "step.completed"] * 2
        assert kinds(project)[-6:] == [*told, "phase.completed", "project.completed"]
        assert [step(project, key).result for key in "ab"] == ["a", "b"]


def test_a_message_that_comes_again_does_nothing_twice() -> None:
    projects = begun(4)
    run(projects)
    run(projects)
    assert Attempt.objects.count() == 8

    others = begun(3)
    run(others[:1])
    run(others)
    assert [look(project).state for project in others] == ["completed"] * 3
    assert set(Attempt.objects.values_list("number", flat=True)) == {1}


def test_the_same_bundle_in_two_hands_does_each_step_once() -> None:
    projects = begun(20)
    legs = bundle(projects)

    in_two_hands(lambda: batching.run_bundle(legs))

    for project in projects:
        drive(project)
    assert [look(project).state for project in projects] == ["completed"] * 20
    assert set(Attempt.objects.values_list("number", flat=True)) == {1}


def test_a_step_that_fails_is_its_own_projects_matter() -> None:
    projects = begun(3)

    def fails(_: Project) -> None:
        raise ValueError("not this one")

    interrupt("a", fails, projects[1])
    ends = run(projects)

    assert [look(project).state for project in projects] == ["completed", "running", "completed"]
    assert len(ends[str(projects[1].pk)].again) == 1, "it is tried again, by itself"


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_no_step_of_a_project_that_is_held_starts_while_the_others_go_on(verb: str) -> None:
    projects = begun(3)
    act = control.pause if verb == "pause" else control.cancel
    interrupt("a", lambda project: act(project_id=project.pk, actor=system_actor()), projects[1])

    run(projects)

    assert [look(project).state for project in (projects[0], projects[2])] == ["completed"] * 2
    assert step(projects[1], "b").attempt == 0
    assert Attempt.objects.filter(step__project=projects[1]).count() == 1


def test_a_leg_that_was_changed_meanwhile_breaks_off_and_goes_on_as_it_is_planned_now() -> None:
    projects = begun(2)

    def change(project: Project) -> None:
        orchestrator.intervene(project, "add", definition="{key: x, agent: echo}", after="a", before="b")

    interrupt("a", change, projects[0])
    run(projects)

    assert look(projects[1]).state == "completed"
    drive(projects[0])
    assert states(projects[0]) == {"a": "completed", "b": "completed", "x": "completed"}
    done = Attempt.objects.filter(step__project=projects[0]).order_by("started_at")
    assert list(done.values_list("step__key", flat=True)) == ["a", "x", "b"]


def test_others_do_not_wait_for_a_step_that_turns_out_to_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "LONG", 0.5)
    projects = begun(4)
    interrupt("a", lambda _: time.sleep(0.6), projects[1])

    ends = batching.run_bundle(bundle(projects))

    assert [states(project)["a"] for project in projects] == ["completed", "completed", "ready", "ready"]
    assert all(end.look for end in ends.values()), "each goes on by itself"
    for project in projects:
        drive(project)
    assert [look(project).state for project in projects] == ["completed"] * 4


def test_told_to_stop_it_commits_what_is_done_and_gives_back_the_rest() -> None:
    projects = begun(4)

    def stop(_: Project) -> None:
        raise KeyboardInterrupt

    interrupt("a", stop, projects[2])
    with pytest.raises(KeyboardInterrupt):
        batching.run_bundle(bundle(projects))

    assert [states(project)["a"] for project in projects] == ["completed", "completed", "ready", "ready"]
    assert Attempt.objects.filter(outcome="handed_back").count() == 2
    agent_that(lambda context: 1, "echo")
    for project in projects:
        assert drive(project).state == "completed"


@pytest.mark.parametrize("key", ["a", "b"])
def test_a_result_that_cannot_be_stored_fails_its_step_alone(key: str) -> None:
    projects = begun(3)
    bad = str(projects[1].pk)
    agent_that(lambda context: "\x00" if (context.project_id, context.step_key) == (bad, key) else 1, "echo")

    run(projects)

    assert [look(project).state for project in (projects[0], projects[2])] == ["completed"] * 2
    assert look(projects[1]).state != "completed"
    assert step(projects[1], key).error["code"] == "result_unusable"


def test_a_result_that_comes_after_its_lease_is_refused_and_the_others_land() -> None:
    projects = begun(3)
    taken = step(projects[1], "a")

    def lose(project: Project) -> None:
        project.steps.filter(pk=taken.pk).update(attempt=7)  # another has it by now

    interrupt("a", lose, projects[1])
    run(projects)

    assert [look(project).state for project in (projects[0], projects[2])] == ["completed"] * 2
    assert states(projects[1]) == {"a": "running", "b": "pending"}
    assert "step.late_result" in kinds(projects[1])


def test_a_project_with_more_to_do_goes_on_by_itself() -> None:
    two = CHAIN[:-1] + ", {key: two, steps: [{key: c, agent: echo}]}]"
    projects = [*begun(2), *begun(1, two)]

    ends = run(projects)

    assert [look(project).state for project in projects] == ["completed", "completed", "running"]
    assert not ends[str(projects[2].pk)].finished
    assert states(projects[2])["c"] == "ready"
