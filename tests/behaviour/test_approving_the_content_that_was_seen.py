"""Of a quorum everybody decides on the content that they saw, with the edits of those before them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from orchestrator_site import faults
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from projects import orchestrator
from projects.blueprints.errors import FormInvalid
from projects.errors import AlreadyDecided, ContentChanged
from projects.models import Approval, Decision
from projects.models.approval import Verdict
from projects.planning.binding import Edit, edits_unseen
from projects.services import approvals
from tests.api.conftest import client_of
from tests.behaviour.test_approving_a_phase import race
from tests.behaviour.test_deciding_in_the_admin import browser
from tests.builders import agent_that, approver, drive, open_approval, project_of
from tests.pages.asking import answer_to

pytestmark = pytest.mark.django_db(transaction=True)

GATE = """
phases:
  - key: p
    steps: [{key: a, agent: echo}]
    gate: {approval: APPROVAL}
"""
STEP = "phases: [{key: p, steps: [{key: a, kind: approval, approval: APPROVAL}]}]"
PAY = """{title: Pay?, approvers: {quorum: 3}, content: {amount: 100, to: bank},
          form: {type: object, properties: {amount: {type: number}, to: {type: string}}}}"""
BETWEEN = """{title: Between?, approvers: {quorum: 2}, content: {low: 1, high: 5},
              form: {type: object, properties: {low: {type: number}, high: {type: number}},
                     not: {properties: {low: {const: 3}, high: {const: 2}}}}}"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: "done", "echo")


@pytest.fixture
def anna() -> User:
    return approver("anna")


@pytest.fixture
def ben() -> User:
    return approver("ben", is_staff=True)


def asked(approval: str = PAY, where: str = GATE) -> Approval:
    return open_approval(drive(project_of(where.replace("APPROVAL", approval))))


def decide(approval: Approval, user: User, *, seen: str | None = None, **said: Any) -> Approval:
    verdict = said.pop("verdict", Verdict.APPROVE)
    return approvals.decide(approval_id=approval.pk, user=user, verdict=verdict, seen_content=seen, via="test", **said)


def decided(approval: Approval) -> int:
    return Decision.objects.filter(approval=approval).count()


# --- the one place where decisions are written


@pytest.mark.parametrize("where", [GATE, STEP])
def test_who_comes_second_does_not_approve_what_they_have_not_seen(where: str, anna: User, ben: User) -> None:
    approval = asked(where=where)
    decide(approval, anna, edits={"amount": 10_000})

    for seen in (approval.content_digest, None):
        with pytest.raises(ContentChanged) as refused:
            decide(approval, ben, seen=seen)
        approval_now = Approval.objects.get(pk=approval.pk)
        assert "amount: anna changed 100 to 10000" in str(refused.value)
        assert approval_now.content_digest in str(refused.value)
        assert refused.value.details["errors"] == [{"field": "content.amount", "message": "anna changed 100 to 10000"}]
        assert (approval_now.approvals, decided(approval)) == (1, 1)

    assert decide(approval, ben, seen=approval_now.content_digest).approvals == 2


def test_a_rejection_is_bound_to_what_was_seen_too(anna: User, ben: User) -> None:
    approval = asked()
    decide(approval, anna, edits={"to": "me"})
    with pytest.raises(ContentChanged):
        decide(approval, ben, verdict=Verdict.REJECT, comment="no")
    assert open_approval(approval.project) == approval


def test_where_nobody_has_edited_it_no_digest_is_needed(anna: User, ben: User) -> None:
    approval = asked()
    decide(approval, anna)
    decide(approval, ben)
    eve = approver("eve")
    assert decide(approval, eve, seen=approval.content_digest, edits={"amount": 7}).state == "approved"


def test_an_edit_that_changes_nothing_is_none(anna: User, ben: User) -> None:
    approval = asked()
    decide(approval, anna, edits={"amount": 100})
    assert decide(approval, ben).approvals == 2


