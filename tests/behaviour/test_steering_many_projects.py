"""Many projects are paused, resumed or cancelled by one call, each with an outcome of its own."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_site import clock
from orchestrator_site.access.actors import system_actor
from projects.errors import SelectionInvalid
from projects.models import Project
from projects.services import control, many
from tests.behaviour.pausing import directives, pause
from tests.builders import as_actor, drive, look, person, project_of

pytestmark = pytest.mark.django_db(transaction=True)


def some(number: int, **options: Any) -> list[Project]:
    waits = "phases: [{key: one, steps: [{key: w, kind: wait, wait: {for: 1h}}]}]"
    return [drive(project_of(waits, **options)) for _ in range(number)]


def test_many_projects_are_steered_each_with_its_own_outcome() -> None:
    first, second, over = some(3)
    control.cancel(project_id=over.pk, actor=system_actor())
    pause(second)

    batch = many.steer("pause", [over.pk, second.pk, first.pk, first.pk], actor=system_actor(), reason="all of them")

    assert [(each.id, each.done, each.code) for each in batch.outcomes] == [
        (str(first.pk), True, None),
        (str(second.pk), False, "refused_in_state"),
        (str(over.pk), False, "refused_in_state"),
    ]
    assert not batch.all_done
    assert look(first).directive == "pause"


def test_all_of_a_filter_are_steered_and_only_those_of_which_it_can_be_asked(family: dict[str, Project]) -> None:
    olga = as_actor(person("olga"))
    mine, others = some(2, actor=olga), some(1)
    pause(mine[0])

    batch = many.steer_all("pause", actor=system_actor(), owner="olga")
    assert [each.id for each in batch.outcomes] == [str(mine[1].pk)]
    batch = many.steer_all("resume", actor=system_actor(), owner="olga")
    assert len(batch.outcomes) == 2

    batch = many.steer_all("pause", actor=system_actor())
    assert batch.all_done
    assert directives(family) == [("pause", False), ("pause", True), ("pause", True)]
    assert len(batch.outcomes) == 4  # those below are held, and have no outcome of their own
    many.steer_all("resume", actor=system_actor())
    assert directives(family) == [("run", False)] * 3
    many.steer_all("cancel", actor=system_actor(), blueprint="child")
    assert [look(each).state for each in family.values()] == ["failed", "cancelled", "cancelled"]
    many.steer_all("cancel", actor=system_actor(), owner="olga")
    assert {look(each).state for each in mine} == {"cancelled"}
    assert look(others[0]).state == "running"


def test_whom_one_does_not_see_one_does_not_steer() -> None:
    [project] = some(1)
    stranger = as_actor(person("stranger", may=["control_project"]))

    batch = many.steer("pause", [project.pk], actor=stranger)
    assert [each.code for each in batch.outcomes] == ["project_not_found"]
    assert many.steer_all("cancel", actor=stranger).outcomes == ()
    assert look(project).directive == "run"


def test_a_batch_of_none_or_of_too_many_is_refused() -> None:
    for ids in ([], [clock.new_id() for _ in range(many.MOST + 1)]):
        with pytest.raises(SelectionInvalid):
            many.steer("pause", ids, actor=system_actor())
