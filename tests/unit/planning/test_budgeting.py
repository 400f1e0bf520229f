"""Whether there is room: one table a question."""

from __future__ import annotations

from decimal import Decimal

import pytest

from projects.planning.budgeting import (
    MOST,
    Account,
    Ask,
    Line,
    Queue,
    Refuse,
    Room,
    Verdict,
    Wait,
    amount,
    decide,
    exact,
    in_line,
    proposal,
    raised,
)

D = Decimal


def account(spent: str, reserved: str, wanted: str, soft: str | None, hard: str | None, **more: object) -> Account:
    def limit(text: str | None) -> D | None:
        return None if text is None else D(text)

    return Account(1, "cost", "the project", limit(soft), limit(hard), D(spent), D(reserved), D(wanted), **more)  # type: ignore[arg-type]


def word(verdict: Verdict) -> str:
    return verdict.code if isinstance(verdict, Refuse) else type(verdict).__name__.lower()


@pytest.mark.parametrize(
    ("spent", "reserved", "wanted", "soft", "hard", "expected"),
    [
        # nothing used, no limit near
        ("0", "0", "1", "5", "10", "room"),
        ("0", "0", "1", None, None, "room"),
        # up to the limit and not above it
        ("4", "0", "1", "5", "10", "room"),
        ("4", "0", "1.000001", "5", "10", "ask"),
        ("3", "1", "1", "5", "10", "room"),
        ("3", "2", "1", "5", "10", "ask"),
        # the hard limit: never, or not while others run
        ("9", "0", "1", None, "10", "room"),
        ("9", "0", "2", None, "10", "budget_exhausted"),
        ("5", "4", "2", None, "10", "wait"),
        ("5", "4", "1", None, "10", "room"),
        ("9", "0", "2", "5", "10", "budget_exhausted"),
        ("4", "6", "2", "5", "10", "ask"),
        # a soft limit that is the hard one asks nobody
        ("4", "1", "1", "5", "5", "wait"),
        ("5", "0", "1", "5", "5", "budget_exhausted"),
        # nothing is said of what it wants: while anything is left
        ("4.999999", "0", "0", "5", "10", "room"),
        ("5", "0", "0", "5", "10", "ask"),
        ("2", "3", "0", "5", "10", "ask"),
        ("10", "0", "0", None, "10", "budget_exhausted"),
        ("5", "5", "0", None, "10", "wait"),
        ("0", "0", "0", "0", None, "ask"),
        ("0", "0", "0", None, "0", "budget_exhausted"),
    ],
)
def test_what_follows_of_one_budget(
    spent: str, reserved: str, wanted: str, soft: str | None, hard: str | None, expected: str
) -> None:
    assert word(decide([account(spent, reserved, wanted, soft, hard)])) == expected


def test_what_is_reserved_is_what_the_step_wants_of_each_budget() -> None:
    assert decide([account("0", "0", "1", "5", "10")]) == Room(((1, D(1)),))


@pytest.mark.parametrize(
    ("refused_at", "soft", "expected"),
    [("5", "5", "budget_refused"), ("6", "5", "budget_refused"), ("4", "5", "ask")],
)
def test_a_refusal_holds_until_the_limit_is_raised(refused_at: str, soft: str, expected: str) -> None:
    assert word(decide([account("5", "0", "1", soft, None, refused_at=D(refused_at))])) == expected


def test_a_refusal_says_nothing_of_what_still_fits() -> None:
    assert word(decide([account("1", "0", "1", "5", None, refused_at=D(5))])) == "room"


def test_only_what_was_not_asked_yet_is_to_be_asked() -> None:
    asked, fresh = account("5", "0", "1", "5", None, asked=True), account("5", "0", "1", "5", None)

    verdict = decide([asked, fresh])

    assert isinstance(verdict, Ask)
    assert verdict.accounts == (asked, fresh)
    assert verdict.new == (fresh,)


@pytest.mark.parametrize(
    ("limit", "running", "promised", "expected"),
    [(1, 0, 0, Room), (1, 1, 0, Queue), (2, 1, 0, Room), (2, 1, 1, Queue), (2, 5, 0, Queue)],
)
def test_a_key_has_so_many_places(limit: int, running: int, promised: int, expected: type) -> None:
    assert isinstance(decide([], Line("acme", limit, running, promised)), expected)


def test_people_are_asked_before_a_step_stands_in_line() -> None:
    assert isinstance(decide([account("5", "0", "1", "5", None)], Line("acme", 1, 1)), Ask)
    assert isinstance(decide([account("5", "4", "2", None, "10")], Line("acme", 1, 1)), Wait)


@pytest.mark.parametrize(
    ("limits", "running", "promised", "going"),
    [
        ([1, 1, 1], 0, 0, (0,)),
        ([2, 2, 2], 0, 0, (0, 1)),
        ([2, 2, 2], 1, 0, (0,)),
        ([2, 2, 2], 1, 1, ()),
        ([1, 3, 3], 1, 0, (1, 2)),  # each by its own limit
        ([], 0, 0, ()),
    ],
)
def test_who_is_next_in_line(limits: list[int], running: int, promised: int, going: tuple[int, ...]) -> None:
    assert in_line(limits, running=running, promised=promised) == going


@pytest.mark.parametrize(
    ("given", "by"),
    [
        (account("5", "0", "1", "5", "10"), "5"),  # as much again
        (account("5", "0", "1", "5", "10", raise_by=D(2)), "2"),
        (account("9", "3", "4", "5", None), "11"),  # at least what the step needs
        (account("0", "0", "0", "0", "7"), "7"),
        (account("0", "0", "0", "0", None), "1"),
    ],
)
def test_how_much_is_proposed(given: Account, by: str) -> None:
    assert proposal(given) == D(by)


@pytest.mark.parametrize(
    ("soft", "hard", "by", "past_hard", "expected"),
    [
        ("5", "10", "3", True, ("8", "10")),
        ("5", "10", "5", True, ("10", "10")),
        ("5", "10", "7", True, ("12", "17")),
        ("5", "10", "7", False, ("10", "10")),
        ("5", None, "7", False, ("12", None)),
    ],
)
def test_what_a_raise_makes_of_the_limits(
    soft: str, hard: str | None, by: str, past_hard: bool, expected: tuple[str, str | None]
) -> None:
    found = raised(D(soft), None if hard is None else D(hard), D(by), past_hard=past_hard)

    assert found == tuple(None if each is None else D(each) for each in expected)


def test_a_raise_has_an_end() -> None:
    assert raised(MOST, MOST, MOST, past_hard=True) == (MOST, MOST)
    assert raised(None, D(5), D(1), past_hard=True) == (None, D(5))


@pytest.mark.parametrize(
    ("value", "kept"),
    [(1, "1"), (0.1, "0.1"), ("2.5", "2.5"), (1e-9, "0"), (-3, "0"), (float("nan"), "0"), (float("inf"), "1e12")],
)
def test_amounts_are_kept_to_six_places(value: float | str, kept: str) -> None:
    assert exact(value) == D(kept)


@pytest.mark.parametrize(
    ("value", "told"), [("12.500000", "12.5"), ("100", "100"), ("12345.6", "12,345.6"), ("0", "0")]
)
def test_amounts_are_told_without_zeros(value: str, told: str) -> None:
    assert amount(D(value)) == told
