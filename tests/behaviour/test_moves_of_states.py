"""A row moves from state to state as its table says, whoever writes it: the database refuses any other way."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from orchestrator_site.statemachine import Machine
from projects.models import Step
from projects.services import execution
from projects.states import MACHINES, StepState
from tests.builders import agent_that, project_of, step

pytestmark = pytest.mark.django_db

CONDITION = """
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = %s AND tgrelid = %s::regclass
"""


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_the_database_refuses_what_no_table_of_states_has_and_nothing_else(machine: Machine[Any]) -> None:
    name, table = f"{machine.name}_moves_by_its_table", f"projects_{machine.name}"
    with connection.cursor() as cursor:
        cursor.execute(CONDITION, [name, table])
        condition = cursor.fetchone()[0].partition(" WHEN ")[2].rpartition(" EXECUTE ")[0]
        refused = set()
        for before, after in product(machine.table, repeat=2):
            cursor.execute(
                f"SELECT {condition} FROM (VALUES (%s)) old (state), (VALUES (%s)) new (state)",
                [before.value, after.value],
            )
            if cursor.fetchone()[0]:
                refused.add((before, after))

    assert refused == {
        (before, after)
        for before, after in product(machine.table, repeat=2)
        if before != after and not machine.allows(before, after) and not machine.revives(before, after)
    }


def test_a_committed_result_cannot_become_a_failure_by_hand() -> None:
    agent_that(lambda context: 1, "echo")
    project = project_of("phases: [{key: one, steps: [{key: a, agent: echo}, {key: b, agent: echo}]}]")
    a = step(project, "a")
    execution.run_leg(project.pk, [a.pk])

    with pytest.raises(IntegrityError, match="from completed to failed is no move"), transaction.atomic():
        Step.objects.filter(pk=a.pk).update(state=StepState.FAILED)

    assert step(project, "a").state == StepState.COMPLETED
