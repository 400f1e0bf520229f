"""The page of a project: what it says, to whom, what it costs, and that it is the same without a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from projects.models import Project, Step
from tests.builders import agent_that, approver, as_actor, drive, person, project_of
from tests.pages.asking import EVIL, answer_to, asked, asking

pytestmark = pytest.mark.django_db


def address(project: Project, name: str = "project", *more: Any) -> str:
    return reverse(f"dashboard:{name}", args=[project.pk, *more])


def calls(count: int) -> Project:
    def call(context: Any) -> Any:
        if context.params["item"] % 5 == 0:
            raise ValueError(f"no answer from {context.params['item']}")
        return context.params["item"]

    agent_that(lambda context: list(range(1, context.params["count"] + 1)), "lister")
    agent_that(call, "caller")
    return project_of(
        f"""
        phases:
          - key: calls
            title: Calls
            steps:
              - {{key: list, agent: lister, params: {{count: {count}}}}}
              - key: call
                title: Call each
                agent: caller
                needs: [list]
                for_each: results.list
                params: {{item: "${{item}}"}}
                on_failure: continue
                retry: {{max_attempts: 1}}
        """
    )


def test_the_page_says_how_a_project_stands_and_what_comes_next(operator: Client) -> None:
    project = asking("marketing", title="Launch it", intent="before spring")

    body = operator.get(address(project)).content.decode()

    assert "<h1>Launch it</h1>" in body
    assert "before spring" in body
    assert "Waits for marketing to decide" in body
    assert "Drafting" in body
    assert "Publishing" in body
    assert ">50 %<" in body
    assert "Approval opened" in body


def test_it_is_drawn_and_told_in_a_table(operator: Client) -> None:
    body = operator.get(address(asking())).content.decode()

    drawing = re.search(r'<svg class="graph" role="img".*?</svg>\s*</div>', body, re.S)
    assert drawing is not None
    assert re.search(r"<title id=[^>]+>Drafting</title>", drawing[0])
    assert "Write it: completed. Approve the draft: waiting." in drawing[0]
    assert re.search(r'<th scope="row"><a href="[^"]+">Write it</a>', body)
    assert "<caption" in body


def test_what_one_may_not_see_is_not_there(outsider: Client, client: Client) -> None:
    project = asking()
    step = Step.objects.filter(project=project).first()

    for name, more in (("project", ()), ("project-live", ()), ("report", ()), ("steps", ()), ("step", (step.pk,))):
        assert outsider.get(address(project, name, *more)).status_code == 404
        assert client.get(address(project, name, *more)).status_code == 302
    for verb in ("pause", "resume", "cancel"):
        assert outsider.get(address(project, "control", verb)).status_code == 404
        assert outsider.post(address(project, "control", verb)).status_code == 404


def test_an_owner_sees_their_project_and_no_button(browser_of: Callable[[Any], Client]) -> None:
    owner = person("owner")
    project = asking(actor=as_actor(owner))

    body = browser_of(owner).get(address(project)).content.decode()

    assert "Waits for" in body
    assert address(project, "control", "pause") not in body
    assert browser_of(owner).post(address(project, "control", "pause")).status_code == 403


def test_who_may_decide_gets_the_way_to_it(browser_of: Callable[[Any], Client]) -> None:
    both = approver("both", "marketing")
    both.user_permissions.add(*person("reader", may=["view_project"]).user_permissions.all())
    project = asking("marketing")
    other = asking("legal")

    assert (
        reverse("dashboard:approval", args=[asked(project).pk])
        in browser_of(both).get(address(project)).content.decode()
    )
    assert (
        reverse("dashboard:approval", args=[asked(other).pk])
        not in browser_of(both).get(address(other)).content.decode()
    )


def test_items_are_summed_up_and_the_first_failures_told(operator: Client) -> None:
    project = drive(calls(12))

    body = operator.get(address(project)).content.decode()

    assert "12 of 12 items" in body
    assert "2 failed" in body
    assert "no answer from 5" in body
    assert body.count("<tr>") < 12
    step = Step.objects.get(project=project, key="call")
    items = operator.get(f"{address(project, 'steps')}?of={step.pk}&state=failed").content.decode()
    assert items.count("no answer from") == 2


def test_a_larger_project_costs_no_more_queries(operator: Client) -> None:
    def queries(project: Project) -> int:
        with CaptureQueriesContext(connection) as captured:
            operator.get(address(project))
        return len(captured)

    small, large = drive(calls(2)), drive(calls(40))
    queries(small)

    assert queries(large) == queries(small) <= 30


def test_a_phase_of_very_many_steps_is_cut_and_says_so(operator: Client) -> None:
    agent_that(lambda context: None, "echo")
    steps = ", ".join(f"{{key: s{number}, agent: echo}}" for number in range(450))
    project = project_of(f"phases: [{{key: many, steps: [{steps}]}}]", started=False)

    body = operator.get(address(project)).content.decode()

    assert "150 steps more are not shown here." in body
    assert "450 steps" in body


def test_the_live_part_is_what_the_page_holds(operator: Client) -> None:
    project = asking()
    page = operator.get(address(project)).content.decode()
    live = operator.get(address(project, "project-live")).content.decode()

    assert f'data-live="{address(project, "project-live")}"' in page
    parts = re.findall(r'data-part="([a-z-]+)"', live)
    assert {"standing", "next", "approvals", "graph", "steps", "history"} <= set(parts)
    assert parts == re.findall(r'data-part="([a-z-]+)"', page)
    assert "<html" not in live
    assert live.count("data-over") == 0


def test_a_project_that_is_over_is_not_fetched_again(operator: Client) -> None:
    project = drive(calls(2))
    for name in ("project", "project-live"):
        assert "data-over" in operator.get(address(project, name)).content.decode()


def test_text_of_agents_is_shown_as_text_everywhere(operator: Client) -> None:
    project = asking(title=f"T {EVIL}", intent=EVIL)
    step = Step.objects.get(project=project, key="write")
    Step.objects.filter(pk=step.pk).update(error={"message": EVIL})

    pages = [address(project), address(project, "steps"), address(project, "step", step.pk), address(project, "report")]
    for each in [*pages, "/", reverse("dashboard:approval", args=[asked(project).pk])]:
        body = operator.get(each).content.decode()
        assert "<b>Approved</b>" not in body, each
        assert "<script>alert" not in body, each
        assert not set("\u202e\u200b") & set(body), each
        assert "U+202E" in body, each


def test_the_step_page_has_parameters_result_and_attempts(operator: Client) -> None:
    project = drive(calls(5))
    failed = Step.objects.get(project=project, key="call[4]")

    body = operator.get(address(project, "step", failed.pk)).content.decode()

    assert "no answer from 5" in body
    assert "Item" in body
    assert "call</a>" in body


def test_documents_are_downloads_and_never_pages(operator: Client, outsider: Client) -> None:
    agent_that(lambda context: None, "echo")
    project = project_of(
        "documents: {min: 1}\nphases: [{key: only, steps: [{key: say, agent: echo}]}]",
        documents=[("a page.html", b"<html><body><p>The system shall run.</p><script>alert(1)</script></body></html>")],
    )
    document = project.documents.get()

    answer = operator.get(address(project, "document", document.pk))

    assert b"<script>" in answer.content
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="a page.html"'
    assert "sandbox" in answer["Content-Security-Policy"]
    assert outsider.get(address(project, "document", document.pk)).status_code == 404
    assert address(project, "document", document.pk) in operator.get(address(project)).content.decode()


@pytest.mark.parametrize("name", ["text", "json", "markdown", "html"])
def test_the_report_is_a_page_and_a_file(operator: Client, name: str) -> None:
    project = drive(calls(2))

    page, file = operator.get(address(project, "report")), operator.get(f"{address(project, 'report')}?format={name}")

    assert page.content.count(b"<h1") == 1
    assert b"Calls" in file.content
    assert file["Content-Disposition"].startswith("attachment")


def test_a_decision_on_the_site_moves_the_project(anna: Client) -> None:
    project = asking("marketing")
    approval = asked(project)

    anna.post(reverse("dashboard:approval", args=[approval.pk]), answer_to(approval))

    assert drive(project).state == "completed"
