"""Why a project stands still, for whatever reason: the cause, since when, and who can move it on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from orchestrator_site import clock
from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.api.stuck import stuck
from projects.models import Project, Pulse, Step, Worker
from projects.services import control, failing, progressing, recovery, standstill
from projects.services.liveness import Liveness
from projects.services.workers import this_process
from tests.behaviour.remote import Remote, open_circuit
from tests.builders import agent_that, blueprint_of, child_of, claim, drive, look, project_of, run, step

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Remote]

HELD = "phases: [{key: only, steps: [{key: a, capability: skill}]}]"
NAP = "phases: [{key: only, steps: [{key: nap, agent: echo}]}]"


@pytest.fixture(autouse=True)
def echo() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


def alive(*pools: str) -> None:
    now = clock.now()
    for pool in pools:
        Worker.objects.create(id=clock.new_id(), name=pool, host="h", pid=1, pools=[pool], started_at=now, seen_at=now)


def said(project: Project) -> str:
    return progressing.next_action(look(project))


def why(project: Project, key: str) -> str:
    one = step(project, key)
    return progressing.why(look(project), [one])[one.pk]


def listed(quiet: int = 0) -> dict[str, dict[str, Any]]:
    rows = stuck(Project.objects.all(), quiet_seconds=quiet, limit=50)  # type: ignore[arg-type]
    return {row["title"]: row for row in rows}


def look_again(project: Project) -> None:
    Step.objects.filter(project=project, state="ready").update(available_at=None, published_at=Now())
    run(step(project, "a"))


def events(project: Project, kind: str) -> list[dict[str, Any]]:
    return [event.data for event in history.events_of(project.pk).filter(kind=kind).order_by("id")]


# --- standing still --------------------------------------------------------------------------------------------------


def test_looking_for_an_agent_is_no_sign_that_a_project_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    alive("cpu", "io", "control")
    project = drive(project_of(HELD))
    quiet_since = listed()["Under test"]["quiet_since"]

    look_again(project)

    [row] = listed().values()
    assert (row["cause"], row["quiet_since"]) == ("agent", quiet_since)
    assert "register_agent" in row["who"]
    assert row["since"] is not None


def test_what_nobody_mends_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "ALERT_AFTER", 0)
    alive("cpu", "io", "control")
    project = drive(project_of(HELD))

    for _ in range(3):
        standstill.tell()
        look_again(project)

    [told] = events(project, "project.stuck")
    assert told["cause"] == "agent"
    assert told["since"] is not None
    assert "register_agent" in told["who"]
    assert "not.registered" not in told["sentence"]
    assert said(project).startswith("a waits for an agent since "), "it can be advanced all the same"


def test_what_waits_for_somebody_who_was_asked_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "ALERT_AFTER", 0)
    alive("cpu", "io", "control")
    drive(project_of("phases: [{key: only, steps: [{key: a, kind: approval, approval: {title: May we?}}]}]"))

    assert standstill.tell() == 0


def test_another_cause_is_told_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "ALERT_AFTER", 0)
    alive("control")
    project = drive(project_of(HELD), steps=0)
    standstill.tell()
    alive("io")
    look_again(project)

    standstill.tell()

    assert [told["cause"] for told in events(project, "project.stuck")] == ["pool", "agent"]


# --- where nobody lives ----------------------------------------------------------------------------------------------


def test_a_step_whose_worker_is_dead_does_not_count_as_worked_on() -> None:
    project = drive(project_of(NAP), steps=0)
    assert claim(step(project, "nap")) is not None
    assert said(project) == "Working on nap."
    Step.objects.filter(project=project).update(lease_until=Now() - timedelta(seconds=1))

    assert said(project).startswith("nap was left by ")
    assert "no worker is alive to take it back. Start workers: `make up`" in said(project)
    assert listed()["Under test"]["cause"] == "dead"
    alive("control")
    assert said(project).endswith("recovery takes it back within seconds.")


def test_a_step_that_was_handed_back_and_runs_again_counts_as_worked_on() -> None:
    project = drive(project_of(NAP), steps=0)
    first = claim(step(project, "nap"))
    assert first is not None
    failing.hand_back(first, this_process())
    Step.objects.filter(project=project).update(available_at=None)
    assert claim(step(project, "nap")) is not None

    assert said(project) == "Working on nap."


def test_a_step_that_only_looks_for_an_agent_does_not_count_as_worked_on() -> None:
    alive("cpu", "io", "control")
    project = drive(project_of(HELD))
    Step.objects.filter(project=project).update(available_at=None)
    assert claim(step(project, "a")) is not None

    assert said(project).startswith("a waits for an agent since ")


def test_that_no_worker_lives_comes_before_what_a_worker_would_find() -> None:
    project = drive(project_of(HELD))

    assert said(project).startswith("a is ready, but no worker of pool 'io' is alive. Start workers: `make up`.")
    assert "no agent is registered for capability 'skill'" in said(project)


# --- cause, since when, who ------------------------------------------------------------------------------------------


def test_a_held_step_says_since_when_although_it_had_run_before(remote: Make) -> None:
    alive("cpu", "io", "control")
    project = drive(project_of(HELD))
    Step.objects.filter(project=project).update(started_at="2000-01-01T00:00Z")

    assert "2000" not in said(project)
    assert said(project).endswith("Register one (`register_agent`), or change the step (`intervene modify`).")


def test_an_open_circuit_is_named_with_its_agent_and_who_can_close_it(remote: Make) -> None:
    alive("cpu", "io", "control")
    open_circuit(remote("shut").name)
    project = drive(project_of(HELD))

    assert "the circuit of shut, the only agent that could take it, is open since " in said(project)
    assert "; an operator can close the circuit. It looks again " in said(project)


def test_a_follower_names_whom_it_waits_for_and_what_that_waits_for() -> None:
    first = drive(
        project_of("phases: [{key: only, steps: [{key: a, kind: wait, wait: {signal: go}}]}]", title="Slow work")
    )
    follower = project_of(NAP, after=[first.pk])

    assert said(follower).startswith("Waits since ")
    assert f"for 'Slow work' ({first.short_id}): a waits for the signal 'go' since " in said(follower)
    assert "signal_project" in said(follower)


def test_a_step_that_needs_others_says_since_when_and_who() -> None:
    steps = "{key: a, kind: wait, wait: {signal: go}}, {key: b, agent: echo, needs: [a]}"
    project = drive(project_of(f"phases: [{{key: only, steps: [{steps}]}}]"))

    assert why(project, "b").startswith("b needs a to be through, and waits since ")
    assert why(project, "b").endswith("whoever moves a on can move it on.")


def test_a_concurrency_key_names_who_holds_it() -> None:
    alive("cpu", "io", "control")
    keyed = "phases: [{key: only, steps: [{key: a, agent: echo, concurrency: {key: kk, limit: 1}}]}]"
    holds, waits = (drive(project_of(keyed), steps=0) for _ in range(2))
    assert claim(step(holds, "a")) is not None
    assert claim(step(waits, "a")) is None

    assert f"it is held by a of project {holds.short_id} since " in said(waits)


def test_a_project_over_its_deadline_that_goes_on_says_so() -> None:
    project = drive(project_of("phases: [{key: only, steps: [{key: a, kind: wait, wait: {signal: go}}]}]"))
    Project.objects.filter(pk=project.pk).update(deadline=Now() - timedelta(minutes=1))

    assert "It was to be over by " in said(project)
    assert "It was to be over by " in listed()["Under test"]["next_action"]


def test_the_reasons_that_people_gave_are_said() -> None:
    blueprint_of(f"name: below\nversion: 1\ntitle: Below\n{NAP}")
    project = drive(project_of("phases: [{key: only, steps: [{key: a, kind: project, project: {blueprint: below}}]}]"))
    child = child_of(project, "a")

    control.pause(project_id=project.pk, actor=system_actor(), reason="the lawyer is ill")
    assert "by system, 'the lawyer is ill'" in said(project)
    control.cancel(project_id=project.pk, actor=system_actor(), reason="no more", force=True)

    assert look(project).state == "cancelled"
    assert said(project).startswith("Cancelled by system at ")
    assert said(project).endswith(": 'no more'.")
    assert f"with project {project.short_id} above it: 'no more'." in said(child)


def test_a_step_that_takes_its_workers_down_says_so_once() -> None:
    project = drive(project_of(NAP), steps=0)
    for _ in range(3):
        assert claim(step(project, "nap")) is not None
        Step.objects.filter(project=project).update(lease_until=Now() - timedelta(seconds=1))
        recovery.recover()
        Step.objects.filter(project=project, state="ready").update(available_at=None)

    assert said(project) == "Failed: Step 'nap' took its worker down 3 times and is not tried again."


def test_how_many_steps_are_held_costs_no_further_query(remote: Make) -> None:
    open_circuit(remote("shut").name)

    def cost(number: int) -> int:
        steps = ", ".join(f"{{key: s{n}, capability: skill}}" for n in range(number))
        project = drive(project_of(f"phases: [{{key: one, steps: [{steps}]}}]"))
        with CaptureQueriesContext(connection) as queries:
            progressing.next_action(project)
            progressing.why(project, Step.objects.filter(project=project))
        return len(queries)

    assert cost(2) == cost(20)


def test_where_no_control_worker_is_there_the_others_tell_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "ALERT_AFTER", 0)
    alive("cpu")
    project = drive(project_of(HELD), steps=0)
    duties = Liveness(this_process()).duties
    duties.watching = True

    for _ in range(2):
        duties._pulse_at = float("-inf")
        Pulse.objects.update(at=clock.now() - timedelta(minutes=5))
        duties.do_once()

    assert len(events(project, "project.stuck")) == 1
    duties._pulse_at = float("-inf")
    monkeypatch.setattr(standstill, "tell", lambda: pytest.fail("somebody has just looked"))
    duties.do_once()
