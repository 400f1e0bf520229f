"""``kind: swarm``: generations as items, folded and sent on, with the result of a search that was never cut."""

from __future__ import annotations

import re
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from agents.swarm.optimising import report
from orchestrator_site.access.actors import system_actor
from projects.errors import NothingSearched
from projects.models import Attempt, Project, Step, SwarmState
from projects.services import advancing, control, interventions, progressing, recovery, restoring
from projects.services.checkpoints import at_event, read_now, request
from projects.services.rerunning import rerun
from tests.behaviour.searches import SEARCH, SETTINGS, an_agent_that, generations, keys, pure, rate, same
from tests.builders import agent_that, drive, kinds, look, project_of, ready_steps, result, run, step

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.django_db(transaction=True)


def one_generation(project: Project) -> None:
    """What workers do with one generation, and the look that follows."""
    for item in ready_steps(project):
        run(item)
    advancing.advance(project.pk)


def after(number: int, yaml: str = SEARCH, **more: Any) -> Project:
    """A project of which so many generations are over."""
    project = project_of(yaml, **more)
    advancing.advance(project.pk)
    for _ in range(number):
        one_generation(project)
    return project


def retry(project: Project, key: str) -> None:
    """An operator has a failed step tried again."""
    interventions.intervene(
        project_id=project.pk, change="retry", step=key, actor=system_actor(), reason="it is mended"
    )


def test_a_search_ends_with_what_it_would_have_found_in_one_process(by_messages: None) -> None:
    an_agent_that()
    project = drive(project_of(SEARCH))

    assert project.state == "completed", project.failure
    assert same(project, pure())
    assert generations(project) == [1, 2, 3, 4, 5, 6]
    items = Step.objects.filter(parent__key="search").order_by("position")
    assert keys(items) == [f"search[{n}]" for n in range(18)]
    assert kinds(project).count("swarm.begun") == 1


def test_all_of_a_generation_is_sent_at_once_and_the_next_when_all_of_it_is_over(by_messages: None) -> None:
    an_agent_that()
    project = after(0)
    assert keys(ready_steps(project)) == ["search[0]", "search[1]", "search[2]"]

    for item in ready_steps(project)[:2]:
        run(item)
        advancing.advance(project.pk)
    assert keys(ready_steps(project)) == ["search[2]"]

    run(ready_steps(project)[0])
    advancing.advance(project.pk)
    assert keys(ready_steps(project)) == ["search[3]", "search[4]", "search[5]"]


def test_max_parallel_says_how_many_chunks_run_at_once(by_messages: None) -> None:
    an_agent_that()
    project = after(0, SEARCH + "        max_parallel: 1\n        concurrency: {key: wind-tunnel, limit: 3}\n")
    assert keys(ready_steps(project)) == ["search[0]"]
    assert same(drive(project), pure())


def test_a_second_look_finds_nothing_to_do_and_two_at_once_fold_once(by_messages: None) -> None:
    an_agent_that()
    project = after(0)
    for item in ready_steps(project):
        run(item)

    def look_too() -> None:
        try:
            advancing.advance(project.pk)
        finally:
            connection.close()

    lookers = [threading.Thread(target=look_too) for _ in range(4)]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    advancing.advance(project.pk)

    assert generations(project) == [1]
    assert keys(ready_steps(project)) == ["search[3]", "search[4]", "search[5]"]
    assert same(drive(project), pure())


def test_what_the_items_of_a_folded_generation_held_is_let_go(by_messages: None) -> None:
    an_agent_that()
    project = after(2)

    old = Step.objects.filter(parent__key="search", position__lt=6)
    assert old.count() == 6
    assert set(old.values_list("state", "item", "result")) == {("completed", None, None)}
    assert Attempt.objects.filter(step__in=old, outcome="completed").count() == 6
    assert SwarmState.objects.get(step__project=project).first == 6
    now = Step.objects.filter(parent__key="search", position__gte=6)
    assert all(item["candidates"] for item in now.values_list("item", flat=True))


def test_a_chunk_that_fails_is_missing_and_the_search_goes_on_without_it(by_messages: None) -> None:
    def fails_once(context: Any) -> Any:
        if (context.params["generation"], context.params["first"]) == (2, 5):
            raise ValueError("this wind tunnel is broken")
        return rate(context)

    an_agent_that(fails_once)
    project = drive(project_of(SEARCH + "        retry: {max_attempts: 1}\n"))

    assert project.state == "completed", project.failure
    assert same(project, pure(lost=lambda chunk: (chunk["generation"], chunk["first"]) == (2, 5)))
    assert step(project, "search[7]").state == "failed"


