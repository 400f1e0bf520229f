"""`approve`, `pause_project`, `resume_project`, `cancel_project` and `recover`."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import Usage
from orchestrator_site.commanding.people import UserNotFound
from orchestrator_site.errors import Forbidden
from orchestrator_site.history import services as history
from projects.errors import ApprovalClosed, ApprovalNotFound, CommentRequired, NotAnApprover, RefusedInState
from projects.models import Decision, Project, Step
from projects.services import control
from tests.builders import agent_that, approver, drive, look, open_approval, person, project_of

pytestmark = pytest.mark.django_db

ASKS = """
phases:
  - key: one
    steps: [{key: a, agent: echo}]
    gate:
      approval:
        title: Fine?
        approvers: {groups: [readers], quorum: QUORUM}
        form: {type: object, properties: {headline: {type: string}, size: {type: integer}}}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: {"said": "hello"}, "echo")


def asks(quorum: int = 1) -> Project:
    return drive(project_of(ASKS.replace("QUORUM", str(quorum))))


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def run_json(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_an_approver_approves_by_the_project() -> None:
    project = asks()
    approver("rita", "readers")

    told = run_json("approve", "--project", project.short_id, "--user", "rita", "--comment", "Fine")

    assert told["approval"]["state"] == "approved"
    assert told["project"]["id"] == str(project.pk)
    decision = Decision.objects.get()
    assert (decision.user.username, decision.verdict, decision.comment, decision.via) == (  # type: ignore[union-attr]
        "rita",
        "approve",
        "Fine",
        "command",
    )


def test_an_approver_approves_by_the_last_digits_of_the_approval() -> None:
    project = asks()
    approver("rita", "readers")

    assert "approved by rita" in run("approve", str(open_approval(project).pk)[-8:], "--user", "rita")


def test_a_rejection_needs_a_comment() -> None:
    project = asks()
    approver("rita", "readers")

    with pytest.raises(CommentRequired) as raised:
        run("approve", "--project", str(project.pk), "--user", "rita", "--reject")
    assert raised.value.exit_status == 2
    assert "rejected by rita" in run(
        "approve", "--project", str(project.pk), "--user", "rita", "--reject", "--comment", "No"
    )


def test_the_only_superuser_decides_where_nobody_is_named() -> None:
    project = asks()
    person("root", is_superuser=True)

    assert "approved by root" in run("approve", "--project", str(project.pk))


@pytest.mark.parametrize("superusers", [(), ("one", "two")])
def test_where_it_is_not_clear_who_decides_somebody_must_be_named(superusers: tuple[str, ...]) -> None:
    project = asks()
    for name in superusers:
        person(name, is_superuser=True)

    with pytest.raises(Usage, match="--user NAME"):
        run("approve", "--project", str(project.pk))
    assert open_approval(project).approvals == 0


def test_somebody_without_the_right_is_refused() -> None:
    project = asks()
    person("olaf", groups=["readers"])

    with pytest.raises(NotAnApprover) as raised:
        run("approve", "--project", str(project.pk), "--user", "olaf")
    assert raised.value.exit_status == 4


def test_somebody_who_is_not_there_is_not_found() -> None:
    with pytest.raises(UserNotFound) as raised:
        run("approve", "--project", str(asks().pk), "--user", "nobody")
    assert raised.value.exit_status == 3


def test_with_a_quorum_it_says_how_many_more() -> None:
    project = asks(quorum=3)
    approver("rita", "readers")

    assert "2 more must approve" in run("approve", "--project", str(project.pk), "--user", "rita")


def test_deciding_twice_is_refused() -> None:
    project = asks()
    approver("rita", "readers")
    approver("rolf", "readers")
    approval = open_approval(project)
    run("approve", str(approval.pk), "--user", "rita")

    with pytest.raises(ApprovalClosed, match="rita") as raised:
        run("approve", str(approval.pk), "--user", "rolf")
    assert raised.value.exit_status == 4


def test_an_approver_may_edit_what_the_form_allows() -> None:
    project = asks()
    approver("rita", "readers")

    run("approve", "--project", str(project.pk), "--user", "rita", "--edit", "headline=42", "--edit", "size=3")

    assert Decision.objects.get().edits == {"headline": "42", "size": 3}


@pytest.mark.parametrize("arguments", [(), ("01890000-0000-7000-8000-00000000beef", "--project", "beef")])
def test_either_an_approval_or_a_project_is_named(arguments: tuple[str, ...]) -> None:
    person("root", is_superuser=True)

    with pytest.raises(Usage, match="one of the two"):
        run("approve", *arguments)


@pytest.mark.parametrize("text", ["01890000-0000-7000-8000-00000000beef", "beefbeef", "?"])
def test_an_approval_that_is_not_there_is_not_found(text: str) -> None:
    person("root", is_superuser=True)

    with pytest.raises(ApprovalNotFound):
        run("approve", text)


def test_a_project_that_asks_nothing_is_refused() -> None:
    person("root", is_superuser=True)
    project = project_of(ASKS.replace("QUORUM", "1"))

    with pytest.raises(RefusedInState, match="waits for no approval"):
        run("approve", "--project", str(project.pk))


# --- steering -----------------------------------------------------------------------------------------


def test_a_project_is_paused_and_resumed_with_the_reason_in_its_history() -> None:
    project = asks()

    assert "Paused" in run("pause_project", project.short_id, "--reason", "Holidays")
    assert look(project).directive == "pause"
    assert run_json("resume_project", project.short_id)["project"]["directive"] == "run"
    paused = history.events_of(project.pk).get(kind="project.paused")
    assert paused.data["reason"] == "Holidays"


def test_the_history_has_who_paused_it() -> None:
    project = asks()
    person("ada", is_superuser=True)

    run("pause_project", project.short_id, "--user", "ada")

    assert "ada" in history.events_of(project.pk).get(kind="project.paused").actor


def test_a_user_without_the_right_to_steer_is_refused() -> None:
    project = asks()
    person("olaf")

    for verb in ("pause", "cancel"):
        with pytest.raises(Forbidden, match="olaf"):
            run(f"{verb}_project", project.short_id, "--user", "olaf")
    assert look(project).directive == "run"


def test_pausing_twice_and_resuming_what_runs_are_refused() -> None:
    project = asks()

    with pytest.raises(RefusedInState) as raised:
        run("resume_project", project.short_id)
    assert raised.value.exit_status == 4
    run("pause_project", project.short_id)
    with pytest.raises(RefusedInState, match="paused"):
        run("pause_project", project.short_id)


def test_a_project_is_cancelled_once() -> None:
    project = asks()

    assert run_json("cancel_project", project.short_id)["project"]["state"] == "cancelled"
    with pytest.raises(RefusedInState, match="nothing left to cancel"):
        run("cancel_project", project.short_id)


def test_a_cancelled_project_waits_for_what_runs_unless_it_is_forced() -> None:
    project = project_of(ASKS.replace("QUORUM", "1"))
    drive(project, steps=0)
    seen: list[str] = []

    def cancels(context: Any) -> None:
        seen.append(run_json("cancel_project", str(project.pk))["project"]["state"])
        seen.append(run_json("cancel_project", str(project.pk), "--force")["project"]["state"])

    agent_that(cancels, "echo")
    drive(project)

    assert seen == ["running", "cancelled"]
    assert Step.objects.get(project=project).state == "cancelled"


def test_recovery_tells_what_it_found() -> None:
    project = project_of(ASKS.replace("QUORUM", "1"))
    control.pause(project_id=project.pk, actor=system_actor())

    told = run_json("recover")

    assert told["errors"] == []
    assert told["steps_taken_back"] == 0
    assert "Steps taken back" in run("recover")
