"""Candidates come from the process's memory, and a change of the registry is seen at once or soon."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.errors import AgentNotRegistered, VersionInvalid
from agents.services import candidates
from agents.services.candidates import by_name, performers
from agents.services.heartbeats import beat, write_down
from agents.services.registration import change, deregister, drain, resume
from agents.states import AgentState
from tests.registry.agents import registered

pytestmark = pytest.mark.django_db


@pytest.fixture
def looks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is read for each question, and the rest of the cache is as it is."""
    monkeypatch.setattr(candidates, "_bounds", lambda: (0.0, 5.0))


def names(*asked: str) -> list[str]:
    return [performer.name for performer in performers(*asked)]


def test_all_that_take_steps_are_candidates() -> None:
    for name, version in (("a", "1.0"), ("b", "1.5"), ("c", "2.0"), ("d", "1.9")):
        registered(name, capabilities={"call": version})
    drain(agent="d", actor="user:olga")

    assert names("call") == ["a", "b", "c"]
    assert names("call", ">=1.2,<2") == ["b"]
    assert names("call", ">3") == []
    assert names("write") == []
    with pytest.raises(VersionInvalid):
        performers("call", "new")


def test_the_same_question_again_asks_nobody() -> None:
    registered(capabilities={"call": "1.0"})
    first = performers("call")

    with CaptureQueriesContext(connection) as asked:
        assert performers("call") is first

    assert len(asked) == 0


def test_a_change_is_seen_after_the_next_look_at_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    registered("a", capabilities={"call": "1.0"})
    assert names("call") == ["a"]
    registered("b", capabilities={"call": "1.0"})
    assert names("call") == ["a"], "a quarter of a second may pass"

    monkeypatch.setattr(candidates, "_bounds", lambda: (0.0, 5.0))

    assert names("call") == ["a", "b"]


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda: drain(agent="a", actor="x"), []),
        (lambda: deregister(agent="a", actor="x"), []),
        (lambda: (drain(agent="a", actor="x"), resume(agent="a", actor="x")), ["a"]),
        (lambda: registered("a", capabilities={"call": "2.0"}), []),
        (lambda: change(agent="a", actor="x", weight=5.0), ["a"]),
    ],
)
def test_every_change_ends_what_was_remembered(looks_always: None, act: Any, expected: list[str]) -> None:
    registered("a", capabilities={"call": "1.0"})
    before = performers("call", "<2")

    act()

    assert performers("call", "<2") is not before
    assert names("call", "<2") == expected


def test_heartbeats_that_move_nobody_leave_what_is_remembered(looks_always: None) -> None:
    agent = registered("a", capabilities={"call": "1.0"})
    beat(agent.pk)
    write_down()
    before = performers("call")

    beat(agent.pk, load=0.4)
    write_down()

    assert performers("call") is before


def test_health_and_load_are_read_anew_after_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    agent = registered("a", capabilities={"call": "1.0"})
    performers("call")
    beat(agent.pk, load=0.4)
    write_down()
    monkeypatch.setattr(candidates, "_bounds", lambda: (0.25, 0.0))

    assert performers("call")[0].load == 0.4


def test_who_is_named_is_found_in_whatever_state(looks_always: None) -> None:
    registered("a")
    assert by_name("a").state is AgentState.STARTING
    drain(agent="a", actor="user:olga")
    assert by_name("a").state is AgentState.DRAINING
    deregister(agent="a", actor="user:olga")
    assert by_name("a").state is AgentState.GONE
    with pytest.raises(AgentNotRegistered):
        by_name("b")


def test_a_process_keeps_only_so_many_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    registered("a", capabilities={"call": "1.0"})
    monkeypatch.setattr(candidates, "KEPT", 10)

    for number in range(50):
        performers("call", f"<{number + 2}")

    assert len(candidates._cache.answers) == 10