def test_too_few_evaluations_fail_the_step_and_a_retry_puts_what_is_missing_again(by_messages: None) -> None:
    broken = True

    def fails(context: Any) -> Any:
        if broken and context.params["generation"] == 3 and context.params["first"] > 0:
            raise ValueError("the wind tunnel is closed")
        return rate(context)

    an_agent_that(fails)
    project = drive(project_of(SEARCH + "        retry: {max_attempts: 1}\n"))

    assert project.state == "failed"
    assert step(project, "search").error["code"] == "too_few_evaluations"
    assert "5 of 12" in project.failure
    assert "the wind tunnel is closed" in project.failure

    broken = False
    retry(project, "search")
    advancing.advance(project.pk)
    assert [item.item["first"] for item in ready_steps(project)] == [5, 10]
    assert same(drive(project), pure())
    assert kinds(project).count("swarm.begun") == 1


def test_in_a_pause_no_generation_follows_and_afterwards_it_goes_on_from_there(by_messages: None) -> None:
    an_agent_that()
    project = after(2)
    run(ready_steps(project)[0])

    control.pause(project_id=project.pk, actor=system_actor())
    for item in Step.objects.filter(project=project, state="ready"):
        run(item)
    advancing.advance(project.pk)
    recovery.recover()
    assert generations(project) == [1, 2]
    assert Step.objects.filter(project=project, state="ready").count() == 2

    control.resume(project_id=project.pk, actor=system_actor())
    assert same(drive(project), pure())


def test_a_cancelled_project_leaves_nothing_of_its_search_open(by_messages: None) -> None:
    an_agent_that()
    project = after(2)
    control.cancel(project_id=project.pk, actor=system_actor())
    advancing.advance(project.pk)

    assert look(project).state == "cancelled"
    assert step(project, "search").state == "cancelled"
    assert not Step.objects.filter(project=project, state__in=("pending", "ready", "running", "waiting")).exists()
    assert generations(project) == [1, 2]


BESIDE = SEARCH + "      - {key: other, agent: rate-other}\n"


def test_a_failure_beside_it_ends_the_search_and_a_retry_takes_it_up_where_it_was(by_messages: None) -> None:
    an_agent_that()
    broken = True

    def other(_: Any) -> str:
        if broken:
            raise ValueError("no")
        return "yes"

    agent_that(other, "rate-other")
    yaml = BESIDE.replace("agent: rate-other", "agent: rate-other, retry: {max_attempts: 1}")
    project = project_of(yaml)
    advancing.advance(project.pk)
    while len(generations(project)) < 2:
        for item in ready_steps(project):
            if item.key != "other":
                run(item)
        advancing.advance(project.pk)
    run(step(project, "other"))
    advancing.advance(project.pk)
    assert look(project).state == "failed"
    assert step(project, "search").state == "cancelled"

    broken = False
    retry(project, "other")
    drive(project)
    assert look(project).state == "completed"
    assert same(project, pure())
    assert kinds(project).count("swarm.begun") == 1


def test_going_back_into_a_search_begins_it_anew_and_finds_the_same(by_messages: None) -> None:
    an_agent_that()
    project = after(2)
    taken = request(project_id=project.pk, actor=system_actor())
    one_generation(project)
    control.pause(project_id=project.pk, actor=system_actor())

    told = restoring.preview(project_id=project.pk, number=taken.number)
    [effect] = told.effects_not_undone
    assert (effect.key, effect.agent, effect.attempts) == ("search", "rate-a-bowl", 9)
    restoring.restore(project_id=project.pk, number=taken.number, actor=system_actor())
    control.resume(project_id=project.pk, actor=system_actor())
    advancing.advance(project.pk)
    again = step(project, "search")
    assert (again.round, again.swarm.generation) == (2, 0)
    assert same(drive(project), pure())


def test_going_back_to_the_generation_that_it_is_in_goes_on_with_it(by_messages: None) -> None:
    an_agent_that()
    project = after(2)
    taken = request(project_id=project.pk, actor=system_actor())
    run(ready_steps(project)[0])
    control.pause(project_id=project.pk, actor=system_actor())

    restoring.restore(project_id=project.pk, number=taken.number, actor=system_actor())
    control.resume(project_id=project.pk, actor=system_actor())
    advancing.advance(project.pk)
    assert (step(project, "search").round, step(project, "search").swarm.generation) == (1, 2)
    assert same(drive(project), pure())


def test_the_history_alone_says_how_far_a_search_was(by_messages: None) -> None:
    from orchestrator_site.history import services as history

    an_agent_that()
    project = after(4)
    last = history.events_of(project.pk).order_by("-id").first()
    assert last is not None
    _, replayed = at_event(project_id=project.pk, event=last.pk, number=1)
    assert replayed == read_now(project.pk).mark
    [(_, mark)] = list(replayed.steps)
    assert (mark.generation, mark.items) == (4, ())

    ended = drive(project)
    last = history.events_of(ended.pk).order_by("-id").first()
    assert last is not None
    assert at_event(project_id=project.pk, event=last.pk, number=1)[1] == read_now(project.pk).mark


def test_a_rerun_searches_again_and_finds_the_same(by_messages: None) -> None:
    an_agent_that()
    first = drive(project_of(SEARCH))
    second = drive(rerun(project_id=first.pk, actor=system_actor()))
    assert second.pk != first.pk
    assert same(second, pure())


