"""Many timers are met by few messages, none of which comes before what it is for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.planning.chiming import FINEST, moments

delays = st.lists(st.floats(0.0001, 2.0), max_size=200)


@given(delays, st.integers(1, 30))
def test_every_delay_has_a_moment_that_is_not_before_it(given_delays: list[float], most: int) -> None:
    found = moments(given_delays, most=most)

    assert len(found) <= most
    assert list(found) == sorted(set(found))
    for delay in given_delays:
        after = [moment for moment in found if moment >= delay]
        assert after, "nobody looks after it is due"
        if len(set(given_delays)) <= most:
            assert after[0] - delay <= FINEST, "few are met to some milliseconds"


def test_none_need_no_message_and_no_message_is_no_choice() -> None:
    assert moments([], most=3) == ()
    assert moments([0.5, 0.5001, 1.0], most=3) == (0.5001, 1.0)
    assert moments([0.1, 0.9, 1.9], most=1) == (1.9,)
    with pytest.raises(ValueError, match="at least one"):
        moments([1.0], most=0)
