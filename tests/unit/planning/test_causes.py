"""Why something does not move: a sentence for every step that is neither over nor running, whatever its state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projects.planning.causes import OUTSIDE, RANKS, Asked, Cause, Standing, Waiter, deciding, foremost, why
from projects.states import STEP, Directive, PhaseState, ProjectState, StepState

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
RUNS = Standing(ProjectState.RUNNING, Directive.RUN, NOW, pools_alive=frozenset({"cpu"}))
ASKED = Asked("May we?", ("legal",), NOW - timedelta(hours=1), NOW + timedelta(hours=1))
KINDS = ("agent", "approval", "wait", "project", "saga", "swarm", "scatter", "something-new")


def said(step: Waiter, project: Standing = RUNS) -> str:
    cause = why(step, project)
    assert cause is not None
    return cause.sentence


moments = st.none() | st.integers(-10_000, 10_000).map(lambda seconds: NOW + timedelta(seconds=seconds))
steps = st.builds(
    Waiter,
    key=st.just("a"),
    state=st.sampled_from(StepState),
    kind=st.sampled_from(KINDS),
    pool=st.sampled_from(["cpu", "io"]),
    since=moments,
    phase_state=st.sampled_from(PhaseState),
    before=st.sampled_from(["", "Before"]),
    needs=st.lists(st.sampled_from("bcdef"), max_size=5).map(tuple),
    items=st.none() | st.dictionaries(st.sampled_from([state.value for state in StepState]), st.integers(0, 9)),
    is_item=st.booleans(),
    held=st.booleans(),
    nobody=st.booleans(),
    circuit=st.sampled_from(["", " since then"]),
    silent=st.sampled_from(["", "w, which was last heard of then"]),
    error=st.sampled_from(["", "it broke"]),
    available_at=moments,
    published_at=moments,
    guarded=st.booleans(),
    room=st.sampled_from(["", "The budget is spent."]),
    due_at=moments,
    signal=st.sampled_from(["", "go"]),
    asked=st.none() | st.just(ASKED),
    child=st.sampled_from(["", "project 1 (C): Working on x."]),
)
standings = st.builds(
    Standing,
    state=st.sampled_from(ProjectState),
    directive=st.sampled_from(Directive),
    now=st.just(NOW),
    since=moments,
    by=st.sampled_from(["", "olga"]),
    above=st.sampled_from(["", "project 0 (P)"]),
    stuck=st.sampled_from(["", "KeyError: 'x'"]),
    control_alive=st.booleans(),
    pools_alive=st.frozensets(st.sampled_from(["cpu", "io"])),
)


@given(steps, standings)
def test_no_step_that_is_neither_over_nor_running_is_without_a_cause(step: Waiter, project: Standing) -> None:
    cause = why(step, project)

    if step.state in STEP.terminal or (step.state is StepState.RUNNING and not step.silent):
        assert cause is None
        return
    assert cause is not None
    assert cause.code
    assert cause.sentence.endswith(".")
    assert "None" not in cause.sentence
    assert cause.sentence[0].isupper() or cause.sentence.startswith("a ")
    if project.state is ProjectState.RUNNING and project.directive is Directive.RUN:
        assert cause.code in RANKS


@given(st.lists(st.builds(Cause, code=st.sampled_from(RANKS), sentence=st.text(min_size=1)), max_size=8))
def test_the_first_cause_is_the_one_that_ranks_first(causes: list[Cause]) -> None:
    found = foremost(causes)
    if not causes:
        assert found is None
        return
    assert found is not None
    first, others = found
    assert first in causes
    assert all(RANKS.index(first.code) <= RANKS.index(each.code) for each in causes)
    assert others <= len(causes) - 1
    assert set(RANKS) >= OUTSIDE


def test_a_wait_says_until_when_or_for_what_and_who_can_end_it() -> None:
    waits = Waiter("a", StepState.WAITING, "wait", since=NOW, due_at=NOW + timedelta(hours=2))
    assert said(waits) == (
        "a waits until 2026-11-20 16:00:00 UTC, since 2026-11-20 14:00:00 UTC; nothing but a cancel ends it sooner."
    )
    both = Waiter("a", StepState.WAITING, "wait", since=NOW, due_at=NOW + timedelta(hours=2), signal="go")
    assert said(both) == (
        "a waits for the signal 'go' since 2026-11-20 14:00:00 UTC, or until 2026-11-20 16:00:00 UTC. Whoever may "
        "steer the project can send it: `signal_project`."
    )


def test_an_approval_says_who_and_until_when() -> None:
    asks = Waiter("a", StepState.WAITING, "approval", asked=ASKED)
    assert said(asks) == ("Waits for legal to decide 'May we?' since 2026-11-20 13:00 UTC, until 2026-11-20 15:00 UTC.")


def test_a_child_says_its_own_reason() -> None:
    assert said(Waiter("a", StepState.WAITING, "project", child="project 1 (C): Working on x.")) == (
        "a waits for project 1 (C): Working on x."
    )


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        (
            Waiter("a", StepState.PENDING, needs=("b", "c", "d", "e"), since=NOW),
            "a needs b, c, d and 1 more to be through, and waits since 2026-11-20 14:00:00 UTC; "
            "whoever moves b on can move it on.",
        ),
        (
            Waiter("a", StepState.PENDING, phase_state=PhaseState.PENDING, before="Draft"),
            "The phase of a begins when 'Draft' has passed its gate.",
        ),
        (
            Waiter("a", StepState.READY, available_at=NOW + timedelta(seconds=5), error="no route"),
            "Waits until 14:00:05 UTC to try a again, after 'no route'.",
        ),
        (Waiter("a", StepState.READY), "a is ready, and is sent to a worker within seconds."),
        (
            Waiter("a", StepState.READY, published_at=NOW - timedelta(seconds=1)),
            "a is ready and waits for a free worker of pool 'cpu'.",
        ),
        (
            Waiter("a", StepState.READY, pool="io", published_at=NOW),
            "a is ready, but no worker of pool 'io' is alive. Start workers: `make up`.",
        ),
        (
            Waiter("a", StepState.READY, published_at=NOW - timedelta(seconds=61)),
            "a was sent at 13:58:59 UTC and nobody took it: recovery sends it again.",
        ),
        (Waiter("a", StepState.READY, published_at=NOW, guarded=True, room="Over budget."), "Over budget."),
        (
            Waiter("a[3]", StepState.PENDING, is_item=True),
            "a[3] begins when others of its list have ended: so many of them run at a time.",
        ),
        (Waiter("a", StepState.WAITING, items={"running": 1, "completed": 2}), "a waits for 1 of its 3 items."),
    ],
)
def test_each_cause_has_its_sentence(step: Waiter, sentence: str) -> None:
    assert said(step) == sentence


def test_a_paused_project_names_who_paused_it_and_what_the_step_waited_for() -> None:
    paused = Standing(ProjectState.RUNNING, Directive.PAUSE, NOW, since=NOW, by="olga")
    assert said(Waiter("a", StepState.READY), paused) == (
        "Paused since 2026-11-20 14:00:00 UTC by olga: a does not start; an operator can resume it."
    )
    waits = Waiter("a", StepState.WAITING, "wait", due_at=NOW + timedelta(hours=2))
    assert said(waits, paused) == (
        "Paused since 2026-11-20 14:00:00 UTC by olga, so that its clock stands still; an operator can resume it. "
        "a waits until 2026-11-20 16:00:00 UTC; nothing but a cancel ends it sooner."
    )
    held = Standing(ProjectState.RUNNING, Directive.PAUSE, NOW, since=NOW, above="project 7 (P)")
    assert "because project 7 (P) above it is paused: a does not start; resuming project 7 (P) resumes it." in said(
        Waiter("a", StepState.READY), held
    )


def test_what_could_not_be_advanced_says_why() -> None:
    stuck = Standing(ProjectState.RUNNING, Directive.RUN, NOW, stuck="KeyError: 'x'")
    assert deciding(stuck).code == "stuck"
    for state in (StepState.PENDING, StepState.READY):
        assert "could not be advanced: \"KeyError: 'x'\"." in said(Waiter("a", state), stuck)
    alone = Standing(ProjectState.RUNNING, Directive.RUN, NOW, control_alive=False)
    assert "no control worker is alive" in said(Waiter("a", StepState.PENDING), alone)


def test_what_others_wrote_steers_no_terminal() -> None:
    sneaky = "\x1b[2J\u202egone\n"
    sentences = [
        said(Waiter("a", StepState.READY, available_at=NOW + timedelta(seconds=5), error=sneaky)),
        said(Waiter("a", StepState.WAITING, "approval", asked=Asked(sneaky, (), NOW))),
        said(Waiter("a", StepState.PENDING, phase_state=PhaseState.PENDING, before=sneaky)),
        said(Waiter("a", StepState.PENDING), Standing(ProjectState.RUNNING, Directive.RUN, NOW, stuck=sneaky)),
    ]
    for sentence in sentences:
        assert sentence.isprintable()
        assert "gone" in sentence
