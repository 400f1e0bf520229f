"""Looks that follow from one another go on in turn, for a while; then a worker goes on, and nobody's request waits."""

from __future__ import annotations

from typing import Any

import pytest

from projects.models import Project, Step
from projects.services import advancing, execution, publishing
from tests.builders import agent_that, blueprint_of, look, project_of, step

pytestmark = pytest.mark.django_db(transaction=True)

ITEMS = 80
AT_ONCE = publishing.LOOKS + 1
"""A look, and those that follow from it."""
LIST = """
phases:
  - key: one
    steps:
      - {{key: list, agent: numbers, params: {{n: {n}}}}}
      - {{key: each, needs: [list], for_each: results.list, max_parallel: 1, {kind}}}
"""
KINDS = {
    "approvals": "kind: approval, approval: {title: May we?}",
    "waits": "kind: wait, wait: {for: '${item * 0}'}",
    "children": "kind: project, project: {blueprint: idle}",
}


@pytest.fixture(params=sorted(KINDS))
def project(request: pytest.FixtureRequest, sent: list[Any]) -> Project:
    agent_that(lambda context: list(range(context.params["n"])), "numbers")
    blueprint_of(
        "name: idle\nversion: 1\ntitle: Idle\nphases: [{key: p, steps: [{key: q, agent: numbers, when: 'false'}]}]"
    )
    project = project_of(LIST.format(n=ITEMS, kind=KINDS[request.param]), auto_approve=True)
    execution.run_leg(project.pk, [step(project, "list").pk])
    sent.clear()
    return project


def done(project: Project) -> int:
    return Step.objects.filter(project=project, parent__isnull=False, state="completed").count()


def test_a_worker_is_asked_to_go_on_after_some_looks_and_none_fails(
    project: Project, sent: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    advancing.advance(project.pk)
    at_first = done(project)
    asked = 0
    while sent:
        message = sent.pop(0)
        assert message.task == "projects.advance"
        assert message.options["queue"] == "control"
        asked += 1
        advancing.advance(message.args[0])

    assert look(project).state == "completed"
    assert done(project) == ITEMS
    assert 0 < at_first <= AT_ONCE, "for more than that no request waits"
    assert asked >= ITEMS // AT_ONCE - 1
    assert "not advanced" not in caplog.text
