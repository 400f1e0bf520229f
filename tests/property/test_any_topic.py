"""Any pattern and any topic, beside the rule as the specification words it; any event, written and read."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator_site.bus.encoding import decode, encode_each, packs
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.redelivery import Again, Policy, after_failure
from orchestrator_site.bus.topics import matches

words = st.sampled_from(["a", "b", "ab", "-", "_1"])
topics = st.lists(words, min_size=1, max_size=6)
patterns = st.lists(st.one_of(words, st.sampled_from(["*", "#"])), min_size=1, max_size=6)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)  # fmt: skip


def fits(pattern: list[str], topic: list[str]) -> bool:
    if not pattern:
        return not topic
    first, *rest = pattern
    if first == "#":
        return any(fits(rest, topic[n:]) for n in range(len(topic) + 1))
    return bool(topic) and first in ("*", topic[0]) and fits(rest, topic[1:])


@given(patterns, topics)
def test_matching_is_what_the_specification_says(pattern: list[str], topic: list[str]) -> None:
    assert matches(".".join(pattern), ".".join(topic)) is fits(pattern, topic)


@given(st.lists(st.builds(Event, st.just("a.b"), values, time=st.datetimes(timezones=st.just(UTC))), max_size=20))
def test_what_is_written_is_read_in_its_order(events: list[Event]) -> None:
    read: list[Any] = []
    for media_type, body, count in packs(encode_each(events), most=3, most_bytes=300):
        found = decode(body, media_type)
        assert len(found) == count
        read += found

    assert read == events


@given(st.integers(1, 60), st.integers(2, 50), st.floats(0.001, 10), st.floats(0.001, 100))
def test_a_failure_waits_longer_each_time_and_never_too_long(
    deliveries: int, most: int, base: float, cap: float
) -> None:
    policy = Policy(most, base, cap)
    this, following = (after_failure(n, policy, refused=False) for n in (deliveries, deliveries + 1))

    if isinstance(following, Again):
        assert isinstance(this, Again)
        assert 0 < this.after <= following.after <= cap
    if deliveries >= most:
        assert not isinstance(this, Again)