def test_only_what_came_after_the_look_is_told(anna: User, ben: User) -> None:
    approval = asked()
    decide(approval, anna, edits={"amount": 10_000})
    between = Approval.objects.get(pk=approval.pk).content_digest
    decide(approval, ben, seen=between, edits={"to": "me"})
    with pytest.raises(ContentChanged) as refused:
        decide(approval, approver("eve"), seen=between)
    assert [each["field"] for each in refused.value.details["errors"]] == ["content.to"]
    edits = [Edit("anna", {"amount": 1}), Edit("ben", {"amount": 2, "to": "x"})]
    assert edits_unseen({"amount": 0}, edits, digest_of({"amount": 1})) == [
        {"label": "amount", "before": 1, "after": 2, "by": "ben"},
        {"label": "to", "before": None, "after": "x", "by": "ben"},
    ]


def test_who_has_decided_and_sends_it_again_learns_that_and_not_of_their_own_edit(anna: User) -> None:
    approval = asked()
    decide(approval, anna, seen=approval.content_digest, edits={"amount": 10_000})
    with pytest.raises(AlreadyDecided):
        decide(approval, anna, seen=approval.content_digest, edits={"amount": 10_000})


def test_the_history_says_what_content_was_seen(anna: User) -> None:
    approval = asked()
    after = decide(approval, anna, edits={"amount": 10_000})
    event = history.events_of(approval.project_id).get(kind="approval.counted")
    assert event.data["content_seen_sha256"] == approval.content_digest
    assert event.data["content_sha256"] == after.content_digest


def test_two_edits_that_are_valid_apart_and_not_together_do_not_both_land(anna: User, ben: User) -> None:
    approval = asked(BETWEEN)
    decide(approval, anna, edits={"low": 3})
    now = Approval.objects.get(pk=approval.pk)
    with pytest.raises(FormInvalid):
        decide(approval, ben, seen=now.content_digest, edits={"high": 2})
    assert Approval.objects.get(pk=approval.pk).content == {"low": 3, "high": 5}


# --- at the same moment


@pytest.mark.parametrize("seen", [True, False])
def test_of_two_who_edit_at_once_one_lands_and_the_other_learns_so(seen: bool, anna: User, ben: User) -> None:
    for _ in range(10):
        approval = asked(BETWEEN)
        digest = approval.content_digest if seen else None
        outcomes = race(
            lambda a=approval, d=digest: decide(a, anna, seen=d, edits={"low": 3}),
            lambda a=approval, d=digest: decide(a, ben, seen=d, edits={"high": 2}),
        )
        assert [isinstance(each, ContentChanged) for each in outcomes].count(True) == 1
        approval.refresh_from_db()
        assert approval.content in ({"low": 3, "high": 5}, {"low": 1, "high": 2})
        assert (approval.approvals, decided(approval)) == (1, 1)


