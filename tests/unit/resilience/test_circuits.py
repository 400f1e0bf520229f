"""When a circuit lets calls through, and what follows from how they end. Moments are seconds.

closed ──5 failures in 60 s──▶ open ──pause over──▶ half open ──a probe succeeds──▶ closed
                                ▲                      │
                                └────a probe fails─────┘  (the pause doubles)
"""

from __future__ import annotations

import pytest

from agents.resilience.circuit import (
    PROBE_WAIT,
    Circuit,
    CircuitRules,
    failed,
    forced,
    given_back,
    let_through,
    renewed,
    succeeded,
    wait,
)
from agents.resilience.states import CIRCUIT, FORCED, CircuitState

RULES = CircuitRules(failures=3, window=60.0, pause=10.0, longest_pause=40.0, probes=1)
LEASE = 15.0


def after_failures(*moments: float, circuit: Circuit | None = None) -> Circuit:
    circuit = circuit or Circuit()
    for moment in moments:
        circuit = failed(circuit, RULES, moment, "call", circuit.generation, "no answer")
    return circuit


def probing(circuit: Circuit, now: float, place: str = "probe") -> Circuit:
    assert wait(circuit, RULES, now, place) == 0
    return let_through(circuit, now, place, now + LEASE)


@pytest.mark.parametrize(
    ("moments", "state"),
    [
        ((100, 101), "closed"),
        ((100, 130, 160), "open"),
        ((100, 130, 160.001), "closed"),
        ((100, 130, 170, 180), "open"),
        ((0, 100, 200, 300), "closed"),
    ],
)
def test_it_opens_when_enough_failures_lie_within_the_window(moments: tuple[float, ...], state: str) -> None:
    assert after_failures(*moments).state == state


def test_a_success_between_failures_does_not_take_them_back() -> None:
    circuit = succeeded(after_failures(100, 101), 102, "call")

    assert after_failures(103, circuit=circuit).state == "open"


def test_open_it_lets_nothing_through_until_its_pause_is_over() -> None:
    circuit = after_failures(100, 101, 102)

    assert wait(circuit, RULES, 102) == 10.0
    assert wait(circuit, RULES, 111.5) == 0.5
    assert wait(circuit, RULES, 112) == 0.0
    assert circuit.why == "3 failures within 60 s: no answer"


def test_half_open_no_more_probes_go_than_may() -> None:
    circuit = probing(after_failures(100, 101, 102), 112)

    assert circuit.state == "half_open"
    assert wait(circuit, RULES, 112, "another") == PROBE_WAIT
    assert wait(circuit, RULES, 112, "probe") == 0.0, "the probe itself may call once more"


def test_a_probe_whose_worker_died_makes_room_when_its_lease_ends() -> None:
    circuit = probing(after_failures(100, 101, 102), 112)

    assert wait(circuit, RULES, 126.5, "another") == 0.5
    assert wait(circuit, RULES, 127, "another") == 0.0
    assert set(let_through(circuit, 127, "another", 142).probes) == {"another"}


def test_a_renewed_probe_keeps_its_place_and_one_that_ended_does_not_come_back() -> None:
    circuit = probing(after_failures(100, 101, 102), 112)

    assert wait(renewed(circuit, 120, "probe", 135), RULES, 130, "another") > 0
    assert renewed(circuit, 127, "probe", 142) is circuit


def test_a_probe_given_back_without_an_outcome_lets_the_next_one_go() -> None:
    circuit = given_back(probing(after_failures(100, 101, 102), 112), "probe")

    assert circuit.state == "half_open"
    assert wait(circuit, RULES, 113, "another") == 0.0


def test_a_success_of_a_probe_closes_it_and_forgets_the_failures() -> None:
    circuit = succeeded(probing(after_failures(100, 101, 102), 112), 113, "probe")

    assert (circuit.state, circuit.failures) == ("closed", ())


def test_its_pause_doubles_with_each_probe_that_fails_up_to_a_cap() -> None:
    circuit, pauses = after_failures(100, 101, 102), []
    for _ in range(4):
        pauses.append(circuit.until - circuit.since)
        circuit = probing(circuit, circuit.until)
        circuit = failed(circuit, RULES, circuit.since + 1, "probe", circuit.generation, "still down")

    assert pauses == [10, 20, 40, 40]


def test_an_agent_that_fails_again_soon_after_it_came_back_is_paused_longer() -> None:
    closed = succeeded(probing(after_failures(100, 101, 102), 112), 113, "probe")

    soon = after_failures(114, 115, 116, circuit=closed)
    late = after_failures(200, 201, 202, circuit=closed)

    assert (soon.until - soon.since, late.until - late.since) == (20, 10)


def test_stragglers_of_an_outage_do_not_open_it_again() -> None:
    circuit = succeeded(probing(after_failures(100, 101, 102), 112), 113, "probe")
    for _ in range(5):
        circuit = failed(circuit, RULES, 114, "straggler", 0, "timed out")

    assert circuit.state == "closed"


def test_only_its_probes_decide_while_it_is_half_open() -> None:
    circuit = probing(after_failures(100, 101, 102), 112)

    assert failed(circuit, RULES, 113, "straggler", circuit.generation, "late") is circuit
    assert succeeded(circuit, 113, "straggler") is circuit


def test_forced_it_stays_as_it_was_forced() -> None:
    opened = forced(Circuit(), 100, CircuitState.FORCED_OPEN, "anna: maintenance")
    closed = after_failures(*range(101, 120), circuit=forced(opened, 100, CircuitState.FORCED_CLOSED, "anna: go"))

    assert wait(opened, RULES, 1e9) > 0
    assert closed.state == "forced_closed"
    assert wait(closed, RULES, 121) == 0.0


def test_left_to_itself_again_it_begins_closed() -> None:
    opened = forced(after_failures(100, 101, 102), 103, CircuitState.FORCED_OPEN, "anna")

    assert forced(opened, 104, CircuitState.CLOSED, "anna: over").state == "closed"


def test_leaving_alone_what_is_not_forced_changes_nothing() -> None:
    opened = after_failures(100, 101, 102)

    assert forced(opened, 103, CircuitState.CLOSED, "anna") is opened


def test_every_state_can_be_left_and_only_operators_end_what_they_forced() -> None:
    assert CIRCUIT.terminal == frozenset()
    assert all(CIRCUIT.table[state] <= {CircuitState.CLOSED, *FORCED} for state in FORCED)
    assert all(state.meaning.endswith(".") for state in CircuitState)
