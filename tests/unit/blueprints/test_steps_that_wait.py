"""What a blueprint may say of steps that wait, and what is refused of them, with line and hint."""

from __future__ import annotations

import pytest

from projects.blueprints.dump import dump_text
from projects.blueprints.load import load_text
from projects.blueprints.step_checks import unconditional_children
from tests.unit.blueprints.documents import HEAD_LINES, problems_of, with_steps


def only(step: str) -> str:
    """What is wrong with the one step that stands in the first line of the steps."""
    [problem] = problems_of(with_steps(f"- {step}"))
    return problem.partition(f"file.yaml:{HEAD_LINES + 4}:")[2]


@pytest.mark.parametrize(
    "step",
    [
        "{key: a, kind: wait, wait: {for: 2h}}",
        "{key: a, kind: wait, wait: {for: 90}}",
        '{key: a, kind: wait, wait: {for: "${inputs.budget}m"}}',
        "{key: a, kind: wait, wait: {signal: go-on.now}}",
        "{key: a, kind: wait, wait: {for: 2h, signal: go}, on_failure: continue}",
        '{key: a, kind: wait, for_each: "[1, 2]", max_parallel: 1, wait: {for: "${item}h"}}',
        "{key: a, kind: approval, approval: {title: May we?, deadline: 1h, on_timeout: approve}}",
        '{key: a, kind: approval, for_each: "[1]", approval: {title: "${item}?", evidence: {n: "${index}"}}}',
        "{key: a, kind: project, project: {blueprint: other}}",
        '{key: a, kind: project, for_each: "[1]", project: {blueprint: x@2, inputs: {n: "${item}"}, awaited: false}}',
        '{key: a, kind: project, when: "inputs.budget > 1.0", project: {blueprint: example}}',
        "{key: a, kind: project, project: {blueprint: example@7}}",
    ],
)
def test_these_load_and_are_written_back_as_they_were(step: str) -> None:
    loaded = load_text(with_steps(f"- {step}"))
    assert load_text(dump_text(loaded.blueprint)).digest == loaded.digest


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{key: a, kind: wait}", "a step of kind wait says what it does in `wait`. Add `wait:`."),
        ("{key: a, kind: wait, wait: {}}", "there is nothing to wait for. Add `for: 2h`, or `signal: NAME`."),
        ("{key: a, kind: wait, wait: {for: soon}}", "'soon' is no duration. Write a number with a unit"),
        ("{key: a, kind: wait, wait: {for: 0s}}", "the duration 0s is no time at all. Write a number"),
        ("{key: a, kind: wait, wait: {for: true}}", "a duration is text such as 90s, or a number of seconds"),
        ("{key: a, kind: wait, wait: {for: 11000d}}", "the duration 11000d is outside 0 s to ten years"),
        ('{key: a, kind: wait, wait: {for: "${inputs.hours}"}}', "there is no input 'hours'"),
        ('{key: a, kind: wait, wait: {for: "${1 +}"}}', "the expression `1 +` cannot be used"),
        ('{key: a, kind: wait, wait: {for: "${item}h"}}', "'item' can be read only"),
        ("{key: a, kind: wait, wait: {signal: Go}}", "'Go' is no name"),
        ("{key: a, kind: wait, wait: {signal: go}, params: {a: 1}}", "no agent's work, and has no `params`"),
        ("{key: a, kind: wait, agent: x, wait: {for: 1s}}", "a step of kind wait has no `agent`. Remove it."),
        ("{key: a, agent: x, wait: {for: 1s}}", "`wait` belongs to steps of kind wait. Add `kind: wait`"),
        ("{key: a, kind: approval}", "a step of kind approval says what it does in `approval`"),
        (
            "{key: a, kind: approval, approval: {title: t, on_reject: rework}}",
            "a step that is rejected fails: only a phase can be worked over. Put the approval into the gate",
        ),
        (
            "{key: a, kind: approval, approval: {title: t, on_timeout: approve}}",
            "approve never happens without a deadline",
        ),
        ("{key: a, kind: project}", "a step of kind project says what it does in `project`"),
        ("{key: a, kind: project, project: {inputs: {}}}", "the key 'blueprint' is missing"),
        ("{key: a, kind: project, project: {blueprint: My Blueprint}}", "is no name"),
        ("{key: a, kind: project, project: {blueprint: other.yaml}}", "by its blueprint, not by a file"),
        (
            "{key: a, kind: project, project: {blueprint: example}}",
            "'example' starts itself, and that one itself again",
        ),
        ("{key: a, kind: project, project: {blueprint: example@1}}", "Add `when` with a condition that is false"),
        (
            '{key: a, kind: project, project: {blueprint: other, inputs: {a: "${results.b}"}}}',
            "there is no step 'b'",
        ),
    ],
)
def test_these_are_refused_where_they_stand_with_what_to_do(step: str, message: str) -> None:
    assert message in only(step)


def test_a_deadline_says_when_and_what_then() -> None:
    plain = with_steps("- {key: a, agent: x}\n")
    with_deadline = load_text(f"{plain}deadline: {{after: 2h, otherwise: fail}}\n").blueprint.deadline
    assert with_deadline is not None
    assert (with_deadline.after, with_deadline.otherwise) == (7200, "fail")
    assert load_text(f"{plain}deadline: {{after: 2h}}\n").blueprint.deadline.otherwise == "alert"  # type: ignore[union-attr]
    [problem] = problems_of(f"{plain}deadline: {{after: 2h, otherwise: shout}}\n")
    assert "'shout' is none of alert, fail, cancel" in problem
    [problem] = problems_of(f"{plain}deadline: {{otherwise: fail}}\n")
    assert "the key 'after' is missing" in problem


def test_a_blueprint_without_a_deadline_is_the_one_it_was_before_there_were_deadlines() -> None:
    """Versions that are registered keep their digest, or every one would have to be registered anew."""
    assert load_text(with_steps("- {key: a, agent: x}")).digest == (
        "fe9abe3c9f707179f0fe329adcd02455b85f4676c89fe2ec4266287700a9fac0"
    )


def test_what_a_blueprint_starts_whatever_happens() -> None:
    source = with_steps(
        """
        - {key: a, kind: project, project: {blueprint: one}}
        - {key: b, kind: project, project: {blueprint: two@3}}
        - {key: c, kind: project, when: "false", project: {blueprint: three}}
        - {key: d, kind: project, for_each: "[]", project: {blueprint: four}}
        - {key: e, kind: project, project: {blueprint: one}}
        """
    )
    assert unconditional_children(load_text(source).blueprint) == ["one", "two@3"]
