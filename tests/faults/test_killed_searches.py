"""A search whose workers are killed and whose broker is emptied ends, to the bit, as one that nobody disturbed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from celery import current_app

from agents.swarm.optimising import State, answer, begin, chunks, fold, report, spec_of
from orchestrator_site.access.actors import system_actor
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects.models import Project, Step, SwarmState
from projects.services import control
from tests.builders import look, project_of, result, step
from tests.faults.agents import bowl
from tests.faults.invariants import check
from tests.faults.site import Effects, Site, over, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.workers]


def settings_of(generations: int, seconds: float = 0.02, population: int = 20) -> dict[str, Any]:
    return {
        "objective": {"agent": "counted-bowl", "params": {"seconds": seconds}},
        "bounds": {"x": [-5, 5], "y": [-4, 3]},
        "population": population,
        "generations": generations,
        "chunk_size": 5,
        "seed": 3,
    }


def searching(settings: Mapping[str, Any]) -> Project:
    step = {"key": "search", "kind": "swarm", "swarm": dict(settings), "retry": {"base": 0.1, "max_attempts": 9}}
    return project_of(yaml.safe_dump({"phases": [{"key": "one", "steps": [step]}]}))


def undisturbed(settings: Mapping[str, Any]) -> State:
    state = begin(spec_of(settings))
    while not state.done:
        state = fold(state, [answer(chunk, bowl) for chunk in chunks(state)])
    return state


def generation(project: Project) -> int:
    kept = SwarmState.objects.filter(step__project=project).values_list("generation", flat=True).first()
    return -1 if kept is None else kept


def empty_redis() -> None:
    with current_app.connection_for_write() as connection:
        connection.default_channel.client.flushall()


def check_search(project: Project, settings: Mapping[str, Any], effects: Effects) -> None:
    """The result, by its value and by the digest in the history; each generation folded once; all invariants."""
    assert look(project).state == "completed", look(project).failure
    expected = report(undisturbed(settings))
    assert result(project, "search") == expected
    events = history.events_of(project.pk).order_by("id")
    completed = events.get(kind="step.completed", subject="search")
    assert completed.data["result_sha256"] == digest_of(expected)
    folded = [event.data["generation"] for event in events.filter(kind="swarm.generation")]
    assert folded == list(range(1, settings["generations"] + 1))
    chunks_of_all = -(-settings["population"] // settings["chunk_size"]) * settings["generations"]
    assert Step.objects.filter(parent=step(project, "search")).count() == chunks_of_all
    check(project, effects.calls)


@pytest.fixture
def faults(tmp_path: Path, site: Site) -> Path:
    """The folder by which faults are armed while the processes run; a message counts as lost after three seconds."""
    folder = tmp_path / "faults"
    folder.mkdir()
    site.environment |= {"PHASEGATE_FAULT": str(folder), "PHASEGATE_PUBLISH_BOUND_SECONDS": "3"}
    return folder


def arm(faults: Path, moment: str) -> None:
    """Have the process that next comes to the moment killed. A process finds the whole file, or none."""
    draft = faults / f"{moment}.draft"
    draft.write_text("kill")
    draft.rename(faults / moment)


def test_workers_are_killed_and_redis_is_emptied_between_generations(
    site: Site, effects: Effects, faults: Path
) -> None:
    settings = settings_of(8)
    site.start("control", "cpu", "beat")
    project = searching(settings)

    moments = ("in_agent", "before_commit", "after_fold", "after_put", "before_publish")
    for number, moment in enumerate(moments, 1):
        wait_until(lambda number=number: generation(project) >= number or over(project)(), site=site)
        arm(faults, moment)
        wait_until(lambda moment=moment: (faults / f"{moment}.fired").exists() or over(project)(), site=site)
        assert (faults / f"{moment}.fired").exists(), moment
    wait_until(lambda: generation(project) >= 6 or over(project)(), site=site)
    empty_redis()
    wait_until(over(project), site=site, seconds=60)

    check_search(project, settings, effects)


@pytest.mark.slow_faults
@pytest.mark.timeout(300)
def test_whole_workers_die_it_is_paused_and_redis_is_emptied_again_and_again(
    site: Site, effects: Effects, faults: Path
) -> None:
    settings = settings_of(40, seconds=0.05, population=40)
    site.start("control", "cpu", "beat")
    project = searching(settings)

    for round_number in range(1, 13):
        reached = generation(project)
        wait_until(lambda reached=reached: generation(project) >= reached + 2 or over(project)(), 60, site)
        match round_number % 6:
            case 0:
                site.kill("cpu")
                site.start("cpu")
            case 1:
                site.kill("control")
                site.start("control")
            case 2:
                empty_redis()
            case 3:
                site.kill_child("cpu", round_number)
                site.kill_child("control", round_number)
            case 4:
                control.pause(project_id=project.pk, actor=system_actor())
                wait_until(lambda: look(project).drained_at is not None or over(project)(), 60, site)
                stood = generation(project)
                site.kill("cpu")
                empty_redis()
                site.start("cpu")
                assert generation(project) == stood
                control.resume(project_id=project.pk, actor=system_actor())
            case 5:
                for moment in ("after_fold", "after_put", "before_publish"):
                    arm(faults, moment)
    wait_until(over(project), 120, site)

    check_search(project, settings, effects)
