"""An intervention and a worker at the same moment, on connections of their own: one is first, and the other sees it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from orchestrator_site.access.actors import system_actor
from orchestrator_site.errors import PhasegateError
from projects import errors, orchestrator
from projects.models import Intervention, PlanVersion, Project
from projects.planning.edits import Remove, Skip, edited
from projects.services import advancing, claims, execution, publishing, replanning
from projects.services.workers import this_process
from projects.states import PROJECT
from tests.builders import agent_that, claim, drive, kinds, look, project_of, ready_steps, run, states, step

pytestmark = pytest.mark.django_db(transaction=True)

TWO = "phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo}]}]"


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: 1, "echo")


class Aside(threading.Thread):
    """A call on a connection of its own."""

    def __init__(self, call: Callable[[], Any]) -> None:
        super().__init__()
        self.call, self.ended, self.outcome = call, threading.Event(), None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self.call()
        except PhasegateError as error:
            self.outcome = error
        finally:
            connection.close()
            self.ended.set()


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("skip", {}),
    ("remove", {}),
    ("modify", {"agent": "other"}),
    ("reorder", {"after": "b"}),
]


@pytest.mark.parametrize(("verb", "arguments"), CHANGES)
def test_where_the_claim_was_first_the_intervention_waits_for_it_and_is_refused(
    verb: str, arguments: dict[str, Any]
) -> None:
    project = drive(project_of(TWO), steps=0)

    with transaction.atomic():
        assert claim(step(project, "a")) is not None
        other = Aside(lambda: orchestrator.intervene(project, verb, "a", **arguments))
        assert not other.ended.wait(0.5), "the intervention went on beside a claim that was not committed"
    other.join()

    assert isinstance(other.outcome, errors.StepHasStarted)
    assert states(project)["a"] == "running"
    assert (look(project).plan_version, Intervention.objects.count(), PlanVersion.objects.count()) == (1, 0, 1)


@pytest.mark.parametrize(("verb", "arguments"), [*CHANGES, ("add", {"definition": "{key: x, agent: echo}"})])
def test_where_the_intervention_was_first_the_claim_waits_for_it_and_sees_it(
    verb: str, arguments: dict[str, Any]
) -> None:
    project = drive(project_of(TWO), steps=0)
    pk = step(project, "a").pk

    with transaction.atomic():
        target = {"before": "a", **arguments} if verb == "add" else arguments
        orchestrator.intervene(project, verb, "" if verb == "add" else "a", **target)
        other = Aside(lambda: claims.claim(project.pk, pk, this_process()))
        assert not other.ended.wait(0.5), "the claim went on beside an intervention that was not committed"
    other.join()

    assert other.outcome is None
    assert "step.started" not in kinds(project)


@pytest.mark.usefixtures("by_messages")
def test_where_the_next_of_a_leg_was_changed_the_commit_before_it_lands_and_the_next_is_not_claimed() -> None:
    project = drive(
        project_of("phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]"), steps=0
    )
    leg = [step(project, key).pk for key in "ab"]
    held, going = threading.Event(), threading.Event()

    def hold(context: Any) -> int:
        if context.step_key == "a":
            held.set()
            assert going.wait(10)
        return 1

    agent_that(hold, "echo")
    worker = Aside(lambda: execution.run_leg(project.pk, leg))
    assert held.wait(10)
    with transaction.atomic():
        orchestrator.intervene(project, "add", definition="{key: x, agent: echo}", before="b")
        going.set()
        assert not worker.ended.wait(0.5), "the next step was claimed beside an intervention that was not committed"
    worker.join()

    assert states(project) == {"a": "completed", "x": "pending", "b": "pending"}
    assert drive(project).state == "completed"


@pytest.mark.parametrize("edit", [Skip("a"), Remove("a")], ids=["skip", "remove"])
def test_a_step_that_was_claimed_behind_the_back_of_an_intervention_makes_it_miss_and_undoes_all_of_it(
    edit: Any,
) -> None:
    """The locks forbid it; the guards of the updates would see it all the same."""
    project = drive(project_of(TWO), steps=0)
    present = replanning.read(project)
    outcome = edited(present.plan, edit)
    assert claim(step(project, "a")) is not None

    with pytest.raises(errors.StepHasStarted, match="A worker has taken 'a' meanwhile"), transaction.atomic():
        replanning.write(present, outcome, author="test", reason="")

    assert (states(project)["a"], look(project).plan_version) == ("running", 1)
    assert PlanVersion.objects.filter(project=project).count() == 1


def test_of_two_interventions_at_once_the_second_sees_the_plan_of_the_first() -> None:
    project = drive(project_of(TWO), steps=0)
    start = threading.Barrier(4)

    def add(key: str) -> Any:
        start.wait()
        return orchestrator.intervene(project, "add", definition={"key": key, "agent": "echo"}, phase="one")

    others = [Aside(lambda key=key: add(key)) for key in ("x", "y", "y", "z")]
    for other in others:
        other.join()

    made = [each.outcome for each in others if isinstance(each.outcome, Intervention)]
    refused = [each.outcome for each in others if not isinstance(each.outcome, Intervention)]
    assert sorted(each.plan_after for each in made) == [2, 3, 4]
    assert ["belongs to another step already" in str(each) for each in refused] == [True]
    assert set(states(project)) == {"a", "b", "x", "y", "z"}
    assert list(PlanVersion.objects.filter(project=project).values_list("number", flat=True)) == [1, 2, 3, 4]


def test_workers_advances_and_interventions_at_once_neither_wait_for_one_another_for_ever_nor_lose_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Phases, then the project: whoever took them the other way round would end in a deadlock here."""
    monkeypatch.setattr(publishing, "_publish", lambda *_: None)  # the threads below are the workers
    steps = ", ".join(f"{{key: s{n}, agent: echo, needs: [{f's{n - 4}' if n >= 4 else ''}]}}" for n in range(24))
    project = drive(project_of(f"phases: [{{key: one, steps: [{steps}], gate: {{approval: {{title: ok}}}}}}]"), steps=0)
    failures: list[BaseException] = []
    over = threading.Event()

    def repeat(work: Callable[[], Any]) -> Callable[[], None]:
        def loop() -> None:
            try:
                while not over.is_set():
                    work()
            except BaseException as error:
                failures.append(error)
                over.set()

        return loop

    def work_on_one() -> None:
        for each in ready_steps(project)[:1]:
            run(each)

    def intervene() -> None:
        number = PlanVersion.objects.filter(project=project).count()
        waiting = [key for key, state in states(project).items() if state == "pending"]
        if waiting and number <= 20:
            definition = {"key": f"x{number}", "agent": "echo"}
            try:
                orchestrator.intervene(project, "add", definition=definition, before=waiting[-1])
            except (errors.StepHasStarted, errors.RefusedInState):
                return

    def advance() -> None:
        advancing.advance(project.pk)
        if set(states(project).values()) == {"completed"} and project.approvals.filter(state="open").exists():
            over.set()

    threads = [Aside(repeat(work)) for work in (work_on_one, work_on_one, advance, advance, intervene)]
    for thread in threads:
        thread.join(60)
    over.set()

    assert failures == []
    assert set(states(project).values()) == {"completed"}
    assert kinds(project).count("step.completed") == len(states(project)) > 24
    assert look(project).state not in PROJECT.terminal


def test_the_actor_of_python_is_the_system_unless_one_is_named() -> None:
    project: Project = drive(project_of(TWO), steps=0)

    assert orchestrator.intervene(project, "skip", "a").author == system_actor().name
