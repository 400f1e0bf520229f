"""Texts of blueprints and agents that are too long for their column, or that PostgreSQL cannot keep at all.

Each is cut, or fails what it belongs to with its reason: looking at the project never raises.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.functions import Now

from agents.errors import PermanentFailure
from orchestrator_site.errors import InvalidInput
from projects import orchestrator
from projects.blueprints.errors import BlueprintInvalid
from projects.models import Approval, Phase, Project
from projects.services import advancing, results
from tests.builders import (
    agent_that,
    approver,
    as_actor,
    child_of,
    drive,
    look,
    open_approval,
    person,
    project_of,
    ready_steps,
    result,
    run,
    states,
    step,
)

pytestmark = pytest.mark.django_db(transaction=True)

LARGE = 300_000
"""Letters of a result that is kept aside, compressed, where anything may stand."""

NUL, HALF = "\0", "\ud800"
UNKEEPABLE = {"nul": NUL, "half": HALF}


@pytest.fixture(autouse=True)
def agents(monkeypatch: pytest.MonkeyPatch) -> None:
    # Such results are refused; what was kept aside before that was so may hold them, and expressions make their own.
    monkeypatch.setattr(results, "is_storable_json", lambda _: True)
    agent_that(lambda context: context.params.get("say", "done"), "echo")
    agent_that(lambda context: {"text": UNKEEPABLE[context.params["what"]], "much": "x" * LARGE}, "writer")
    agent_that(lambda context: [UNKEEPABLE[context.params["what"]], "x" * LARGE], "lister")


@pytest.fixture(params=["nul", "half"])
def what(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def looked_at_again(project: Project) -> Project:
    """The project after recovery's next look at it, which must not raise."""
    advancing.advance(project.pk)
    return look(project)


TITLED = "inputs: {type: object, required: [t], properties: {t: {type: string}}}\n"


def test_a_title_of_a_gate_is_cut_to_what_its_column_holds() -> None:
    project = project_of(
        TITLED + 'phases: [{key: p, steps: [{key: a, agent: echo}], gate: {approval: {title: "Review ${inputs.t}"}}}]',
        inputs={"t": "y" * 300},
    )
    asked = open_approval(drive(project))
    assert asked.title == f"Review {'y' * 193}"
    looked_at_again(project)
    assert open_approval(project) == asked  # it shows what it would show now: it is not void
    decided = orchestrator.submit_approval(asked, user=approver())
    assert decided.state == "approved"
    assert drive(project).state == "completed"


def test_so_is_that_of_an_approval_in_the_middle_of_a_phase() -> None:
    steps = '[{key: a, kind: approval, approval: {title: "Review ${inputs.t}"}}]'
    project = project_of(f"{TITLED}phases: [{{key: p, steps: {steps}}}]", inputs={"t": "y" * 300})
    assert len(open_approval(drive(project)).title) == 200


def test_so_is_that_of_an_approval_of_a_change_of_the_plan() -> None:
    project = project_of(
        TITLED
        + 'plan_changes: {approval: {title: "May ${inputs.t} be changed?"}}\n'
        + "phases: [{key: p, steps: [{key: a, agent: echo}, {key: b, agent: echo, needs: [a]}]}]",
        inputs={"t": "y" * 300},
    )
    oskar = person("oskar", groups=["operator"])
    orchestrator.intervene(project, "skip", "b", actor=as_actor(oskar), reason="it is late")
    assert Approval.objects.get(project=project, purpose="plan").title == f"May {'y' * 196}"


GATE = """
phases:
  - key: p
    steps: [{{key: a, agent: {agent}, params: {{what: {what}}}}}]
    gate: {{approval: {{title: "Go on?", {shown}}}}}
"""


@pytest.mark.parametrize(
    "shown",
    [
        'description: "${results.a.text}"',
        'evidence: {Text: "${results.a.text}"}',
        'content: {text: "${results.a.text}"}',
    ],
)
def test_a_gate_that_shows_what_cannot_be_kept_fails_with_the_reason(what: str, shown: str) -> None:
    project = drive(project_of(GATE.format(agent="writer", what=what, shown=shown)))
    assert (project.state, project.failure_code) == ("failed", "expression_failed")
    assert "cannot be kept" in project.failure


def test_a_step_that_asks_people_and_shows_what_cannot_be_kept_fails_with_the_reason(what: str) -> None:
    project = drive(
        project_of(
            f"""
            phases:
              - key: p
                steps:
                  - {{key: a, agent: writer, params: {{what: {what}}}}}
                  - {{key: b, kind: approval, needs: [a], approval: {{title: "${{results.a.text}}"}}}}
            """
        )
    )
    assert states(project)["b"] == "failed"
    assert "cannot be kept" in (step(project, "b").error or {})["message"]
    assert project.state == "failed"


def test_a_list_with_an_item_that_cannot_be_kept_fails_with_the_reason(what: str) -> None:
    project = drive(
        project_of(
            f"""
            phases:
              - key: p
                steps:
                  - {{key: a, agent: lister, params: {{what: {what}}}}}
                  - {{key: b, agent: echo, for_each: results.a, params: {{say: 1}}}}
            """
        )
    )
    assert (states(project)["b"], project.state) == ("failed", "failed")
    assert "cannot be kept" in project.failure


