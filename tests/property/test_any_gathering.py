"""In whatever order answers and failures come: the same comes of them."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.errors import AnswersUnusable, QuorumMissed
from agents.gather import AGGREGATIONS, Asked, Gathering, Verdict

LEAVES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-1e300, 1e300) | st.sampled_from(["x", "y"])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["score", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=6,
)
REPLIES = st.lists(
    st.tuples(VALUES | st.sampled_from([{"score": 1}, {"score": 2}]), st.sampled_from([0.0, 1.0, 2.5]), st.booleans()),
    min_size=1,
    max_size=7,
)


def fold(gathering: Gathering, replies: list[tuple[str, Any, bool]]) -> Gathering:
    for agent, value, fails in replies:
        gathering = gathering.failed(agent, "it broke") if fails else gathering.answered(agent, value)
    return gathering


def outcome(gathering: Gathering) -> Any:
    try:
        return gathering.conclude().to_json()
    except (QuorumMissed, AnswersUnusable) as error:
        return str(error), error.details


@given(
    replies=REPLIES,
    how=st.sampled_from(sorted(set(AGGREGATIONS) - {"first"})),
    quorum=st.integers(1, 7),
    absent=st.integers(0, 2),
    seed=st.integers(0, 9),
)
def test_the_order_of_arrival_changes_nothing(
    replies: list[tuple[Any, float, bool]], how: str, quorum: int, absent: int, seed: int
) -> None:
    asked = [Asked(f"a{n}", f"a{n}", weight) for n, (_, weight, _) in enumerate(replies)]
    asked += [Asked(f"silent{n}") for n in range(absent)]
    came = [(f"a{n}", value, fails) for n, (value, _, fails) in enumerate(replies)]
    begun = Gathering.begin(asked, aggregation=how, quorum=min(quorum, len(asked)))
    one = fold(begun, came)
    random.Random(seed).shuffle(came)
    other = fold(begun, came)

    assert one.verdict is other.verdict
    assert outcome(one) == outcome(other)


@given(replies=REPLIES, how=st.sampled_from(sorted(AGGREGATIONS)), quorum=st.integers(1, 7))
def test_what_is_impossible_stays_so_and_all_that_answered_is_enough(
    replies: list[tuple[Any, float, bool]], how: str, quorum: int
) -> None:
    asked = [Asked(f"a{n}", f"a{n}", weight) for n, (_, weight, _) in enumerate(replies)]
    gathering = Gathering.begin(asked, aggregation=how, quorum=min(quorum, len(asked)))
    verdicts = []
    for n, (value, _, fails) in enumerate(replies):
        gathering = fold(gathering, [(f"a{n}", value, fails)])
        verdicts.append(gathering.verdict)

    after = verdicts[verdicts.index(Verdict.IMPOSSIBLE) :] if Verdict.IMPOSSIBLE in verdicts else []
    assert set(after) <= {Verdict.IMPOSSIBLE}
    assert verdicts[-1] is (Verdict.ENOUGH if len(gathering.answers) >= gathering.quorum else Verdict.IMPOSSIBLE)


@given(numbers=st.lists(st.tuples(st.floats(-1e308, 1e308), st.floats(0, 1e6)), min_size=1, max_size=9))
def test_an_average_is_never_outside_of_what_was_said(numbers: list[tuple[float, float]]) -> None:
    asked = [Asked(f"a{n}", f"a{n}", weight) for n, (_, weight) in enumerate(numbers)]
    gathering = Gathering.begin(asked, aggregation="weighted_average")
    for n, (number, _) in enumerate(numbers):
        gathering = gathering.answered(f"a{n}", number)

    mean = gathering.conclude().value

    assert min(number for number, _ in numbers) <= mean <= max(number for number, _ in numbers)
