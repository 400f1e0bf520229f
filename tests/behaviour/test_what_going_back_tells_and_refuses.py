"""Before going back one is told what is lost and what is kept; where it cannot be done, it is refused and said why."""

from __future__ import annotations

import pytest

from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.errors import (
    CheckpointNotFound,
    EventNotFound,
    EvidenceChanged,
    ProjectChanged,
    RefusedInState,
    StepsRunning,
)
from projects.models import Approval
from projects.models.approval import Verdict
from projects.services import approvals, claims, control, restoring
from projects.services.workers import this_process
from tests.behaviour.going_back import WHOLE, back, numbers, paused, resumed, through
from tests.builders import approver, drive, kinds, look, open_approval, project_of, states, step

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("calls")]


def test_the_preview_names_what_is_lost_what_is_kept_and_what_was_spent() -> None:
    project = through(project_of(WHOLE))
    approval = Approval.objects.get(project=project)

    shown = restoring.preview(project_id=project.pk, number=1)
    partly = restoring.preview(project_id=project.pk, number=2)

    assert [each.key for each in shown.steps_voided] == [
        "facts",
        "calls",
        "maybe",
        "brief",
        "left",
        "right",
        "join",
        "post",
    ]
    assert shown.steps_kept == ()
    assert [(each.id, each.state) for each in shown.approvals_lapsing] == [(str(approval.pk), "approved")]
    assert {(each.key, each.attempts) for each in shown.effects_not_undone} == {
        ("facts", 1), ("calls", 3), ("brief", 1), ("left", 1), ("right", 1), ("join", 1), ("post", 1),
    }  # fmt: skip
    assert (shown.spent.tokens_in, shown.spent.tokens_out, shown.spent.cost) == (90, 45, 4.5)
    assert [each.key for each in partly.steps_voided] == ["left", "right", "join", "post"]
    assert [each.key for each in partly.steps_kept] == ["facts", "calls", "maybe", "brief"]
    assert partly.approvals_lapsing == ()
    assert set(shown.to_json()) >= {
        "steps_voided", "steps_kept", "approvals_lapsing", "effects_not_undone", "spent", "digest",
    }  # fmt: skip
    assert len({shown.digest, partly.digest}) == 2
    assert restoring.preview(project_id=project.pk, number=1).digest == shown.digest
    assert look(project).state == "completed"


def test_a_preview_is_confirmed_by_its_digest_unless_the_project_has_changed_since() -> None:
    project = drive(project_of(WHOLE), steps=2)
    paused(project)
    shown = restoring.preview(project_id=project.pk, number=1)
    resumed(project)
    drive(project, steps=1)
    paused(project)

    with pytest.raises(ProjectChanged, match="has changed since the preview"):
        back(project, number=1, digest=shown.digest)

    assert states(project)["facts"] == "completed"
    now = restoring.preview(project_id=project.pk, number=1)
    assert back(project, number=1, digest=now.digest).preview.digest == now.digest


def test_what_is_open_is_void_and_cannot_be_decided() -> None:
    project = drive(project_of(WHOLE))
    asked = open_approval(project)
    paused(project)

    back(project, number=1)

    asked.refresh_from_db()
    assert asked.state == "void"
    with pytest.raises(EvidenceChanged):
        approvals.decide(approval_id=asked.pk, user=approver(), verdict=Verdict.APPROVE, via="test")
    assert "approval.voided" in kinds(project)
    assert through(project).state == "completed"


def test_only_a_project_that_stands_still_goes_back() -> None:
    project = drive(project_of(WHOLE, started=False), steps=0)
    for why in ("has not begun", "pause it first"):
        with pytest.raises(RefusedInState, match=why):
            back(project, number=1)
        if why == "has not begun":
            control.start(project_id=project.pk, actor=system_actor())
            drive(project, steps=0)
    assert "pause it first" in restoring.preview(project_id=project.pk, number=1).obstacle

    assert claims.claim(project.pk, step(project, "facts").pk, this_process()) is not None
    paused(project)
    with pytest.raises(StepsRunning, match="facts"):
        back(project, number=1)

    control.cancel(project_id=project.pk, actor=system_actor(), force=True)
    with pytest.raises(RefusedInState, match="final"):
        back(project, number=1)


def test_what_is_not_there_is_named() -> None:
    project = drive(project_of(WHOLE))
    other = drive(project_of(WHOLE))
    paused(project)
    start = numbers(project)[1]

    with pytest.raises(CheckpointNotFound, match="There are 1 to 2"):
        back(project, number=7)
    with pytest.raises(EventNotFound, match="has no event"):
        back(project, event=numbers(other)[1].event)
    with pytest.raises(EventNotFound, match="as early as"):
        back(project, event=history.events_of(project.pk).order_by("id")[0].id)
    with pytest.raises(EventNotFound, match="later than"):
        back(project, number=2, event=start.event)
    with pytest.raises(EventNotFound, match="Say where"):
        back(project)
