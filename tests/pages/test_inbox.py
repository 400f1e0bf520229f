"""The inbox, and deciding on the site: the same as in the admin, for people who are no administrators."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from projects.models import Approval, Decision
from tests.pages.asking import answer_to, asked, asking

pytestmark = pytest.mark.django_db
INBOX = "/inbox/"


def page(approval: Approval) -> str:
    return reverse("dashboard:approval", args=[approval.pk])


def test_the_inbox_has_what_waits_for_me_the_nearest_deadline_first(anna: Client) -> None:
    later = asked(asking("marketing", approval="deadline: 2h", title="Later"))
    sooner = asked(asking("marketing", approval="deadline: 1h", title="Sooner"))
    asking("legal", title="Theirs")
    done = asked(asking("marketing", title="Done"))
    anna.post(page(done), answer_to(done))

    answer = anna.get(INBOX)

    assert list(answer.context["waiting"]) == [sooner, later]
    assert list(answer.context["page"].rows) == [done]
    assert "Theirs" not in answer.content.decode()
    assert '<span class="count">2' in answer.content.decode()


def test_an_empty_inbox_says_so(outsider: Client) -> None:
    asking()
    body = outsider.get(INBOX).content.decode()
    assert "Nothing waits for you." in body
    assert "Approve the draft" not in body


def test_an_approval_of_others_is_not_there(anna: Client, outsider: Client) -> None:
    approval = asked(asking("legal"))

    for client in (anna, outsider):
        assert client.get(page(approval)).status_code == 404
        assert client.post(page(approval), answer_to(approval)).status_code == 404
    assert not Decision.objects.exists()


def test_a_decision_is_noted_with_its_way(anna: Client) -> None:
    approval = asked(asking("marketing"))

    answer = anna.post(page(approval), answer_to(approval, "reject", comment="Not yet."), follow=True)

    assert "Rejected. Your comment was passed on." in answer.content.decode()
    assert Decision.objects.get().via == "page"
    assert LogEntry.objects.get().user.username == "anna"


def test_a_conflict_is_a_page_with_the_reason(anna: Client) -> None:
    approval = asked(asking("marketing", approval="deadline: 1h"))
    sent = answer_to(approval)
    Approval.objects.update(deadline=Now() - timedelta(seconds=1))

    answer = anna.post(page(approval), sent)

    assert answer.status_code == 409
    assert 'role="alert"' in answer.content.decode()
    assert "was to be decided by" in answer.content.decode()


def test_a_decision_needs_the_token_of_the_form() -> None:
    from tests.builders import approver

    approval = asked(asking("marketing"))
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(approver("ben", "marketing"))

    refused = careful.post(page(approval), answer_to(approval))
    assert refused.status_code == 403
    assert "Your form was not taken" in refused.content.decode()
    assert not Decision.objects.exists()


def test_looking_never_decides(anna: Client) -> None:
    approval = asked(asking("marketing"))
    anna.get(page(approval), answer_to(approval))
    assert anna.put(page(approval), answer_to(approval)).status_code == 405
    assert not Decision.objects.exists()


def test_what_is_too_long_for_the_page_is_in_the_file(anna: Client, outsider: Client) -> None:
    approval = asked(asking("marketing"))
    rows = [{"row": number} for number in range(300)]
    Approval.objects.update(evidence=[{"label": "Rows", "value": rows}])
    address = reverse("dashboard:evidence", args=[approval.pk])

    body = anna.get(page(approval)).content.decode()
    assert "100 more are not shown." in body
    assert address in body
    file = anna.get(address)
    assert file.json()["evidence"][0]["value"] == rows
    assert file["Content-Disposition"].startswith("attachment")
    assert outsider.get(address).status_code == 404


def test_a_fuller_inbox_costs_no_more_queries(anna: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            anna.get(INBOX)
        return len(captured)

    asking("marketing")
    queries()
    first = queries()
    for _ in range(5):
        asking("marketing")

    assert queries() == first <= 14
