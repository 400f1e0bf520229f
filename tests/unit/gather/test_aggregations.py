"""What each aggregation makes of answers, drawn beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from agents.errors import AnswersUnusable, DuplicateAggregation, UnknownAggregation
from agents.gather import AGGREGATIONS, Answered, Asked, Combined, Gathered, Gathering, aggregation, find_aggregation
from orchestrator_site.errors import InvalidInput


def gathered(how: str, answers: dict[str, Any], weights: dict[str, float] | None = None, **options: Any) -> Gathered:
    """``{"a": 1, "b": 2}``: who says what, in the order asked and arrived."""
    asked = [Asked(name, name, (weights or {}).get(name, 1.0)) for name in answers]
    gathering = Gathering.begin(asked, aggregation=how, quorum=1, options=options)
    for name, value in answers.items():
        gathering = gathering.answered(name, value)
    return gathering.conclude()


def test_all_is_each_answer_with_its_agent() -> None:
    assert gathered("all", {"a": 1, "b": None}).value == [{"agent": "a", "value": 1}, {"agent": "b", "value": None}]


def test_first_is_who_arrived_first_and_not_who_was_asked_first() -> None:
    gathering = Gathering.begin([Asked("a"), Asked("b")], aggregation="first", quorum=2)

    found = gathering.answered("b", 2).answered("a", 1).conclude()

    assert (found.value, found.notes) == (2, ("first: b",))


@pytest.mark.parametrize(
    ("answers", "options", "value", "note"),
    [
        ({"a": "x", "b": "y", "c": "x"}, {}, "x", "2 of 3 votes agree"),
        ({"a": 1, "b": 1.0, "c": 2}, {}, 1, "2 of 3 votes agree"),
        ({"a": {"x": 1, "y": 2}, "b": {"y": 2, "x": 1}, "c": 0}, {}, {"x": 1, "y": 2}, "2 of 3 votes agree"),
        ({"a": True, "b": 1}, {}, None, "a tie: 2 values have 1 of 2 votes each, so that none is chosen"),
        ({"a": 1, "b": 2}, {}, None, "a tie: 2 values have 1 of 2 votes each, so that none is chosen"),
        ({"a": 1, "b": 1, "c": 2, "d": 3}, {"absolute": True}, None, "no absolute majority: the most is 2 of 4 votes"),
        ({"a": 1, "b": 1, "c": 2, "d": 3}, {}, 1, "2 of 4 votes agree"),
        ({"a": "heavy", "b": "light", "c": "light"}, {"weighted": True}, "heavy", "5 of 7 votes agree"),
        ({"a": None, "b": None, "c": 1}, {}, None, "2 of 3 votes agree"),
    ],
)
def test_majority(answers: dict[str, Any], options: dict[str, Any], value: Any, note: str) -> None:
    found = gathered("majority", answers, {"a": 5.0}, **options)

    assert (found.value, found.notes) == (value, (note,))
    assert found.details["elected"] is ("agree" in note)
    assert sum(len(vote["agents"]) for vote in found.details["votes"]) == len(answers)


@pytest.mark.parametrize(
    ("options", "agent", "notes"),
    [
        ({}, "b", ["best: b with 9", "without a score: d, e"]),
        ({"order": "min"}, "a", ["best: a with 5", "as good: c; it was asked before them", "without a score: d, e"]),
        ({"by": "parts.1.n", "order": "max"}, "c", ["best: c with 3", "without a score: a, b, d, e"]),
        ({"by": lambda value: len(value)}, "c", ["best: c with 2", "without a score: e"]),
    ],
)
def test_best(options: dict[str, Any], agent: str, notes: list[str]) -> None:
    answers = {
        "a": {"score": 5},
        "b": {"score": 9},
        "c": {"score": 5, "parts": [{"n": 1}, {"n": 3}]},
        "d": {"score": True},
        "e": None,
    }

    found = gathered("best", answers, **options)

    assert (found.details["agent"], found.value) == (agent, answers[agent])
    if "<lambda>" not in str(options):
        assert list(found.notes) == notes


def test_where_nobody_has_a_score_there_is_no_best() -> None:
    with pytest.raises(AnswersUnusable, match=r"No answer has a number at 'quality\.score'"):
        gathered("best", {"a": {"quality": 1}, "b": 7}, by="quality.score")


def test_every_number_is_averaged_by_weight() -> None:
    answers = {
        "a": {"price": 10, "parts": [1, 2], "name": "x", "only": 4},
        "b": {"price": 20, "parts": [3, 6], "name": "x"},
    }

    found = gathered("weighted_average", answers, {"a": 3.0, "b": 1.0})

    assert found.value == {"price": 12.5, "parts": [1.5, 3.0], "name": "x", "only": 4.0}
    assert found.notes == ()


def test_what_cannot_be_averaged_is_a_conflict_that_the_heaviest_wins() -> None:
    found = gathered("weighted_average", {"a": {"n": 1, "s": "x"}, "b": {"n": "?", "s": "y"}}, {"b": 2.0})

    assert found.value == {"n": "?", "s": "y"}
    assert found.notes == ("2 conflicts, the heaviest agent's value kept: n, s",)
    assert found.details["conflicts"][1] == {"path": "s", "kept": "b", "values": {"a": "x", "b": "y"}}


@pytest.mark.parametrize(
    ("answers", "weights", "value"),
    [
        ({"a": 1, "b": 3}, {"a": 0.0, "b": 0.0}, 2.0),
        ({"a": 1e308, "b": 1e308}, {"a": 1e308, "b": 1e308}, 1e308),
        ({"a": 0.1, "b": 0.1, "c": 0.1}, {}, 0.1),
        ({"a": [1], "b": [1, 2]}, {}, [1]),
        ({"a": True, "b": True}, {}, True),
    ],
)
def test_averages_at_the_edges(answers: dict[str, Any], weights: dict[str, float], value: Any) -> None:
    assert gathered("weighted_average", answers, weights).value == value


def test_merge_joins_branch_by_branch() -> None:
    answers = {
        "a": {"who": {"name": "Ada", "age": None}, "tags": ["x", "y"], "n": 1},
        "b": {"who": {"age": 36}, "tags": ["y", "z"], "n": 1.0, "more": {}},
    }

    found = gathered("merge", answers)

    assert found.value == {"who": {"name": "Ada", "age": 36}, "tags": ["x", "y", "z"], "n": 1, "more": {}}
    assert found.notes == ()


def test_merge_reports_what_differs() -> None:
    found = gathered("merge", {"a": {"x": {"y": 1}}, "b": {"x": {"y": 2}}, "c": {"x": [3]}})

    assert found.value == {"x": {"y": 1}}
    assert found.details["conflicts"] == [
        {"path": "x", "kept": "a", "values": {"a": {"y": 1}, "b": {"y": 2}, "c": [3]}},
    ]


@pytest.mark.parametrize("how", ["merge", "weighted_average", "majority"])
@pytest.mark.parametrize("value", [float("nan"), {1, 2}, "half \ud800"])
def test_what_json_cannot_hold_is_refused_in_words(how: str, value: Any) -> None:
    with pytest.raises(AnswersUnusable, match="can be made of the answers"):
        gathered(how, {"a": {"x": value}, "b": {"x": 1}})


@pytest.mark.parametrize("how", ["merge", "weighted_average", "majority"])
def test_answers_without_end_are_refused(how: str) -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]

    with pytest.raises(AnswersUnusable):
        gathered(how, {"a": {"x": deep}, "b": {"x": deep}})


def test_conflicts_without_number_are_counted_and_a_hundred_are_listed() -> None:
    found = gathered("merge", {"a": {f"k{n}": 1 for n in range(500)}, "b": {f"k{n}": 2 for n in range(500)}})

    assert len(found.details["conflicts"]) == 100
    assert found.details["conflict_count"] == 500


def test_an_aggregation_of_your_own() -> None:
    @aggregation("test_median")
    def median(answers: Sequence[Answered], options: Any) -> Any:
        middle = sorted(answer.value for answer in answers)[len(answers) // 2]
        return Combined(middle, ("the one in the middle",)) if options.get("say") else middle

    assert gathered("test_median", {"a": 5, "b": 1, "c": 3}).value == 3
    assert gathered("test_median", {"a": 5, "b": 1, "c": 3}, say=True).notes == ("the one in the middle",)
    with pytest.raises(AnswersUnusable, match="The aggregation 'test_median' broke: TypeError"):
        gathered("test_median", {"a": 5, "b": "x"})


@pytest.mark.parametrize("name", ["test_twice", "merge"])
def test_a_name_is_taken_once(name: str) -> None:
    def one(answers: Any, options: Any) -> Any: ...
    def two(answers: Any, options: Any) -> Any: ...

    if name not in AGGREGATIONS:
        aggregation(name)(one)
        aggregation(name)(one)  # the same module read again

    with pytest.raises(DuplicateAggregation):
        aggregation(name)(two)


def test_a_name_that_nobody_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownAggregation, match=r"Did you mean 'merge'\? There are: all, best, first"):
        find_aggregation("merg")


@pytest.mark.parametrize(
    ("how", "options", "message"),
    [
        ("merge", {"by": "x"}, "'merge' takes no option 'by'; it takes none"),
        ("best", {"by": 7}, "is a path"),
        ("best", {"order": "up"}, "max or min, not 'up'"),
        ("majority", {"absolute": "yes"}, "true or false, not 'yes'"),
    ],
)
def test_options_that_mean_nothing_are_refused_before_anybody_is_asked(
    how: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        Gathering.begin([Asked("a")], aggregation=how, options=options)
