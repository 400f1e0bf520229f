"""What a gate does: pass, ask, work over, ask others, fail."""

from __future__ import annotations

import pytest

from projects.planning.gating import ACCEPT, AGAIN, Quality, Verdict, after_rejection, at_gate, at_the_limit


def unmet(otherwise: str) -> Quality:
    return Quality("coverage", met=False, otherwise=otherwise, detail="results.a > 1")


@pytest.mark.parametrize(
    ("quality", "asks", "iteration", "on_exhausted", "verdict"),
    [
        ([], False, 1, "fail", Verdict.PASS),
        ([], True, 1, "fail", Verdict.ASK),
        ([unmet("review")], True, 1, "fail", Verdict.ASK),
        ([unmet("fail"), unmet("rework")], True, 1, "escalate", Verdict.FAIL),
        ([unmet("rework")], True, 1, "fail", Verdict.REWORK),
        ([unmet("rework")], True, 2, "fail", Verdict.FAIL),
        ([unmet("rework")], True, 2, "escalate", Verdict.ESCALATE),
        ([unmet("rework")], True, 3, "escalate", Verdict.ESCALATE),
    ],
)
def test_at_the_end_of_a_round(
    quality: list[Quality], asks: bool, iteration: int, on_exhausted: str, verdict: Verdict
) -> None:
    decided = at_gate(quality, asks=asks, iteration=iteration, max_iterations=2, on_exhausted=on_exhausted)
    assert decided.verdict is verdict


@pytest.mark.parametrize(
    ("on_reject", "iteration", "on_exhausted", "verdict"),
    [
        ("fail", 1, "escalate", Verdict.FAIL),
        ("rework", 1, "escalate", Verdict.REWORK),
        ("rework", 2, "fail", Verdict.FAIL),
        ("rework", 2, "escalate", Verdict.ESCALATE),
    ],
)
def test_after_a_no(on_reject: str, iteration: int, on_exhausted: str, verdict: Verdict) -> None:
    decided = after_rejection(
        on_reject, ("too long",), iteration=iteration, max_iterations=2, on_exhausted=on_exhausted
    )
    assert decided.verdict is verdict
    assert decided.reasons[0] == "too long"


@pytest.mark.parametrize(
    ("choice", "approved", "verdict"),
    [
        (ACCEPT, True, Verdict.PASS),
        (AGAIN, True, Verdict.REWORK),
        (ACCEPT, False, Verdict.FAIL),
        (AGAIN, False, Verdict.FAIL),
    ],
)
def test_when_no_round_is_left_people_choose(choice: str, approved: bool, verdict: Verdict) -> None:
    assert at_the_limit(choice, approved=approved, reasons=("no",)).verdict is verdict
