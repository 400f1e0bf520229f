"""What people saw, its digest, and what is different now."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projects.planning.binding import MOST, Seen, difference

SEEN = Seen(
    title="Approve the draft",
    description="",
    content={"headline": "Hello"},
    evidence=[{"label": "Coverage", "value": 0.9}, {"label": "Quality: long enough", "value": "met"}],
    plan_version=1,
    round=1,
)
STEP = {"key": "text", "agent": "writer", "params": {"topic": "cats"}}
PLAN = [{"key": "draft", "title": "Draft", "steps": [STEP, {"key": "check", "agent": "checker", "params": {}}]}]


def lines(before: Seen, after: Seen, *plans: Any) -> list[tuple[str, Any, Any]]:
    return [(each["label"], each["before"], each["after"]) for each in difference(before, after, *plans)]


def test_the_same_is_not_different_and_has_one_digest() -> None:
    again = replace(SEEN, evidence=[dict(each) for each in SEEN.evidence])

    assert again.digest == SEEN.digest
    assert difference(SEEN, again) == []


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"title": "Approve it"}, ("Title", "Approve the draft", "Approve it")),
        ({"description": "why"}, ("Description", "", "why")),
        ({"content": {"headline": "Bye"}}, ("Content > headline", "Hello", "Bye")),
        ({"content": {}}, ("Content > headline", "Hello", None)),
        ({"evidence": [{"label": "Coverage", "value": 0.1}, SEEN.evidence[1]]}, ("Coverage", 0.9, 0.1)),
        ({"evidence": SEEN.evidence[:1]}, ("Quality: long enough", "met", None)),
        ({"plan_version": 2}, ("Plan version", 1, 2)),
        ({"round": 2}, ("Round", 1, 2)),
    ],
)
def test_each_thing_that_is_shown_counts(changed: dict[str, Any], line: tuple[str, Any, Any]) -> None:
    after = replace(SEEN, **changed)

    assert after.digest != SEEN.digest
    assert lines(SEEN, after) == [line]


def test_values_are_compared_by_their_parts() -> None:
    before = replace(SEEN, evidence=[{"label": "Figures", "value": {"mean": 1, "rows": [1, 2, 3], "same": "x"}}])
    after = replace(SEEN, evidence=[{"label": "Figures", "value": {"mean": 2, "rows": [1, 5, 3], "same": "x"}}])

    assert lines(before, after) == [("Figures > mean", 1, 2), ("Figures > rows > 2", 2, 5)]


def test_what_the_database_writes_in_another_form_is_no_difference() -> None:
    before = replace(SEEN, evidence=[{"label": "Load", "value": 100}])
    after = replace(SEEN, title="Other", evidence=[{"label": "Load", "value": 100.0}])

    assert [label for label, _, _ in lines(before, after)] == ["Title"]


def test_two_pieces_of_evidence_of_one_name_do_not_hide_each_other() -> None:
    before = replace(SEEN, evidence=[{"label": "Note", "value": "a"}, {"label": "Note", "value": "b"}])
    after = replace(SEEN, evidence=[{"label": "Note", "value": "a"}, {"label": "Note", "value": "c"}])

    assert lines(before, after) == [("Note (2)", "b", "c")]


def test_another_order_is_said_where_nothing_else_is_different() -> None:
    after = replace(SEEN, evidence=list(reversed(SEEN.evidence)))

    assert after.digest != SEEN.digest
    assert [label for label, _, _ in lines(SEEN, after)] == ["The order in which it is shown"]


def test_a_plan_is_compared_step_by_step() -> None:
    changed = STEP | {"params": {"topic": "dogs"}}
    plan = [
        {"key": "draft", "title": "Draft", "steps": [{"key": "new", "agent": "checker"}, changed]},
        {"key": "publish", "title": "Publish", "steps": [{"key": "out", "agent": "echo"}]},
    ]

    assert lines(SEEN, replace(SEEN, plan_version=2), PLAN, plan) == [
        ("Plan version", 1, 2),
        ("Plan: step text > params > topic", "cats", "dogs"),
        ("Plan: step check of draft", "checker", None),
        ("Plan: step new of draft", None, "checker"),
        ("Plan: phase publish", None, "1 steps: out"),
    ]


def test_steps_in_another_order_are_named() -> None:
    plan = [PLAN[0] | {"steps": list(reversed(PLAN[0]["steps"]))}]

    found = lines(SEEN, replace(SEEN, plan_version=2), PLAN, plan)
    assert ("Plan: order of draft", "text, check", "check, text") in found


def test_a_difference_stays_readable_however_much_is_different() -> None:
    before = replace(SEEN, content={f"field {n}": n for n in range(3 * MOST)})
    after = replace(SEEN, content={f"field {n}": -n - 1 for n in range(3 * MOST)})

    found = difference(before, after)
    assert len(found) == MOST + 1
    assert found[-1]["label"] == f"{2 * MOST} more differences"
