"""Topics match patterns as AMQP says."""

from __future__ import annotations

import pytest

from orchestrator_site.bus.errors import TopicInvalid
from orchestrator_site.bus.topics import as_word, checked_pattern, checked_topic, matches


@pytest.mark.parametrize(
    ("pattern", "topic", "does"),
    [
        ("project.completed", "project.completed", True),
        ("project.completed", "project.completed.late", False),
        ("project.*.completed", "project.p1.completed", True),
        ("project.*.completed", "project.completed", False),
        ("project.*.completed", "project.p1.p2.completed", False),
        ("project.#", "project", True),  # kombu's emulation on Redis says no
        ("project.#", "project.p1.completed", True),
        ("project.#", "projects", False),
        ("#.completed", "completed", True),
        ("#.completed", "project.p1.completed", True),
        ("a.#.b", "a.b", True),
        ("a.#.b", "a.x.y.b", True),
        ("a.#.b", "a.x.c", False),
        ("#", "anything.at.all", True),
        ("#.#", "one", True),
        ("*", "one", True),
        ("*", "one.two", False),
        ("*.#", "one", True),
        ("agent-1.in_box", "agent-1.in_box", True),
    ],
)
def test_a_pattern_matches_a_topic(pattern: str, topic: str, does: bool) -> None:
    assert matches(pattern, topic) is does


@pytest.mark.parametrize("topic", ["", ".", "a.", ".a", "a..b", "a.*", "a.#", "a b", "ä", "a" * 256, "a\n"])
def test_what_is_no_topic_is_refused(topic: str) -> None:
    with pytest.raises(TopicInvalid):
        checked_topic(topic)


@pytest.mark.parametrize("pattern", ["", "a.", "a.**", "a*.b", "#a", "a b"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(TopicInvalid):
        checked_pattern(pattern)


def test_a_pattern_of_many_wildcards_takes_no_time() -> None:
    assert not matches(".".join(["#"] * 100 + ["end"]), ".".join(["a"] * 100))
    assert not matches(".".join(["#", "a"] * 6 + ["end"]), ".".join(["a"] * 40))


def test_a_name_becomes_a_word() -> None:
    assert as_word("market research/2") == "market-research-2"
