"""Whatever workers do at an agent in whatever order: the pure modules and the scripts in Redis decide the same, no
bulkhead is passed, no probe too many goes out, and a circuit opens when it has reason to and not before."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from agents.resilience import circuit as circuits
from agents.resilience import guarding
from agents.resilience.circuit import CircuitRules
from agents.resilience.guarding import Guard, Held, Let
from agents.resilience.outcomes import Ending, Outcome
from agents.resilience.places import Places
from agents.resilience.rate import RateRules, in_force
from agents.resilience.rules import Rules
from agents.resilience.shared import SEPARATOR, Shared
from agents.resilience.states import CIRCUIT, CircuitState
from agents.resilience.values import Admitted, Change, Order
from tests.resilience.desks import Clock, redis_url, store

LEASE = 15.0
WINDOW = 60.0
ENDINGS = st.sampled_from(list(Ending))
FAILING = st.sampled_from([Ending.FAILED, Ending.FAILED, Ending.TIMED_OUT, Ending.BUSY, Ending.ANSWERED])
STEPS = st.sampled_from([0.001, 0.1, 0.5, 1.0, 3.0, 9.9, 14.9, 15.0, 20.0, 61.0])
RATES = (
    RateRules(adaptive=False),
    RateRules(),
    RateRules(floor=0.5, ceiling=8.0, increase=3.0),
    RateRules(limit=2.0, adaptive=False),
    RateRules(limit=5.0, floor=1.0),
)


class Guarding(RuleBasedStateMachine):
    """Two agents of one project, through the pure modules and through Redis, at the same moments."""

    client: Redis

    @initialize(
        rate=st.sampled_from(RATES),
        failures=st.integers(1, 4),
        probes=st.integers(1, 2),
        places=st.integers(1, 4),
        project_places=st.integers(1, 5),
        operator=st.sampled_from([True, False, False, False]),
    )
    def begin(
        self, rate: RateRules, failures: int, probes: int, places: int, project_places: int, operator: bool
    ) -> None:
        self.operator = operator
        self.prefix = f"test:{secrets.token_hex(4)}:"
        self.clock = Clock(self.client, self.prefix)
        self.shared: Shared = store(self.prefix, self.clock)
        self.rules = Rules(CircuitRules(failures, WINDOW, 10.0, 40.0, probes), rate, places, LEASE)
        self.project_places = project_places
        self.guards = {"a": Guard(), "b": Guard()}
        self.project = Places()
        self.held: list[Admitted] = []
        self.failures: dict[str, list[float]] = {"a": [], "b": []}
        self.versions = 0
        self.number = 0

    @rule(seconds=STEPS)
    def time_passes(self, seconds: float) -> None:
        self.clock.move(seconds)

    @rule(agent=st.sampled_from("ab"), calls=st.integers(1, 8))
    def ask(self, agent: str, calls: int) -> None:
        for _ in range(calls):
            self.number += 1
            place = SEPARATOR.join(("worker", agent, "p", str(self.number)))
            self.admit(Admitted(agent, "p", place, self.rules, self.project_places, 0, False))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def ask_for_one_more_call(self, data: st.DataObject) -> None:
        self.admit(data.draw(st.sampled_from(self.held)))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), ending=ENDINGS, seconds=st.sampled_from([0.01, 0.02, 5.0]), release=st.booleans())
    def end(self, data: st.DataObject, ending: Ending, seconds: float, release: bool) -> None:
        admitted = data.draw(st.sampled_from(self.held))
        after = data.draw(st.sampled_from([None, 2.5])) if ending is Ending.BUSY else None
        self.settle(admitted, Outcome(ending, after, "said so"), seconds, release)

    @precondition(lambda self: self.held)
    @rule(times=st.sampled_from([1, 5, 25, 60]), seconds=st.sampled_from([0.01, 4.0]))
    def answer_often(self, times: int, seconds: float) -> None:
        for _ in range(times):
            self.settle(self.held[-1], Outcome(Ending.ANSWERED), seconds, release=False)

    @rule(
        agent=st.sampled_from("ab"), endings=st.lists(FAILING, min_size=1, max_size=6), between=st.sampled_from([0, 15])
    )
    def calls_in_a_row(self, agent: str, endings: list[Ending], between: float) -> None:
        for ending in endings:
            self.ask(agent, 1)
            if self.held and self.held[-1].agent_id == agent:
                self.settle(self.held[-1], Outcome(ending, None, "in a row"), 0.1, release=True)
            self.clock.move(between)

    @rule(agent=st.sampled_from("ab"))
    def the_pause_is_over(self, agent: str) -> None:
        guard = self.guards[agent]
        self.clock.move(max(0.0, guard.circuit.until - self.clock.now, guard.paused_until - self.clock.now) + 0.01)

    @rule(agent=st.sampled_from("ab"))
    def stragglers_fail(self, agent: str) -> None:
        for admitted in [one for one in self.held if one.agent_id == agent]:
            self.settle(admitted, Outcome(Ending.TIMED_OUT, None, "late"), 9.0, release=False)

    @precondition(lambda self: self.held)
    @rule()
    def give_all_back(self) -> None:
        for admitted in tuple(self.held):
            self.shared.ended(admitted, None, None, release=True)
            guard, self.project = guarding.given_back(self.guards[admitted.agent_id], self.project, admitted.place)
            self.guards[admitted.agent_id] = guard
        self.held.clear()

    @precondition(lambda self: self.held)
    @rule()
    def renew(self) -> None:
        lost = []
        for admitted in self.held:
            guard, self.project, kept = guarding.renewed(
                self.guards[admitted.agent_id],
                self.project,
                self.rules,
                self.project_places,
                self.clock.now,
                admitted.place,
            )
            self.guards[admitted.agent_id] = guard
            lost += [] if kept else [admitted]
        assert self.shared.renew(self.held, LEASE) == lost
        self.held = [admitted for admitted in self.held if admitted not in lost]

    @precondition(lambda self: self.operator)
    @rule(agent=st.sampled_from("ab"), to=st.sampled_from(["closed", "forced_open", "forced_closed"]))
    def force(self, agent: str, to: str) -> None:
        self.versions += 1
        order = Order(agent, CircuitState(to), self.versions, "ordered")
        before = self.guards[agent].circuit
        after = circuits.forced(before, self.clock.now, order.state, order.why)
        self.guards[agent] = Guard(
            after, self.guards[agent].places, self.guards[agent].rate, self.guards[agent].paused_until
        )
        self.same_change(agent, before.state, self.shared.obey([order]))
        assert self.shared.obey([order]) == [], "an order that is known does nothing"

    @invariant()
    def no_bulkhead_is_passed(self) -> None:
        now = self.clock.now
        assert self.project.running(now) <= self.project_places
        assert all(guard.places.running(now) <= self.rules.places for guard in self.guards.values())

    @invariant()
    def no_probe_too_many_is_out(self) -> None:
        for guard in self.guards.values():
            live = [end for end in guard.circuit.probes.values() if end > self.clock.now]
            assert len(live) <= self.rules.circuit.probes
            assert not live or guard.circuit.state is CircuitState.HALF_OPEN

    @invariant()
    def a_closed_circuit_has_no_reason_to_be_open(self) -> None:
        for agent, guard in self.guards.items():
            if guard.circuit.state is CircuitState.CLOSED:
                # A failure may fall exactly on the edge of the window, from which on nothing has failed since.
                latest = self.failures[agent][-self.rules.circuit.failures :]
                close = len(latest) == self.rules.circuit.failures and latest[-1] - latest[0] <= WINDOW
                assert not close, f"{agent} failed at {latest} and is closed"

    @invariant()
    def redis_tells_the_same(self) -> None:
        for seen, guard in zip(self.shared.standing(["a", "b"]), self.guards.values(), strict=True):
            circuit, now = guard.circuit, self.clock.now
            assert (seen.state, seen.generation) == (circuit.state, circuit.generation)
            assert seen.running == guard.places.running(now)
            assert seen.paused_for == pytest.approx(max(0.0, guard.paused_until - now))
            assert seen.rate == pytest.approx(guard.rate.rate)
            opened = circuits.wait(circuit, self.rules.circuit, now) > 0
            standing = seen.under(self.rules)
            assert (standing.open, standing.full) == (opened, seen.running >= self.rules.places)
            assert standing.rate == pytest.approx(in_force(guard.rate, self.rules.rate))

    def admit(self, wanted: Admitted) -> None:
        agent = wanted.agent_id
        before = self.guards[agent]
        guard, project, answer = guarding.admit(
            before, self.project, self.rules, self.project_places, self.clock.now, wanted.place
        )
        told, change = self.shared.admit(agent, "p", wanted.place, self.rules, self.project_places)
        assert told == answer
        self.guards[agent], self.project = guard, project
        self.same_change(agent, before.circuit.state, [change] if change else [])
        if isinstance(answer, Let):
            self.held = [one for one in self.held if one.place != wanted.place]
            self.held.append(
                Admitted(agent, "p", wanted.place, self.rules, self.project_places, answer.generation, answer.probe)
            )
        else:
            assert isinstance(answer, Held)
            assert answer.wait > 0

    def settle(self, admitted: Admitted, outcome: Outcome, seconds: float, release: bool) -> None:
        agent, now = admitted.agent_id, self.clock.now
        before = self.guards[agent]
        guard = guarding.ended(before, self.rules, now, admitted.place, admitted.generation, outcome, seconds)
        if release:
            guard, self.project = guarding.given_back(guard, self.project, admitted.place)
            self.held.remove(admitted)
        self.guards[agent] = guard
        change = self.shared.ended(admitted, outcome, seconds, release=release)
        self.same_change(agent, before.circuit.state, [change] if change else [])
        counts = outcome.ending in (Ending.FAILED, Ending.TIMED_OUT) or (
            outcome.ending is Ending.BUSY and outcome.retry_after is None
        )
        if counts and before.circuit.state is CircuitState.CLOSED and before.circuit.generation == admitted.generation:
            self.failures[agent].append(now)

    def same_change(self, agent: str, before: CircuitState, told: list[Change]) -> None:
        circuit = self.guards[agent].circuit
        expected = [] if before is circuit.state else [Change(agent, before, circuit.state, circuit.why)]
        assert told == expected
        if expected:
            assert CIRCUIT.allows(before, circuit.state)
            self.failures[agent].clear()

    def teardown(self) -> None:
        keys = list(self.client.scan_iter(f"{getattr(self, 'prefix', 'none')}*", count=10_000))
        if keys:
            self.client.delete(*keys)


@pytest.mark.timeout(300)
def test_any_course_of_a_guard() -> None:
    with Redis.from_url(redis_url()) as client:
        Guarding.client = client
        run_state_machine_as_test(
            Guarding,
            settings=settings(
                max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
