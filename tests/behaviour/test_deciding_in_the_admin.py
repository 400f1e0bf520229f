"""Deciding approvals in the Django admin: who sees what, what is bound to what was seen, and once only."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from projects.models import Approval, Decision
from projects.models.approval import Verdict
from projects.services import approvals
from tests.builders import approver, drive, kinds, look, person, result
from tests.pages.asking import answer_to, asked, asking

pytestmark = pytest.mark.django_db

LIST = "/admin/projects/approval/"


def page(approval: Approval) -> str:
    return reverse("admin:projects_approval_change", args=[approval.pk])


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def anna() -> Client:
    """The browser of an approver of marketing, who has no other right."""
    return browser(approver("anna", "marketing", is_staff=True))


# --- who sees what


def test_an_approver_finds_approvals_in_the_index_and_nothing_else(anna: Client) -> None:
    asking("marketing")

    body = anna.get("/admin/").content.decode()

    assert "1 approval waits for you" in body
    assert 'href="/admin/projects/approval/"' in body
    for other in ("project", "step", "phase", "document", "worker", "blueprintversion"):
        assert f"/admin/projects/{other}/" not in body
        assert anna.get(f"/admin/projects/{other}/").status_code == 403
    assert anna.get("/admin/auth/user/").status_code == 403


def test_what_is_put_to_another_group_is_not_there(anna: Client) -> None:
    mine, theirs = asked(asking("marketing")), asked(asking("legal"))

    listed = anna.get(LIST).content.decode()
    assert str(mine.pk) in listed
    assert str(theirs.pk) not in listed
    assert anna.get(page(theirs)).status_code == 404
    assert anna.post(page(theirs), answer_to(theirs)).status_code == 404
    assert not Decision.objects.exists()


@pytest.mark.parametrize("rights", [[], ["view_project"]])
def test_staff_without_the_right_to_decide_see_no_approvals(rights: list[str]) -> None:
    approval = asked(asking())
    outsider = browser(person("otto", may=rights, is_staff=True))

    assert outsider.get(LIST).status_code == 403
    assert outsider.get(page(approval)).status_code == 403
    assert outsider.post(page(approval), answer_to(approval)).status_code == 403
    assert not Decision.objects.exists()


def test_who_may_read_all_approvals_may_not_decide_them() -> None:
    approval = asked(asking())
    auditor = browser(person("audrey", may=["view_approval"], is_staff=True))

    assert "You may read this, but not decide it." in auditor.get(page(approval)).content.decode()
    refused = auditor.post(page(approval), answer_to(approval))
    assert refused.status_code == 403
    assert not Decision.objects.exists()


def test_people_without_staff_are_sent_to_the_login() -> None:
    approval = asked(asking())
    answer = browser(approver("ben")).post(page(approval), answer_to(approval))

    assert answer.status_code == 302
    assert "login" in answer["Location"]
    assert not Decision.objects.exists()


def test_what_a_person_decided_stays_readable_for_them(anna: Client) -> None:
    project = asking("marketing")
    approval = asked(project)
    anna.post(page(approval), answer_to(approval))
    Approval.objects.update(groups=["board"])

    body = anna.get(page(approval)).content.decode()
    assert "This was approved: it is decided once." in body
    assert 'name="verdict"' not in body


# --- the page


def test_the_page_shows_question_evidence_quality_and_what_follows(anna: Client) -> None:
    approval = asked(asking("marketing", approval="deadline: 24h\non_timeout: reject"))

    body = anna.get(page(approval)).content.decode()

    assert "May this go out?" in body
    assert f">{approval.evidence_digest[:12]}<" in body
    assert "not met" in body
    assert "the project goes on with “Publishing”" in body
    assert "The project fails, with your comment as the reason." in body
    assert "it counts as rejected." in body
    assert "23 h 59 min" in body


def test_text_of_agents_is_never_markup_and_hides_nothing(anna: Client) -> None:
    body = anna.get(page(asked(asking("marketing")))).content.decode()

    assert "<b>Approved</b>" not in body
    assert "<script>alert" not in body
    assert "&lt;b&gt;Approved&lt;/b&gt;" in body
    assert "\u202e" not in body
    assert "\u200b" not in body
    assert 'title="right-to-left override">U+202E</span>' in body
    assert "U+200B" in body


# --- deciding


def test_approving_lets_the_project_go_on_and_is_noted_everywhere(anna: Client) -> None:
    project = asking("marketing")
    approval = asked(project)

    answer = anna.post(page(approval), answer_to(approval, comment="Fine."), follow=True)

    assert "Approved. The project goes on." in answer.content.decode()
    decision = Decision.objects.get()
    assert (decision.user.username, decision.verdict, decision.via, decision.comment) == (
        "anna",
        "approve",
        "admin",
        "Fine.",
    )
    assert decision.evidence_digest == approval.evidence_digest
    assert "approval.approved" in kinds(project)
    assert LogEntry.objects.get().object_id == str(approval.pk)
    assert drive(project).state == "completed"


def test_a_rejection_needs_a_comment_and_keeps_what_was_written(anna: Client) -> None:
    project = asking("marketing")
    approval = asked(project)

    refused = anna.post(page(approval), answer_to(approval, "reject", comment="  "))
    assert refused.status_code == 422
    assert "A rejection needs a comment" in refused.content.decode()
    assert not Decision.objects.exists()

    anna.post(page(approval), answer_to(approval, "reject", comment="Too long."))
    assert Decision.objects.get().verdict == "reject"
    assert "Too long." in drive(project).failure


def test_looking_never_decides(anna: Client) -> None:
    approval = asked(asking("marketing"))

    for method in (anna.get, anna.head):
        method(page(approval), answer_to(approval))

    assert not Decision.objects.exists()


def test_an_answer_without_a_verdict_is_no_answer(anna: Client) -> None:
    approval = asked(asking("marketing"))

    assert anna.post(page(approval), answer_to(approval, "")).status_code == 422
    assert anna.post(page(approval), answer_to(approval, "maybe")).status_code == 422
    assert not Decision.objects.exists()


def test_an_approver_edits_what_the_form_allows(anna: Client) -> None:
    project = asking("marketing", form=True)
    approval = asked(project)

    edited = {"content-headline": "Calmer", "content-budget": "300", "content-tags": "x\r\ny\r\n"}
    anna.post(page(approval), answer_to(approval, **edited))

    assert Decision.objects.get().edits == {"headline": "Calmer", "budget": 300, "tags": ["x", "y"]}
    assert result(drive(project), "out") == {
        "headline": "Calmer",
        "budget": 300,
        "channel": "web",
        "tags": ["x", "y"],
        "press": True,
    }


def test_what_was_not_edited_is_no_edit(anna: Client) -> None:
    approval = asked(asking("marketing", form=True))

    anna.post(page(approval), answer_to(approval))

    assert Decision.objects.get().edits == {}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("headline", "x" * 41, "at most 40 characters"),
        ("budget", "901", "less than or equal to 900"),
        ("budget", "many", "Enter a whole number"),
        ("budget", "", "required"),
        ("channel", '"radio"', "not one of the available choices"),
    ],
)
def test_a_wrong_value_is_marked_at_its_field(anna: Client, field: str, value: str, said: str) -> None:
    approval = asked(asking("marketing", form=True))

    answer = anna.post(page(approval), answer_to(approval, comment="kept", **{f"content-{field}": value}))

    assert answer.status_code == 422
    body = answer.content.decode()
    assert said in body
    assert ">kept</textarea>" in body
    assert not Decision.objects.exists()


# --- once, in time, on what was seen


def test_other_evidence_than_was_seen_is_a_conflict(anna: Client) -> None:
    approval = asked(asking("marketing"))
    seen = answer_to(approval)
    Approval.objects.update(evidence_digest="0" * 64)

    answer = anna.post(page(approval), seen)

    assert answer.status_code == 409
    assert "look again before you decide" in answer.content.decode()
    assert not Decision.objects.exists()


def test_an_edit_of_another_approver_is_not_undone_unseen(anna: Client) -> None:
    approval = asked(asking("marketing", form=True, quorum=2))
    seen_before = answer_to(approval, **{"content-budget": "100"})
    approvals.decide(
        approval_id=approval.pk,
        user=approver("ben", "marketing"),
        verdict=Verdict.APPROVE,
        edits={"headline": "Ben's"},
        via="test",
    )

    answer = anna.post(page(approval), seen_before)

    assert answer.status_code == 409
    assert "ben changed" in answer.content.decode()
    assert 'value="Ben&#x27;s"' in answer.content.decode()
    assert Decision.objects.count() == 1


def test_a_decided_approval_says_by_whom(anna: Client) -> None:
    approval = asked(asking("marketing"))
    seen = answer_to(approval)
    approvals.decide(
        approval_id=approval.pk,
        user=approver("ben", "marketing"),
        verdict=Verdict.REJECT,
        comment="no",
        via="test",
    )

    answer = anna.post(page(approval), seen)

    assert answer.status_code == 409
    assert "rejected by ben already" in answer.content.decode()
    assert Decision.objects.count() == 1


def test_sending_the_same_form_twice_decides_once(anna: Client) -> None:
    approval = asked(asking("marketing", quorum=2))
    sent = answer_to(approval)

    assert anna.post(page(approval), sent).status_code == 302
    again = anna.post(page(approval), sent)

    assert again.status_code == 409
    assert "has decided on" in again.content.decode()
    approval.refresh_from_db()
    assert approval.approvals == 1


def test_after_the_deadline_is_too_late(anna: Client) -> None:
    approval = asked(asking("marketing", approval="deadline: 1h"))
    seen = answer_to(approval)
    Approval.objects.update(deadline=Now() - timedelta(seconds=1))

    answer = anna.post(page(approval), seen)

    assert answer.status_code == 409
    assert "was to be decided by" in answer.content.decode()
    assert "The deadline is over." in anna.get(page(approval)).content.decode()
    assert not Decision.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("attempt", range(5))
def test_of_two_browsers_at_once_one_decides_and_the_other_learns_so(attempt: int) -> None:
    project = asking("marketing")
    approval = asked(project)
    people = [approver(name, "marketing", is_staff=True) for name in ("anna", "ben")]
    browsers = [browser(user) for user in people]
    answers = [answer_to(approval), answer_to(approval, "reject", comment="no")]
    barrier, outcomes = threading.Barrier(2), [None, None]

    def send(at: int) -> None:
        try:
            barrier.wait()
            outcomes[at] = browsers[at].post(page(approval), answers[at])  # type: ignore[call-overload]
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(at,)) for at in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcome.status_code for outcome in outcomes) == [302, 409]  # type: ignore[attr-defined]
    loser = next(outcome for outcome in outcomes if outcome.status_code == 409)  # type: ignore[attr-defined]
    assert "it is decided once" in loser.content.decode()  # type: ignore[attr-defined]
    assert Decision.objects.count() == 1
    assert LogEntry.objects.count() == 1


# --- nothing else changes anything


def test_nobody_adds_changes_or_deletes_approvals() -> None:
    approval = asked(asking())
    root = browser(person("root", is_superuser=True, is_staff=True))

    assert root.get(f"{LIST}add/").status_code == 404
    assert root.get(f"{LIST}{approval.pk}/delete/").status_code == 403
    root.post(page(approval), {"state": "approved", "approvals": "5", "quorum": "0"})
    chosen = {"action": "delete_selected", "_selected_action": [str(approval.pk)], "post": "yes"}
    root.post(LIST, chosen)

    unchanged = Approval.objects.get(pk=approval.pk)
    assert (unchanged.state, unchanged.approvals, unchanged.quorum) == ("open", 0, 1)


# --- the list


def test_the_list_puts_first_what_waits_and_filters(anna: Client) -> None:
    waits, done = asking("marketing", title="Waits"), asking("marketing", title="Done")
    late = asking("marketing", approval="deadline: 1h", title="Late")
    approvals.decide(approval_id=asked(done).pk, user=approver("ben", "marketing"), verdict=Verdict.APPROVE, via="test")
    Approval.objects.filter(project=late).update(deadline=Now() - timedelta(seconds=1))

    def titles(query: str = "") -> list[str]:
        rows = anna.get(f"{LIST}{query}").context["cl"].result_list
        return [row.project.title for row in rows]

    assert titles() == ["Late", "Waits", "Done"]
    assert titles("?standing=waiting") == ["Late", "Waits"]
    assert titles("?standing=mine") == ["Late", "Waits"]
    assert titles("?standing=overdue") == ["Late"]
    assert titles("?standing=decided") == ["Done"]
    assert titles("?standing=decided-by-me") == []
    anna.post(page(asked(waits)), answer_to(asked(waits)))
    assert titles("?standing=decided-by-me") == ["Waits"]


def test_a_longer_list_costs_no_more_queries(anna: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            anna.get(LIST)
        return len(captured)

    asking("marketing")
    first = queries()
    for _ in range(4):
        asking("marketing")

    assert queries() == first <= 12


# --- several at once


def chosen(action: str, *projects: Any, **more: Any) -> dict[str, Any]:
    return {"action": action, "_selected_action": [str(asked(each).pk) for each in projects], **more}


def seen(*projects: Any) -> dict[str, str]:
    asks = [asked(each) for each in projects]
    digests = {f"seen-{each.pk}": each.evidence_digest for each in asks}
    return digests | {f"seen-content-{each.pk}": each.content_digest for each in asks}


def test_several_are_decided_only_after_they_were_shown_again(anna: Client) -> None:
    one, two = asking("marketing", title="One"), asking("marketing", title="Two")

    shown = anna.post(LIST, chosen("approve_selected", one, two)).content.decode()
    assert "One" in shown
    assert "Two" in shown
    assert asked(one).evidence_digest[:12] in shown
    assert not Decision.objects.exists()

    sent = chosen("approve_selected", one, two, confirmed="yes", comment="All fine.", **seen(one, two))
    assert "2 approved." in anna.post(LIST, sent, follow=True).content.decode()
    assert Decision.objects.filter(comment="All fine.").count() == 2


def test_rejecting_several_needs_a_comment(anna: Client) -> None:
    one = asking("marketing")

    again = anna.post(LIST, chosen("reject_selected", one, confirmed="yes", comment=" ", **seen(one)))
    assert "A rejection needs a comment" in again.content.decode()
    assert not Decision.objects.exists()

    anna.post(LIST, chosen("reject_selected", one, confirmed="yes", comment="No.", **seen(one)))
    assert look(drive(one)).state == "failed"


def test_one_that_was_decided_meanwhile_does_not_stop_the_others(anna: Client) -> None:
    one, two = asking("marketing"), asking("marketing")
    sent = chosen("approve_selected", one, two, confirmed="yes", **seen(one, two))
    approvals.decide(approval_id=asked(one).pk, user=approver("ben", "marketing"), verdict=Verdict.APPROVE, via="test")

    body = anna.post(LIST, sent, follow=True).content.decode()

    assert "1 approved." in body
    assert "it is decided once" in body
    assert Decision.objects.count() == 2


def test_several_without_what_was_seen_of_them_are_refused(anna: Client) -> None:
    one = asking("marketing")

    anna.post(LIST, chosen("approve_selected", one, confirmed="yes"))

    assert not Decision.objects.exists()