def test_who_waits_for_an_edit_under_way_is_refused_by_it(
    anna: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = asked()
    outcomes: list[Any] = []
    second = threading.Thread(target=_kept(outcomes, lambda: decide(approval, ben, seen=approval.content_digest)))

    def point(name: str) -> None:
        if name == "in_decision" and not second.ident:
            second.start()
            _until_somebody_waits()

    monkeypatch.setattr(faults, "point", point)
    decide(approval, anna, seen=approval.content_digest, edits={"amount": 10_000})
    second.join()

    assert isinstance(outcomes[0], ContentChanged)
    assert decided(approval) == 1


def _kept(outcomes: list[Any], call: Callable[[], Any]) -> Callable[[], None]:
    def run() -> None:
        try:
            outcomes.append(call())
        except ContentChanged as error:
            outcomes.append(error)
        finally:
            connection.close()

    return run


def _until_somebody_waits() -> None:
    """For the lock of the approval, which this connection holds."""
    for _ in range(2000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.005)
    raise AssertionError("nobody waits")


# --- every door


def test_the_api_shows_the_digest_and_takes_it(anna: User, ben: User) -> None:
    approval = asked()
    read = client_of(ben).read(f"approvals/{approval.pk}").json()
    assert read["content_digest"] == approval.content_digest
    decide(approval, anna, edits={"amount": 10_000})

    for address in (f"approvals/{approval.pk}/decisions", f"projects/{approval.project_id}/approval"):
        for body in ({"approve": True}, {"approve": True, "content_digest": read["content_digest"]}):
            answer = client_of(ben).send(address, body)
            assert (answer.status_code, answer.json()["code"]) == (409, "content_changed")
            assert "anna changed 100 to 10000" in answer.json()["detail"]
            assert answer.json()["errors"][0]["field"] == "content.amount"

    now = client_of(ben).read(f"approvals/{approval.pk}").json()["content_digest"]
    assert now in answer.json()["detail"]
    body = {"approve": True, "content_digest": now}
    assert client_of(ben).send(f"approvals/{approval.pk}/decisions", body).status_code == 200
    said = client_of(approver("eve")).send(f"projects/{approval.project_id}/approval", body)
    assert (said.status_code, said.json()["state"]) == (200, "approved")


def test_the_pages_take_only_an_answer_to_what_they_showed(anna: User, ben: User) -> None:
    approval = asked()
    shown = answer_to(approval)
    decide(approval, anna, edits={"amount": 10_000})
    for address in (f"/approvals/{approval.pk}/", f"/admin/projects/approval/{approval.pk}/change/"):
        answer = browser(ben).post(address, shown)
        assert answer.status_code == 409
        assert "anna changed 100 to 10000" in answer.content.decode()
    assert decided(approval) == 1


def test_a_page_that_was_overtaken_while_it_was_read_is_refused_too(
    anna: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    approval = asked()
    shown, look = answer_to(approval), approvals.check_content

    def overtaken(*arguments: Any) -> None:
        look(*arguments)
        monkeypatch.setattr(approvals, "check_content", look)
        decide(approval, anna, edits={"amount": 10_000})

    monkeypatch.setattr(approvals, "check_content", overtaken)
    assert browser(ben).post(f"/approvals/{approval.pk}/", shown).status_code == 409
    assert decided(approval) == 1


def test_several_in_the_admin_are_decided_on_what_was_shown_of_each(anna: User, ben: User) -> None:
    approval, address = asked(), "/admin/projects/approval/"
    chosen = {"action": "approve_selected", "_selected_action": [str(approval.pk)]}
    shown = browser(ben).post(address, chosen).content.decode()
    assert "bank" in shown
    assert f'name="seen-content-{approval.pk}" value="{approval.content_digest}"' in shown
    digests = {f"seen-{approval.pk}": approval.evidence_digest, f"seen-content-{approval.pk}": approval.content_digest}
    decide(approval, anna, edits={"amount": 10_000})

    told = browser(ben).post(address, {**chosen, **digests, "confirmed": "yes"}, follow=True).content.decode()

    assert "anna changed 100 to 10000" in told
    assert decided(approval) == 1


def test_the_command_shows_the_content_and_takes_its_digest(anna: User, ben: User) -> None:
    approval = asked()
    decide(approval, anna, edits={"amount": 10_000})
    with pytest.raises(ContentChanged, match="anna changed 100 to 10000"):
        call_command("approve", str(approval.pk), "--user", "ben", stdout=StringIO())

    out = StringIO()
    call_command("approve", str(approval.pk), "--show", "--json", stdout=out)
    shown = json.loads(out.getvalue())["approval"]
    assert shown["content"] == {"amount": 10_000, "to": "bank"}
    out = StringIO()
    call_command("approve", str(approval.pk), "--show", stdout=out)
    assert "amount: 10000" in out.getvalue()
    assert shown["content_digest"] in out.getvalue()
    assert decided(approval) == 1

    digest = ("--content-digest", shown["content_digest"])
    call_command("approve", str(approval.pk), "--user", "ben", *digest, stdout=StringIO())
    assert decided(approval) == 2


def test_python_takes_it_too(anna: User, ben: User) -> None:
    approval = asked()
    orchestrator.submit_approval(approval, user=anna, edits={"amount": 10_000})
    with pytest.raises(ContentChanged):
        orchestrator.submit_approval(approval, user=ben, content_digest=approval.content_digest)
    approval.refresh_from_db()
    seen = {"content_digest": approval.content_digest, "evidence_digest": approval.evidence_digest}
    assert orchestrator.submit_approval(approval, user=ben, **seen).approvals == 2