def test_numbers_may_be_templates_over_what_is_known_by_then(by_messages: None) -> None:
    an_agent_that()
    agent_that(lambda _: {"high": 3, "lift": 2}, "finds-out")
    project = drive(
        project_of(
            """
            inputs: {type: object, properties: {size: {type: integer}, seed: {type: integer}}, required: [size, seed]}
            phases:
              - key: one
                steps:
                  - {key: before, agent: finds-out}
                  - key: search
                    kind: swarm
                    needs: [before]
                    swarm:
                      objective: {agent: rate-a-bowl, params: {lift: "${results.before.lift}"}}
                      bounds: {x: [-5, 5], y: [-4, "${results.before.high}"]}
                      population: ${inputs.size}
                      generations: 6
                      chunk_size: 5
                      seed: ${inputs.seed}
            """,
            {"size": 12, "seed": 11},
        )
    )
    assert project.state == "completed", project.failure
    assert same(project, pure())


def test_settings_that_turn_out_to_be_wrong_fail_the_step_with_the_reason(by_messages: None) -> None:
    an_agent_that()
    yaml = SEARCH.replace(
        "phases:", "inputs: {type: object, properties: {size: {type: integer}}, required: [size]}\nphases:"
    ).replace("population: 12", "population: ${inputs.size}")
    project = drive(project_of(yaml, {"size": 2}))
    assert project.state == "failed"
    assert step(project, "search").error["code"] == "swarm_settings_refused"
    assert "population" in project.failure


def test_how_far_it_is_stands_in_the_progress_and_in_what_it_waits_for(by_messages: None) -> None:
    an_agent_that()
    project = after(2)
    now = progressing.progress(project_id=project.pk)
    [search] = now.searches
    state = SwarmState.objects.get(step__project=project)
    assert (search.step, search.generation, search.generations) == ("search", 2, 6)
    assert (search.value, search.best) == (state.value, state.best)
    assert search.value is not None
    assert now.share == pytest.approx(2 / 6, abs=1e-3)
    said = progressing.why(look(project), [step(project, "search")])
    assert said[step(project, "search").pk] == (
        "search waits for 3 pieces of generation 3 of its search, of at most 6."
    )
    assert (now.phases[0].total, now.phases[0].done) == (1, 0)


def test_a_lost_look_is_made_up_for_by_recovery(by_messages: None) -> None:
    an_agent_that()
    project = after(1)
    for item in ready_steps(project):
        run(item)
    recovery.recover()
    assert generations(project) == [1, 2]


def test_settings_of_a_test_are_those_of_its_blueprint() -> None:
    import yaml as reader

    said = reader.safe_load(SEARCH)["phases"][0]["steps"][0]["swarm"]
    assert said == SETTINGS


def test_a_capability_is_routed_and_where_nobody_answers_a_fallback_stands_in(by_messages: None) -> None:
    def rates_or_not(context: Any) -> Any:
        if context.params["generation"] == 1:
            raise ValueError("no")
        return rate(context)

    an_agent_that(rates_or_not)
    agent_that(rate, "rates-roughly")
    project = drive(project_of(SEARCH + "        retry: {max_attempts: 1}\n        fallback: {agent: rates-roughly}\n"))
    assert project.state == "completed", project.failure
    found = result(project, "search")
    assert found.pop("degraded") == 3
    assert found == report(pure())


def test_the_examples_of_the_guide_run(by_messages: None, tmp_path: Path) -> None:
    from agents.definition import _registered

    guide = (ROOT / "docs" / "how-to" / "swarm.md").read_text(encoding="utf-8")
    [blueprint] = [block for block in re.findall(r"```yaml\n(.*?)```", guide, re.S) if "kind: swarm" in block]
    [code] = [block for block in re.findall(r"```python\n(.*?)```", guide, re.S) if "@agent" in block]
    _registered.pop("rate-a-price", None)
    exec(code, {"profit": lambda price, ads, market: -((price - 7) ** 2) - (ads - 100) ** 2})  # noqa: S102 our own page
    project = drive(project_of(blueprint))

    assert project.state == "completed", project.failure
    found = result(project, "price")
    assert found["best"] == pytest.approx({"price": 7, "ads": 100}, abs=20)
    assert found["generation"] == 15
    told = StringIO()
    call_command("project_swarm", str(project.pk), "price", output=tmp_path / "search.svg", stdout=told)
    assert "generation: 15" in told.getvalue()
    assert (tmp_path / "search.svg").read_text().startswith("<?xml")
    told = StringIO()
    call_command("project_status", str(project.pk), stdout=told)
    assert "15 of 15" in told.getvalue()
    with pytest.raises(NothingSearched):
        call_command("project_swarm", str(project_of(ONE).pk), "plain")


ONE = "phases: [{key: one, steps: [{key: plain, kind: wait, wait: {for: 1s}}]}]"
