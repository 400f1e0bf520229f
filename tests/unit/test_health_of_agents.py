"""The health of an agent: what lowers it, what each factor can do alone, and states that do not tremble."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import health
from agents.health import Signs
from agents.states import AGENT, AgentState

INTERVAL, LIMIT = 30.0, 300.0

counts = st.floats(0, 1e6)
seconds = st.floats(0, 1e5)
signs = st.builds(Signs, counts, counts, seconds, seconds, st.floats(0, 10), seconds)
states = st.sampled_from(sorted(AgentState))


def score(found: Signs) -> float:
    return health.score(found, interval=INTERVAL, limit=LIMIT)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Signs(), 1.0),
        (Signs(failures=1), 0.8),
        (Signs(failures=4), 0.5),
        (Signs(successes=96, failures=100), 0.5),
        (Signs(latency=0.2, baseline=0.1), 1.0),
        (Signs(latency=1.0, baseline=0.1), 0.5),
        (Signs(latency=99.0, baseline=0.1), 0.5),
        (Signs(load=0.5), 1.0),
        (Signs(load=1.0), 0.8),
        (Signs(load=7.0), 0.8),
        (Signs(silence=60), 1.0),
        (Signs(silence=180), 0.5),
        (Signs(silence=300), 0.0),
    ],
)
def test_each_sign_lowers_it_by_what_the_formula_says(found: Signs, expected: float) -> None:
    assert score(found) == pytest.approx(expected)


@given(signs)
def test_it_stays_between_nothing_and_one(found: Signs) -> None:
    assert 0.0 <= score(found) <= 1.0


@given(signs, st.sampled_from(["failures", "latency", "load", "silence"]), st.floats(0, 1e4))
def test_more_of_what_is_bad_never_raises_it(found: Signs, name: str, more: float) -> None:
    from dataclasses import replace

    worse = replace(found, **{name: getattr(found, name) + more})

    assert score(worse) <= score(found) + 1e-12


@given(signs, st.sampled_from(["successes", "baseline"]), st.floats(0, 1e4))
def test_more_of_what_is_good_never_lowers_it(found: Signs, name: str, more: float) -> None:
    from dataclasses import replace

    if name == "baseline" and found.baseline == 0:
        return  # nothing was measured: there is nothing to be slow against
    better = replace(found, **{name: getattr(found, name) + more})

    assert score(better) >= score(found) - 1e-12


@pytest.mark.parametrize(
    ("before", "score", "after"),
    [
        ("starting", 1.0, "healthy"),
        ("starting", 0.5, "degraded"),
        ("healthy", 0.75, "healthy"),
        ("healthy", 0.69, "degraded"),
        ("healthy", 0.1, "unhealthy"),
        ("degraded", 0.75, "degraded"),
        ("degraded", 0.8, "healthy"),
        ("degraded", 0.29, "unhealthy"),
        ("unhealthy", 0.39, "unhealthy"),
        ("unhealthy", 0.4, "degraded"),
        ("unhealthy", 0.9, "healthy"),
        ("draining", 0.0, "draining"),
        ("gone", 1.0, "gone"),
    ],
)
def test_it_falls_at_one_bound_and_rises_at_another(before: str, score: float, after: str) -> None:
    assert health.state_after(AgentState(before), score) is AgentState(after)


@given(states, st.floats(0, 1))
def test_it_moves_only_as_the_table_allows(before: AgentState, score: float) -> None:
    after = health.state_after(before, score)

    assert after is before or AGENT.allows(before, after)


@given(st.floats(0.05, 0.95), st.lists(st.floats(-0.049, 0.049), min_size=2, max_size=50), states)
def test_a_score_that_trembles_by_a_twentieth_moves_it_twice_at_most(
    around: float, trembling: list[float], before: AgentState
) -> None:
    state, moves = before, 0
    for shake in trembling:
        after = health.state_after(state, min(1.0, max(0.0, around + shake)))
        moves += after is not state
        state = after

    assert moves <= 2


def test_counts_fade_by_half_in_a_half_life() -> None:
    assert health.faded(8.0, health.HALF_LIFE * 3) == pytest.approx(1.0)
    assert health.faded(8.0, -5.0) == 8.0
