"""The tables of states, and the database constraints that derive from them."""

from __future__ import annotations

import pickle

import pytest

from orchestrator_site import errors
from orchestrator_site.statemachine import State, machine
from projects import errors as project_errors
from projects.states import MACHINES, STEP, StepState


@pytest.mark.parametrize("table", MACHINES, ids=lambda table: table.name)
def test_every_live_state_leads_to_an_end_and_no_end_leads_on(table) -> None:  # type: ignore[no-untyped-def]
    for state in table.live:
        seen, frontier = {state}, [state]
        while frontier:
            for following in table.table[frontier.pop()] - seen:
                seen.add(following)
                frontier.append(following)
        assert seen & table.terminal, f"{state} leads nowhere"
    assert all(member.meaning.endswith(".") for member in table.table)


def test_a_claim_may_come_from_ready_and_within_a_leg_from_pending() -> None:
    assert set(STEP.sources(StepState.RUNNING)) == {StepState.READY, StepState.PENDING}


def test_a_table_that_forgets_a_state_or_cannot_reach_one_is_refused() -> None:
    class Light(State):
        ON = "on", "It shines."
        OFF = "off", "It does not."

    with pytest.raises(ValueError, match="no row"):
        machine("light", Light.OFF, {Light.OFF: {Light.ON}})
    with pytest.raises(ValueError, match="nothing leads"):
        machine("light", Light.OFF, {Light.OFF: set(), Light.ON: {Light.OFF}})


def _all_errors() -> list[type[errors.PhasegateError]]:
    import agents.errors
    import projects.blueprints.errors  # noqa: F401

    found, frontier = [], [errors.PhasegateError]
    while frontier:
        for each in frontier.pop().__subclasses__():
            found.append(each)
            frontier.append(each)
    assert agents.errors.AgentNotFound in found
    assert project_errors.ApprovalClosed in found
    return found


def test_every_error_says_something_and_survives_pickling() -> None:
    codes = {}
    for each in _all_errors():
        error = each("it did not work")
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 our own bytes
        assert str(copy) == str(error), each
        assert each.__doc__, f"{each} has no default message"
        assert each.code == each.code.lower()
        codes.setdefault(each.code, []).append(each)