def test_a_project_below_that_is_given_what_cannot_be_kept_is_not_started(what: str) -> None:
    project_of(
        """
        name: below
        version: 1
        title: Below
        inputs: {type: object, properties: {t: {type: string}}}
        phases: [{key: p, steps: [{key: a, agent: echo}]}]
        """,
        started=False,
    )
    project = drive(
        project_of(
            f"""
            phases:
              - key: p
                steps:
                  - {{key: a, agent: writer, params: {{what: {what}}}}}
                  - key: b
                    kind: project
                    needs: [a]
                    project: {{blueprint: below, inputs: {{t: "${{results.a.text}}"}}}}
            """
        )
    )
    assert (states(project)["b"], project.state) == ("failed", "failed")
    assert "cannot be kept" in project.failure


def test_large_results_of_a_project_below_are_taken_as_they_are(what: str) -> None:
    project_of(
        f"""
        name: below
        version: 1
        title: Below
        phases: [{{key: p, steps: [{{key: a, agent: writer, params: {{what: {what}}}}}]}}]
        """,
        started=False,
    )
    project = drive(project_of("phases: [{key: p, steps: [{key: b, kind: project, project: {blueprint: below}}]}]"))
    drive(child_of(project, "b"))
    assert drive(project).state == "completed"
    assert result(project, "b")["results"]["a"]["text"] == UNKEEPABLE[what]


@pytest.mark.parametrize("text", [f"bad {NUL} byte", f"bad {HALF} surrogate"])
def test_an_agent_that_fails_in_words_that_cannot_be_kept_fails_in_those_that_can(text: str) -> None:
    def fails(context: Any) -> Any:
        raise PermanentFailure(text)

    agent_that(fails, "fails")
    project = project_of("phases: [{key: p, steps: [{key: a, agent: fails}]}]")
    run(*ready_steps(project))
    assert (step(project, "a").error or {})["message"] == text.replace(text[4], "\ufffd")
    assert looked_at_again(project).state == "failed"


def test_a_code_of_a_failure_is_cut_to_what_its_column_holds() -> None:
    class Strange(PermanentFailure):
        """It went wrong."""

        code = "strange_" * 20

    def fails(context: Any) -> Any:
        raise Strange

    agent_that(fails, "fails")
    project = drive(project_of("phases: [{key: p, steps: [{key: a, agent: fails}]}]"))
    assert (project.state, project.failure_code) == ("failed", ("strange_" * 20)[:60])


def test_a_quality_condition_that_quotes_what_cannot_be_kept_is_told_without_it(what: str) -> None:
    quality = 'quality: [{name: q, check: "results.a.text + 1 == 2"}]'
    project = drive(
        project_of(GATE.format(agent="writer", what=what, shown="").replace("approval", quality + ", approval"))
    )
    assert project.state == "failed"
    assert Phase.objects.get(project=project).quality[0]["met"] is False


def test_a_blueprint_with_a_text_that_cannot_be_kept_is_refused_with_its_line() -> None:
    with pytest.raises(BlueprintInvalid, match=r":4:.*U\+0000"):
        project_of('title: "a\\0b"\nphases: [{key: p, steps: [{key: a, agent: echo}]}]')


def test_a_project_is_not_made_with_a_variable_or_a_concurrency_key_that_cannot_be_kept(what: str) -> None:
    given = {"t": UNKEEPABLE[what]}
    concurrency = 'concurrency: {key: "${inputs.t}", limit: 1}'
    for more, steps in (('variables: {v: "${inputs.t}"}\n', ""), ("", f", {concurrency}")):
        with pytest.raises(InvalidInput, match="cannot be kept"):
            project_of(f"{TITLED}{more}phases: [{{key: p, steps: [{{key: a, agent: echo{steps}}}]}}]", inputs=given)
    assert not Project.objects.exists()


def test_a_comment_and_an_edit_that_cannot_be_kept_are_refused_to_who_sends_them(what: str) -> None:
    text = UNKEEPABLE[what]
    form = "content: {t: x}, form: {type: object, properties: {t: {type: string}}}"
    project = drive(
        project_of(f"phases: [{{key: p, steps: [{{key: a, agent: echo}}], gate: {{approval: {{title: Go, {form}}}}}}}]")
    )
    anna, asked = approver(), open_approval(project)
    with pytest.raises(InvalidInput, match="cannot be kept"):
        orchestrator.submit_approval(asked, user=anna, edits={"t": text})
    with pytest.raises(InvalidInput, match="cannot be kept"):
        orchestrator.submit_approval(asked, user=anna, comment=text)
    assert orchestrator.submit_approval(asked, user=anna).state == "approved"


def test_a_step_whose_question_is_void_and_cannot_be_put_anew_fails_with_the_reason() -> None:
    project = drive(
        project_of(
            """
            variables: {who: you}
            phases: [{key: p, steps: [{key: a, kind: approval, approval: {title: "Does ${variables.who} agree?"}}]}]
            """
        )
    )
    Project.objects.filter(pk=project.pk).update(variables={})
    Approval.objects.filter(project=project).update(state="void", finished_at=Now())

    assert looked_at_again(project).state == "failed"
    assert "variables.who" in look(project).failure
