"""Going back, for tests: a plan with something of everything, and how a project is stopped, brought back, and ended."""

from __future__ import annotations

from typing import Any

from orchestrator_site.access.actors import system_actor
from projects.models import Approval, Checkpoint, Project
from projects.models.approval import Verdict
from projects.services import approvals, control, restoring
from tests.builders import approver, drive, look

WHOLE = """
phases:
  - key: draft
    steps:
      - {key: facts, agent: says, params: {say: [1, 2, 3]}}
      - {key: calls, agent: says, needs: [facts], for_each: results.facts, params: {say: "${item}"}}
      - {key: maybe, agent: says, needs: [facts], when: "size(results.facts) > 5", params: {say: never}}
      - {key: brief, agent: says, needs: [calls, maybe], params: {say: "${results.calls}"}}
    gate:
      approval: {title: Approve the brief, content: {headline: Calm}, on_reject: rework}
      max_iterations: 3
  - key: build
    steps:
      - {key: left, agent: says, params: {say: "${approvals.draft.headline}"}}
      - {key: right, agent: says, params: {say: right}}
      - {key: join, agent: says, needs: [left, right], params: {say: "${results.left}"}}
    gate:
      quality: [{name: joined, check: "results.join == 'Calm'", otherwise: fail}]
  - key: out
    steps:
      - {key: post, agent: says, params: {say: posted}}
"""


def paused(project: Project) -> Project:
    """Paused, so that it may be brought back."""
    return control.pause(project_id=project.pk, actor=system_actor())


def resumed(project: Project) -> Project:
    """Going on."""
    return control.resume(project_id=project.pk, actor=system_actor())


def back(project: Project, **where: Any) -> restoring.Restored:
    """Bring it back to a checkpoint or an event."""
    return restoring.restore(project_id=project.pk, actor=system_actor(), **where)


def through(project: Project) -> Project:
    """Drive to the end, saying yes to whatever is asked."""
    if look(project).directive == "pause":
        resumed(project)
    for _ in range(20):
        project = drive(project)
        waiting = Approval.objects.filter(project=project, state="open").first()
        if waiting is None:
            return project
        auto = approver(f"a{Approval.objects.count()}{waiting.round}{str(waiting.pk)[-6:]}")
        approvals.decide(approval_id=waiting.pk, user=auto, verdict=Verdict.APPROVE, via="test")
    raise AssertionError("it asks for ever")


def numbers(project: Project) -> dict[int, Checkpoint]:
    """Its checkpoints, by their numbers."""
    return {each.number: each for each in Checkpoint.objects.filter(project=project)}
