"""What a step degrades to."""

from __future__ import annotations

from agents.resilience.fallback import Ask, Cause, Constant, Degraded, OtherAgent, degrade, degraded_by


def test_the_first_fallback_that_was_not_tried_is_asked() -> None:
    chain = (OtherAgent("small-model"), OtherAgent("rules"), Constant({"text": "later"}))

    assert degrade(chain, cause=Cause.FAILED, why="503") == Ask("small-model")
    assert degrade(chain, cause=Cause.FAILED, why="503", tried={"small-model"}) == Ask("rules")
    assert degrade(chain, cause=Cause.FAILED, why="503", tried={"small-model", "rules"}) == Degraded(
        {"text": "later"}, "constant", Cause.FAILED, "503"
    )


def test_a_ring_of_fallbacks_ends() -> None:
    assert degrade((OtherAgent("a"), OtherAgent("b")), cause=Cause.FAILED, why="", tried={"a", "b"}) is None


def test_a_fallback_for_another_cause_is_passed_over() -> None:
    patient = (Constant(None, causes=frozenset({Cause.NO_AGENT})),)

    assert degrade(patient, cause=Cause.FAILED, why="") is None
    assert degrade(patient, cause=Cause.NO_AGENT, why="all full") == Degraded(
        None, "constant", Cause.NO_AGENT, "all full"
    )


def test_a_degraded_result_says_by_whom_and_why() -> None:
    result = degraded_by("small-model", 42, cause=Cause.TIMED_OUT, why="took longer than 30 s")

    assert result.value == 42
    assert result.mark == {"degraded": True, "by": "small-model", "cause": "timed_out", "why": "took longer than 30 s"}
