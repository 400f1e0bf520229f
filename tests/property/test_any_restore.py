"""Any small project, driven anywhere, brought back to anywhere: it completes, and what was committed is untouched."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.models import Checkpoint, Project, Step
from projects.services import checkpoints, control, restoring
from tests.builders import agent_that, drive, look, project_of
from tests.emptying import empty

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

TOLERANT = ("continue", "skip_dependents")


@st.composite
def blueprints(draw: st.DrawFn) -> dict[str, Any]:
    """One to three phases of one to four steps: some lists, some conditions, some that fail without harm."""
    phases = []
    for place in range(draw(st.integers(1, 3))):
        steps: list[dict[str, Any]] = []
        for index in range(draw(st.integers(1, 4))):
            key = f"p{place}s{index}"
            step: dict[str, Any] = {"key": key, "agent": "does", "params": {"say": key}}
            earlier = [each["key"] for each in steps]
            step["needs"] = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2)) if earlier else []
            shape = draw(st.sampled_from(["plain", "plain", "list", "skipped", "fails"]))
            if shape == "list":
                step |= {"for_each": draw(st.sampled_from(["[]", "[1]", "[1, 2, 3]"])), "params": {"say": "${item}"}}
            elif shape == "skipped":
                step["when"] = "1 > 2"
            elif shape == "fails":
                step |= {"agent": "fails", "on_failure": draw(st.sampled_from(TOLERANT))}
            steps.append(step)
        phases.append({"key": f"p{place}", "steps": steps})
    return {"defaults": {"retry": {"max_attempts": 1}}, "phases": phases}


def committed(project: Project) -> dict[Any, Any]:
    rows = Step.objects.filter(project=project, state__in=("completed", "failed", "skipped"))
    return {row["id"]: row for row in rows.values("id", "key", "round", "state", "result", "error", "finished_at")}


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
@given(blueprint=blueprints(), data=st.data())
def test_any_project_goes_back_anywhere_and_completes(blueprint: dict[str, Any], data: st.DataObject) -> None:
    agent_that(lambda context: context.params.get("say"), "does")
    agent_that(lambda context: 1 / 0, "fails")
    try:
        project = drive(project_of(yaml.safe_dump(blueprint, sort_keys=False)), steps=data.draw(st.integers(0, 8)))
        for _ in range(data.draw(st.integers(1, 3))):
            _go_back_once(project, data)
        if look(project).directive == "pause":
            control.resume(project_id=project.pk, actor=system_actor())
        ended = drive(project)
        assert ended.state == "completed", ended.failure
        mark = checkpoints.read_now(project.pk).mark
        assert all(step.state.value in ("completed", "failed", "skipped") for _, step in mark.steps)
        live = ("pending", "ready", "running", "waiting")
        assert not Step.objects.filter(project=project, state__in=live).exists()
    finally:
        empty(None)  # type: ignore[arg-type] # what a test of this kind leaves between two examples


def _go_back_once(project: Project, data: st.DataObject) -> None:
    """To a checkpoint, or to an event, out of wherever it is; then on for a few steps."""
    if look(project).state == "running" and look(project).directive == "run":
        control.pause(project_id=project.pk, actor=system_actor())
    events = [event.id for event in history.events_of(project.pk).order_by("id")]
    numbers = list(Checkpoint.objects.filter(project=project).order_by("number").values_list("number", "event"))
    if data.draw(st.booleans()):
        where = {"number": data.draw(st.sampled_from([number for number, _ in numbers]))}
    else:
        where = {"event": data.draw(st.sampled_from([event for event in events if event >= numbers[0][1]]))}
    before = committed(project)

    shown = restoring.preview(project_id=project.pk, **where)
    restored = restoring.restore(project_id=project.pk, actor=system_actor(), digest=shown.digest, **where)

    now = committed(project)
    assert {key: now.get(key) for key in before} == before, "something that was committed is another now"
    origins = {row.pk: row for row in Step.objects.filter(project=project)}
    for row in origins.values():
        if row.carried_from_id is not None and row.state == "completed":
            assert row.result == origins[row.carried_from_id].result
    taken = checkpoints.read_now(project.pk)
    _, rebuilt = checkpoints.at_event(project_id=project.pk, event=taken.event, number=restored.before.number)
    assert rebuilt == taken.mark
    if data.draw(st.booleans()) and look(project).directive == "pause":
        control.resume(project_id=project.pk, actor=system_actor())
    drive(project, steps=data.draw(st.integers(0, 4)))
