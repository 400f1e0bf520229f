"""What admission costs: against the bars of the design, and beside the plainest script on the same Redis."""

from __future__ import annotations

import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from redis import Redis

from agents.errors import AgentUnreachable
from agents.resilience.circuit import CircuitRules
from agents.resilience.desk import Desk
from agents.resilience.outcomes import ANSWERED, outcome_of
from agents.resilience.rules import Rules
from agents.resilience.values import Admitted, Refused
from agents.values import Performer, TransportName
from tests.benchmarks.figures import FIGURES, Figure
from tests.resilience.desks import desk_on, redis_url

HTTP = Performer("b-http", "caller", transport=TransportName.HTTP)
PYTHON = Performer("b-python", "counter", transport=TransportName.PYTHON)
RULES = Rules(CircuitRules(failures=1, pause=600.0, longest_pause=600.0), places=50)
ROUNDS = 5


@pytest.fixture
def desk_of() -> Iterator[Callable[..., Desk]]:
    prefix = f"test:{secrets.token_hex(4)}:"
    yield partial(desk_on, prefix, RULES)
    with Redis.from_url(redis_url()) as client:
        client.delete(*client.scan_iter(f"{prefix}*", count=10_000))


def best(work: Callable[[], object], times: int) -> tuple[float, float]:
    """Median and 99th percentile in microseconds, of the best of some rounds: others use the machine too."""
    rounds = []
    for _ in range(ROUNDS):
        took = []
        for _ in range(times):
            began = time.perf_counter()
            work()
            took.append((time.perf_counter() - began) * 1e6)
        cuts = statistics.quantiles(took, n=100)
        rounds.append((cuts[49], cuts[98]))
    return min(p50 for p50, _ in rounds), min(p99 for _, p99 in rounds)


def admitted(answer: Admitted | Refused) -> Admitted:
    assert isinstance(answer, Admitted), answer
    return answer


def plain() -> Callable[[], object]:
    """A script that does one write, by the client of the product's line: the least that any decision in Redis costs."""
    client = Redis.from_url(redis_url(), protocol=2)
    script = client.register_script("redis.call('TIME') redis.call('SET', KEYS[1], ARGV[1], 'EX', 60) return 1")
    script(keys=["test:plain"], args=["1"])
    return lambda: client.execute_command("EVALSHA", script.sha, 1, "test:plain", "1")


def test_what_an_open_circuit_costs_those_it_refuses(desk_of: Callable[..., Desk]) -> None:
    desk, forgetful = desk_of(stale=0.1), desk_of(stale=0.0)
    desk.settle(admitted(desk.admit(HTTP, "p", "w")), outcome_of(AgentUnreachable()))
    for name, asked, times, target in (("remembered", desk, 5000, 200), ("asking Redis", forgetful, 1000, 1000)):
        assert isinstance(asked.admit(HTTP, "p", "w"), Refused)
        p50, p99 = best(lambda asked=asked: asked.admit(HTTP, "p", "w"), times)
        work = f"open circuit refuses, {name}, p99 µs"
        FIGURES.append(Figure(work, f"{p99:.0f} µs", f"p50 {p50:.1f} µs", p99, target, target / 5))


@pytest.mark.parametrize("agent", [HTTP, PYTHON], ids=["adaptive rate", "no rate"])
def test_what_admission_and_giving_back_cost(desk_of: Callable[..., Desk], agent: Performer) -> None:
    desk = desk_of()

    def once() -> None:
        desk.settle(admitted(desk.admit(agent, "p", "w")), ANSWERED, 0.01)

    beside, _ = best(plain(), 1000)
    p50, p99 = best(once, 1000)
    name = "adaptive rate" if agent is HTTP else "no rate"
    FIGURES.append(
        Figure(
            f"admit + settle ({name}), p50 to two plain scripts",
            f"{p50:.0f} µs",
            f"{2 * beside:.0f} µs",
            p50 / 2 / beside,
            3,
            2,
        )
    )
    FIGURES.append(Figure(f"admit + settle ({name}), p99 µs", f"{p99:.0f} µs", f"{1e6 / p50:.0f}/s", p99, 2000, 1000))


def test_what_keeping_a_place_costs(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of(stale=0.1)
    place = admitted(desk.admit(PYTHON, "p", "w"))

    def once() -> None:
        desk.report(place, ANSWERED, 0.01)
        desk.keep(place)

    p50, p99 = best(once, 20_000)
    FIGURES.append(Figure("report + keep a place, python, p50 µs", f"{p50:.1f} µs", "", p50, 10, 5))
    FIGURES.append(Figure("report + keep a place, python, p99 µs", f"{p99:.1f} µs", "", p99, 50, 15))


def test_how_a_thousand_agents_stand(desk_of: Callable[..., Desk]) -> None:
    agents = [Performer(f"s{number}", "s", transport=TransportName.HTTP) for number in range(1000)]
    desk, cached = desk_of(), desk_of(stale=60.0)
    for agent in agents[::2]:
        desk.admit(agent, f"p-{agent.id}", "w")
    for agent in agents[::5]:
        desk.settle(admitted(desk.admit(agent, f"q-{agent.id}", "w")), outcome_of(AgentUnreachable()))
    standings = desk.standing(agents)
    assert sum(standing.open for standing in standings.values()) == 200
    assert sum(standing.running for standing in standings.values()) == 500

    p50, p99 = best(lambda: desk.standing(agents), 60)
    FIGURES.append(
        Figure("standing of 1,000 agents, p99 ms", f"{p99 / 1e3:.1f} ms", f"p50 {p50 / 1e3:.1f} ms", p99 / 1e3, 20, 10)
    )
    cached.standing(agents)
    p50, p99 = best(lambda: cached.standing(agents), 500)
    FIGURES.append(
        Figure("the same, remembered, p99 ms", f"{p99 / 1e3:.2f} ms", f"p50 {p50 / 1e3:.2f} ms", p99 / 1e3, 2, 1)
    )


def test_what_renewing_costs(desk_of: Callable[..., Desk]) -> None:
    desk = desk_of()
    for number in range(50):
        admitted(desk.admit(PYTHON, f"p{number}", "w"))

    p50, p99 = best(desk.renew, 200)
    assert desk.renew() == []
    FIGURES.append(
        Figure("renew 50 places of a worker, p99 ms", f"{p99 / 1e3:.2f} ms", f"p50 {p50 / 1e3:.2f} ms", p99 / 1e3, 5, 2)
    )
