"""How many short steps go into a message and into a commit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.planning.packing import (
    BUNDLE,
    LEG,
    LONG,
    MOST_A_BATCH,
    MOST_A_LEG,
    UNKNOWN,
    batch_size,
    bundles,
    groups,
    leg_size,
    moving_average,
    one_after_another,
)


@pytest.mark.parametrize(
    ("seconds", "waiting", "lanes", "size"),
    [
        (LONG, 500, 2, 1),  # a long step is never packed
        (5.0, 500, 2, 1),
        (None, 500, 2, UNKNOWN),  # nobody has seen the agent yet
        (None, 4, 2, 1),  # two messages a process, however few there are
        (0.0, 500, 2, int(LEG / 0.0003)),
        (0.0, 40, 2, 10),  # shared out: no process idle while another has many
        (0.0, 10_000, 2, int(LEG / 0.0003)),
        (0.05, 500, 2, 1),  # fits once only
        (0.005, 500, 2, 4),  # a few, for which a message is worth its while
        (0.009, 500, 2, 2),
    ],
)
def test_the_size_of_a_leg(seconds: float | None, waiting: int, lanes: int, size: int) -> None:
    assert leg_size(seconds, waiting=waiting, lanes=lanes) == size


@pytest.mark.parametrize(
    ("seconds", "before", "size"),
    [
        (None, 1, 1),  # the first one shows how long they take
        (0.0001, 1, 4),  # and one quick step does not decide for a hundred
        (0.0001, 4, 16),
        (0.0001, 64, MOST_A_BATCH),
        (0.01, 16, 3),
        (0.04, 16, 1),
        (LONG, 100, 1),
    ],
)
def test_the_size_of_a_batch(seconds: float | None, before: int, size: int) -> None:
    assert batch_size(seconds, before=before, budget=0.03) == size


def test_what_is_known_to_be_quick_is_batched_at_once() -> None:
    assert batch_size(0.0001, before=1, budget=0.03, usual=0.0001) == MOST_A_BATCH
    assert batch_size(0.0001, before=1, budget=0.03, usual=0.005) == 6  # the usual one counts, not a quick exception
    assert batch_size(LONG, before=1, budget=0.03, usual=0.0001) == 1


def test_long_steps_go_singly_in_windows() -> None:
    assert groups(waiting=7, in_flight=0, window=200, parallel=4, leg=1, lanes=2) == ((1, 1), (1, 1))


def test_of_short_steps_a_message_a_process_and_one_more_are_in_flight() -> None:
    assert groups(waiting=1000, in_flight=0, window=200, parallel=None, leg=50, lanes=2) == ((50, 50, 50),)
    assert groups(waiting=800, in_flight=100, window=200, parallel=None, leg=50, lanes=2) == ((50,),)
    assert groups(waiting=800, in_flight=101, window=200, parallel=None, leg=50, lanes=2) == (), "no half messages"
    assert groups(waiting=30, in_flight=100, window=200, parallel=None, leg=50, lanes=2) == ((30,),), "but the rest"


@given(
    waiting=st.integers(0, 3000),
    parallel=st.integers(1, 400),
    leg=st.integers(1, MOST_A_LEG),
    lanes=st.integers(1, 16),
    in_flight=st.integers(0, 400),
)
def test_never_more_messages_at_work_than_may_run_at_once(
    waiting: int, parallel: int, leg: int, lanes: int, in_flight: int
) -> None:
    """A message works on one step at a time, and one in flight has at least one step in flight."""
    in_flight = min(in_flight, parallel)
    sent = groups(waiting=waiting, in_flight=in_flight, window=200, parallel=parallel, leg=leg, lanes=lanes)
    messages = sum(len(group) for group in sent)

    assert in_flight + messages <= parallel
    assert sum(map(sum, sent)) <= waiting
    assert all(1 <= size <= leg for group in sent for size in group)
    if waiting and not in_flight:
        assert messages, "with nothing in flight something is sent, or nobody would look again"


@pytest.mark.parametrize(
    ("seconds", "sizes"),
    [
        ([], ()),
        ([0.001], (1,)),
        ([0.001] * 8, (2, 2, 2, 2)),  # two messages a process
        ([0.001] * 9, (3, 3, 3)),
        ([0.002] * 80, (12,) * 6 + (8,)),  # as many as fit
        ([0.001, 0.2, 0.001], (1, 1, 1)),  # a long leg goes alone
    ],
)
def test_legs_of_many_projects_travel_together_as_long_as_they_are_short(
    seconds: list[float], sizes: tuple[int, ...]
) -> None:
    assert bundles(seconds, lanes=2) == sizes


@given(st.lists(st.floats(0, 0.05), max_size=300), st.integers(1, 16))
def test_every_leg_is_in_one_bundle_and_no_bundle_is_long(seconds: list[float], lanes: int) -> None:
    sizes, left = bundles(seconds, lanes=lanes), list(seconds)
    assert sum(sizes) == len(seconds)
    for size in sizes:
        those, left = left[:size], left[size:]
        assert size == 1 or (sum(those) <= BUNDLE + 1e-9 and size <= MOST_A_BATCH)


def test_a_leg_takes_as_long_as_its_steps_if_all_are_known() -> None:
    assert one_after_another([0.01, 0.02]) == pytest.approx(0.03, abs=0.001)
    assert one_after_another([0.01, None]) is None


def test_an_average_moves_slowly() -> None:
    assert moving_average(None, 2.0) == 2.0
    assert moving_average(1.0, 2.0) == pytest.approx(1.2)
