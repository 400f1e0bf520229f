"""Admission to agents, shared by all workers: each desk stands for a worker process; Redis is the real one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from redis import Redis

from agents.errors import AgentBusy, AgentUnreachable
from agents.resilience import watching
from agents.resilience.circuit import CircuitRules
from agents.resilience.desk import Desk
from agents.resilience.guarding import Barrier
from agents.resilience.outcomes import ANSWERED, Outcome, outcome_of
from agents.resilience.rate import RateRules
from agents.resilience.rules import Rules
from agents.resilience.states import CircuitState
from agents.resilience.values import Admitted, Change, Order, Refused
from agents.values import Performer, TransportName

AGENT = Performer("a1", "caller", transport=TransportName.HTTP)
PYTHON = Performer("p1", "counter", transport=TransportName.PYTHON)
FAILED = outcome_of(AgentUnreachable())
QUICK = Rules(CircuitRules(failures=2, window=60.0, pause=0.2, longest_pause=1.0), places=2, lease=1.5)
LASTING = Rules(CircuitRules(failures=2, window=60.0, pause=60.0, longest_pause=60.0), places=2, lease=60.0)

Desks = Callable[..., Desk]


def admitted(answer: Admitted | Refused) -> Admitted:
    assert isinstance(answer, Admitted), answer
    return answer


def refused(answer: Admitted | Refused) -> Refused:
    assert isinstance(answer, Refused), answer
    return answer


def open_circuit(desk: Desk, agent: Performer = AGENT, times: int = 2) -> None:
    for _ in range(times):
        desk.settle(admitted(desk.admit(agent, "p", "w")), FAILED, 0.1)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.01)


def test_a_circuit_that_one_worker_opens_is_open_for_all(open_desk: Desks) -> None:
    one, other = open_desk(QUICK), open_desk(QUICK)
    open_circuit(one)

    answer = refused(other.admit(AGENT, "p", "other"))

    assert answer.kind is Barrier.CIRCUIT
    assert 0 < answer.retry_after <= 0.2 * 1.25


def test_after_its_pause_one_probe_goes_and_its_success_closes_it(open_desk: Desks) -> None:
    desk = open_desk(QUICK)
    open_circuit(desk)
    until(lambda: not desk.standing([AGENT])["a1"].open)

    probe = admitted(desk.admit(AGENT, "p", "w"))
    assert probe.probe
    assert refused(desk.admit(AGENT, "p", "w")).kind is Barrier.CIRCUIT
    desk.settle(probe, ANSWERED, 0.1)

    assert not admitted(desk.admit(AGENT, "p", "w")).probe


def test_the_probe_of_a_worker_that_died_makes_room_for_another(open_desk: Desks) -> None:
    dead, alive = open_desk(QUICK), open_desk(QUICK)
    open_circuit(dead)
    until(lambda: isinstance(dead.admit(AGENT, "p", "dead"), Admitted))

    assert isinstance(alive.admit(AGENT, "p", "alive"), Refused)
    until(lambda: isinstance(alive.admit(AGENT, "p", "alive"), Admitted))


def test_every_change_of_a_circuit_is_told_once_by_whoever_brought_it_about(open_desk: Desks) -> None:
    told: list[Change] = []

    @watching.watch
    def fails(change: Change) -> None:
        raise ValueError("an observer's own trouble")

    watching.watch(told.append)
    watching.watch(told.append)
    try:
        one, other = open_desk(QUICK), open_desk(QUICK)
        open_circuit(one)
        until(
            lambda: (
                isinstance(probe := other.admit(AGENT, "p", "w"), Admitted) and other.settle(probe, ANSWERED) is None
            )
        )
    finally:
        watching.unwatch(told.append)
        watching.unwatch(fails)

    assert [(change.before, change.after) for change in told] == [
        ("closed", "open"),
        ("open", "half_open"),
        ("half_open", "closed"),
    ]


def test_bulkheads_of_agent_and_project_hold_over_all_workers(open_desk: Desks) -> None:
    one, other = open_desk(QUICK, project_places=3), open_desk(QUICK, project_places=3)
    agents = [Performer(f"a{number}", f"a{number}", transport=TransportName.HTTP) for number in range(3)]
    places = [admitted(one.admit(agents[0], "p", "one")), admitted(other.admit(agents[0], "p", "other"))]

    assert refused(one.admit(agents[0], "p", "one")).kind is Barrier.AGENT_FULL
    places.append(admitted(one.admit(agents[1], "p", "one")))
    assert refused(other.admit(agents[2], "p", "other")).kind is Barrier.PROJECT_FULL
    assert isinstance(other.admit(agents[2], "another", "other"), Admitted)

    one.release(places[0])
    one.release(places[0])
    assert isinstance(other.admit(agents[0], "p", "other"), Admitted)
    assert isinstance(one.admit(agents[0], "p", "one"), Refused), "a place given back twice is one place"


def test_a_silent_worker_keeps_its_places_for_no_longer_than_their_lease(open_desk: Desks) -> None:
    silent, lively, third = open_desk(QUICK), open_desk(QUICK), open_desk(QUICK)
    admitted(silent.admit(AGENT, "p", "silent"))
    kept = admitted(lively.admit(AGENT, "p", "lively"))

    def came_free() -> bool:
        assert lively.renew() == []
        return isinstance(third.admit(AGENT, "p", "third"), Admitted)

    until(came_free)
    holders = [place["worker"] for place in third.describe("a1")["places"]]
    assert sorted(holders) == ["lively", "third"]
    assert isinstance(lively.keep(kept), Admitted)


def test_a_worker_that_overslept_learns_that_its_place_is_anothers(open_desk: Desks) -> None:
    sleeper, other = open_desk(QUICK), open_desk(QUICK)
    place = admitted(sleeper.admit(PYTHON, "p", "sleeper"))
    taken: list[Admitted] = []

    def both_are_taken() -> bool:
        other.renew()
        answer = other.admit(PYTHON, "p", "other")
        taken.extend([answer] if isinstance(answer, Admitted) else [])
        return len(taken) == 2

    until(both_are_taken)

    assert sleeper.renew() == [place]
    assert refused(sleeper.keep(place)).kind is Barrier.AGENT_FULL


def test_a_place_is_kept_for_many_calls_without_asking_redis(open_desk: Desks, client: Redis) -> None:
    desk = open_desk(Rules(), stale=30.0)
    place = admitted(desk.keep(admitted(desk.admit(PYTHON, "p", "w"))))

    before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    for _ in range(1000):
        desk.report(place, ANSWERED, 0.001)
        place = admitted(desk.keep(place))
    after = client.info("commandstats")["cmdstat_evalsha"]["calls"]

    assert after - before <= 5, "others may use this Redis, but not a thousand times"


def test_a_kept_place_is_given_up_when_another_worker_opens_the_circuit(open_desk: Desks) -> None:
    keeper, other = open_desk(QUICK, stale=0.05), open_desk(QUICK)
    place = admitted(keeper.keep(admitted(keeper.admit(PYTHON, "p", "keeper"))))
    for _ in range(2):
        other.settle(admitted(other.admit(PYTHON, "p", "other")), FAILED, 0.1)

    until(lambda: isinstance(keeper.keep(place), Refused), 3)

    assert keeper.describe("p1")["places"] == []


def test_a_refusal_is_remembered_no_longer_than_it_says(open_desk: Desks) -> None:
    roomy = replace(QUICK, places=1000)
    remembering, operator = open_desk(roomy, stale=0.1), open_desk(roomy)
    took: list[float] = []
    for number in (1, 3, 5):
        operator.obey(Order("a1", CircuitState.FORCED_OPEN, number, "anna"))
        until(lambda: isinstance(remembering.admit(AGENT, "p", "w"), Refused))
        operator.obey(Order("a1", CircuitState.CLOSED, number + 1, "anna"))
        began = time.monotonic()
        until(lambda: isinstance(remembering.admit(AGENT, "p", "w"), Admitted))
        took.append(time.monotonic() - began)

    assert min(took) < 0.5, "0.1 s, and what a busy machine adds, though not each time"


def test_an_agent_that_asks_for_a_pause_gets_it_from_all_workers_and_its_circuit_stays_closed(open_desk: Desks) -> None:
    one, other = open_desk(QUICK), open_desk(QUICK)
    for _ in range(3):
        answer = one.admit(AGENT, "p", "one")
        if isinstance(answer, Admitted):
            one.settle(answer, outcome_of(AgentBusy(retry_after=30.0)), 0.1)

    answer = refused(other.admit(AGENT, "p", "other"))
    standing = other.standing([AGENT])["a1"]

    assert answer.kind is Barrier.PAUSED
    assert 25 < answer.retry_after <= 30 * 1.25
    assert standing.state is CircuitState.CLOSED
    assert not standing.takes_calls


def test_a_fixed_limit_of_calls_holds_over_all_workers(open_desk: Desks) -> None:
    rules = Rules(rate=RateRules(limit=3.0, adaptive=False), places=100)
    desks = [open_desk(rules, project_places=100) for _ in range(3)]

    answers = [desk.admit(AGENT, "p", "w") for _ in range(4) for desk in desks]

    assert sum(isinstance(answer, Admitted) for answer in answers) in (3, 4)
    assert refused(answers[-1]).kind is Barrier.RATE


def test_how_a_thousand_agents_stand_is_asked_at_once(open_desk: Desks, client: Redis) -> None:
    desk, other = open_desk(LASTING), open_desk(LASTING)
    agents = [Performer(f"t{number}", f"t{number}", transport=TransportName.HTTP) for number in range(1000)]
    open_circuit(other, agents[7])
    for _ in range(2):
        other.admit(agents[8], "p", "w")
    other.admit(agents[9], "p", "w")

    standings = desk.standing(agents)

    assert [key for key, standing in standings.items() if not standing.takes_calls] == ["t7", "t8"]
    assert (standings["t8"].full, standings["t8"].running, standings["t9"].running) == (True, 2, 1)
    assert len(standings) == 1000


def test_an_emptied_redis_means_closed_circuits_but_what_was_forced_stays_forced(
    open_desk: Desks, client: Redis, prefix: str
) -> None:
    orders = [Order("p1", CircuitState.FORCED_OPEN, 1, "anna: maintenance")]
    desk, other = (open_desk(QUICK, orders=lambda: orders) for _ in range(2))
    open_circuit(desk)
    place = admitted(desk.admit(Performer("a2", "two"), "p", "w"))
    assert isinstance(desk.admit(PYTHON, "p", "w"), Refused)

    client.delete(*client.scan_iter(f"{prefix}*"))

    assert refused(other.admit(PYTHON, "p", "w")).kind is Barrier.CIRCUIT
    assert isinstance(other.admit(AGENT, "p", "w"), Admitted)
    assert desk.renew() == [], "a place that was forgotten is taken anew, since there is room"
    assert [held["worker"] for held in other.describe("a2")["places"]] == ["w"]
    desk.release(place)


def test_a_description_says_who_holds_what_and_why_it_is_open(open_desk: Desks) -> None:
    desk = open_desk(QUICK)
    place = admitted(desk.admit(AGENT, "project-7", "celery@one"))
    desk.report(place, Outcome(FAILED.ending, None, "connection refused"))
    assert len(desk.describe("a1")["circuit"]["failures"]) == 1
    desk.report(place, Outcome(FAILED.ending, None, "connection refused"))

    said = desk.describe("a1")

    assert said["circuit"]["state"] == "open"
    assert said["circuit"]["why"] == "2 failures within 60 s: connection refused"
    assert said["circuit"]["closed_for"] > 0
    held = said["places"][0]
    assert (held["worker"], held["project"], held["probe"]) == ("celery@one", "project-7", False)
    assert 0 < held["lease_ends_in"] <= QUICK.lease


def test_of_an_agent_that_is_gone_nothing_is_kept(open_desk: Desks, client: Redis, prefix: str) -> None:
    desk = open_desk(QUICK)
    open_circuit(desk)

    desk.forget("a1")

    assert list(client.scan_iter(f"{prefix}*a1")) == []


@pytest.mark.parametrize("state", ["forced_open", "forced_closed"])
def test_an_order_that_is_older_than_what_is_known_does_nothing(open_desk: Desks, state: str) -> None:
    desk = open_desk(QUICK)
    desk.obey(Order("a1", CircuitState(state), 2, "later"))
    desk.obey(Order("a1", CircuitState.CLOSED, 1, "earlier"))

    assert desk.describe("a1")["circuit"]["state"] == state
