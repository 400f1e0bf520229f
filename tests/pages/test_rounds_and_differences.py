"""Pages: what has changed since it was asked, rounds side by side, and a right that is gone."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from projects.models import Approval, Decision, Phase, Project
from projects.services import advancing
from tests.builders import agent_that, drive, open_approval
from tests.pages.asking import EVIL, answer_to, asked, asking

pytestmark = pytest.mark.django_db


def page(approval: Approval) -> str:
    return reverse("dashboard:approval", args=[approval.pk])


def changed(project: Project) -> Approval:
    """The score was corrected while people were asked."""
    project.steps.filter(key="write").update(result={"text": EVIL, "score": 0.9})
    advancing.advance(project.pk)
    return open_approval(project)


def test_what_is_asked_again_shows_what_is_different(anna: Client) -> None:
    project = asking("marketing")
    first = open_approval(project)
    answer = anna.get(page(changed(project)))
    body = answer.content.decode()

    assert "What has changed" in body
    assert [each.label for each in answer.context["page"].difference] == ["Score", "Quality: score"]
    assert page(first) in body


def test_what_is_void_says_so_and_where_it_is_asked_now(anna: Client) -> None:
    project = asking("marketing")
    first = open_approval(project)
    again = changed(project)
    body = anna.get(page(first)).content.decode()

    assert "no decision on it counts" in body
    assert page(again) in body
    assert 'name="verdict"' not in body


def test_an_answer_to_an_old_page_is_a_conflict(anna: Client) -> None:
    project = asking("marketing")
    first = open_approval(project)
    sent = answer_to(first)
    again = changed(project)
    answer = anna.post(page(first), sent)

    assert answer.status_code == 409
    assert str(again.pk) in answer.content.decode()
    assert not Decision.objects.exists()


def test_several_at_once_show_what_is_different_too(anna: Client) -> None:
    again = changed(asking("marketing"))
    User.objects.filter(username="anna").update(is_staff=True)
    chosen = {"action": "approve_selected", "_selected_action": str(again.pk)}
    body = anna.post(reverse("admin:projects_approval_changelist"), chosen).content.decode()

    assert "What has changed" in body
    assert "not met: results.write.score" in body


def test_markup_in_a_difference_is_text(anna: Client) -> None:
    project = asking("marketing")
    project.steps.filter(key="write").update(result={"text": "plain", "score": 0.4})
    advancing.advance(project.pk)
    body = anna.get(page(open_approval(project))).content.decode()

    assert "&lt;script&gt;" in body
    assert "<script>alert" not in body


@pytest.mark.parametrize("name", ["dashboard:approval", "admin:projects_approval_change"])
def test_who_has_lost_the_right_since_the_page_was_opened_gets_a_403(anna: Client, name: str) -> None:
    approval = asked(asking("marketing"))
    user = User.objects.get(username="anna")
    user.is_staff = True
    user.save()
    address = reverse(name, args=[approval.pk])
    sent = answer_to(approval) | {"shown": anna.get(address).context["page"].mark}
    user.groups.clear()

    assert anna.post(address, sent).status_code == 403
    assert anna.post(address, answer_to(approval)).status_code == 404, "who was never shown it is not told of it"
    user.user_permissions.clear()
    assert anna.post(address, sent).status_code == 403
    assert not Decision.objects.exists()


def test_what_was_shown_to_one_person_lets_no_other_in(anna: Client, outsider: Client) -> None:
    approval = asked(asking("marketing"))
    mark = anna.get(page(approval)).context["page"].mark

    assert outsider.post(page(approval), answer_to(approval) | {"shown": mark}).status_code == 404


def worked_over(anna: Client) -> Project:
    project = asking("marketing", approval="on_reject: rework", gate="max_iterations: 3")
    approval = open_approval(project)
    anna.post(page(approval), answer_to(approval, "reject", comment="Say <b>why</b>."))
    agent_that(lambda context: {"text": "better", "score": 0.9}, "author")
    return drive(project)


def rounds(project: Project, query: str = "") -> str:
    return reverse("dashboard:rounds", args=[project.pk, "draft"]) + query


def test_rounds_stand_side_by_side_and_the_last_two_are_compared(anna: Client, operator: Client) -> None:
    project = worked_over(anna)
    answer = operator.get(rounds(project))
    body = answer.content.decode()

    assert (answer.context["first"], answer.context["second"]) == (1, 2)
    assert "Say &lt;b&gt;why&lt;/b&gt;." in body
    assert "<ins>+   &quot;score&quot;: 0.9" in body
    assert "<del>-   &quot;score&quot;: 0.4" in body
    assert rounds(project) in operator.get(reverse("dashboard:project", args=[project.pk])).content.decode()


@pytest.mark.parametrize("query", ["?first=2&second=1", "?first=9&second=x", "?first=1&second=1"])
def test_any_two_rounds_may_be_chosen_and_nonsense_is_passed_over(anna: Client, operator: Client, query: str) -> None:
    assert operator.get(rounds(worked_over(anna), query)).status_code == 200


def test_the_rounds_of_others_are_not_there(anna: Client, outsider: Client, operator: Client) -> None:
    project = worked_over(anna)

    assert outsider.get(rounds(project)).status_code == 404
    assert operator.get(reverse("dashboard:rounds", args=[project.pk, "none"])).status_code == 404
    assert Phase.objects.get(project=project, key="draft").rounds[0]["reasons"] == ["Say <b>why</b>."]
