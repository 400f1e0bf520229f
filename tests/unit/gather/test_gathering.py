"""When there is enough, when there never will be, and what is said of those who are missing."""

from __future__ import annotations

import json
import pickle

import pytest

from agents.errors import QuorumMissed
from agents.gather import AGGREGATIONS, Absence, Asked, Gathering, Stragglers, Verdict
from orchestrator_site.errors import InvalidInput


def course(asked: str, course: str, **how: object) -> Gathering:
    """``a b c`` are asked; of ``a=1 b! c=2`` a and c answer, and b fails."""
    gathering = Gathering.begin([Asked(name) for name in asked.split()], **how)  # type: ignore[arg-type]
    for each in course.split():
        name, answers, value = each.partition("=")
        gathering = gathering.answered(name, int(value)) if answers else gathering.failed(name.rstrip("!"), "it broke")
    return gathering


AWAIT = Stragglers.AWAIT


@pytest.mark.parametrize(
    ("asked", "so_far", "how", "verdict"),
    [
        ("a b c", "", {}, "waiting"),
        ("a b c", "a=1 b=1", {}, "waiting"),
        ("a b c", "a=1 b=1 c=1", {}, "enough"),
        ("a b c", "a=1 b!", {}, "impossible"),  # all are needed where nobody says otherwise
        ("a b c", "a=1 b!", {"quorum": 2}, "waiting"),
        ("a b c", "a=1 b! c=1", {"quorum": 2}, "enough"),
        ("a b c", "a=1 c=1", {"quorum": 2}, "enough"),
        ("a b c", "a=1 c=1", {"quorum": 2, "stragglers": AWAIT}, "waiting"),
        ("a b c", "a=1 c=1 b!", {"quorum": 2, "stragglers": AWAIT}, "enough"),
        ("a b c", "a! b!", {"quorum": 2}, "impossible"),
        ("a b c", "a=1", {"aggregation": "first"}, "enough"),
        ("a b c", "a=1 b=1", {"aggregation": "majority"}, "enough"),
        ("a b c", "a=1 b=2", {"aggregation": "majority"}, "waiting"),  # a tie may yet be broken
        ("a b c", "a=1 b=2 c!", {"aggregation": "majority"}, "enough"),
        ("a b c d e", "a=1 b=1 c=2", {"aggregation": "majority", "options": {"absolute": True}}, "enough"),
    ],
)
def test_verdicts(asked: str, so_far: str, how: dict[str, object], verdict: str) -> None:
    assert course(asked, so_far, **how).verdict is Verdict(verdict)


def test_who_was_not_needed_does_not_degrade_the_result() -> None:
    found = course("a b c", "a=1", aggregation="first").conclude()

    assert (found.complete, found.degraded) == (False, False)
    assert [(one.agent, one.kind) for one in found.missing] == [("b", Absence.NOT_NEEDED), ("c", Absence.NOT_NEEDED)]


def test_who_failed_or_was_late_degrades_it() -> None:
    found = course("a b c", "a=1 b!", quorum=1, stragglers=AWAIT).conclude()

    assert found.degraded
    assert [(one.agent, one.kind, one.why) for one in found.missing] == [
        ("b", Absence.FAILED, "it broke"),
        ("c", Absence.LATE, "it had not answered by the end"),
    ]


def test_a_quorum_that_was_missed_is_refused_and_says_by_whom() -> None:
    with pytest.raises(
        QuorumMissed, match=r"1 of 3 agents answered, 2 were needed\. b: it broke; c: it had not"
    ) as missed:
        course("a b c", "a=1 b!", quorum=2).conclude()

    kept = pickle.loads(pickle.dumps(missed.value)).details["gathered"]  # noqa: S301
    assert json.loads(json.dumps(kept))["answered"] == ["a"]
    assert missed.value.retryable


def test_a_partial_result_will_do_where_that_was_said() -> None:
    found = course("a b c", "a=1 b!", quorum=2).conclude(partial=True)

    assert found.degraded
    assert found.notes == ("1 answered where 2 were wanted",)
    with pytest.raises(QuorumMissed):
        course("a b", "a! b!").conclude(partial=True)


def test_the_first_answer_of_an_agent_counts_and_beats_its_failure_in_either_order() -> None:
    twice = course("a b", "a=1 a=2 b=1").conclude()
    either = [course("a b", line).conclude().to_json() for line in ("a! a=1 b=1", "a=1 a! b=1")]

    assert twice.value[0]["value"] == 1
    assert either[0] == either[1] == twice.to_json()
    assert course("a b", "a! a=1").pending == 1


@pytest.mark.parametrize("how", sorted(AGGREGATIONS))
def test_results_are_what_json_can_hold(how: str) -> None:
    gathering = Gathering.begin([Asked("a"), Asked("b")], aggregation=how, quorum=1)
    found = gathering.answered("a", {"score": 1}).failed("b", "it broke").conclude()

    assert json.loads(json.dumps(found.to_json())) == found.to_json()


@pytest.mark.parametrize(
    ("asked", "how", "message"),
    [
        ([], {}, "at least one agent"),
        ([Asked("a"), Asked("a")], {}, "each of them once"),
        ([Asked("a")], {"quorum": 2}, "A quorum of 2 among 1 asked cannot be"),
        ([Asked("a")], {"quorum": 0}, "name 1 to 1"),
        ([Asked("a")], {"stragglers": "shoot"}, "abandon, await"),
    ],
)
def test_what_cannot_be_is_refused(asked: list[Asked], how: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        Gathering.begin(asked, **how)  # type: ignore[arg-type]


def test_an_answer_of_somebody_who_was_not_asked_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'z' was not asked"):
        course("a b", "z=1")
