"""Changes of plans, for tests: a chain of steps, the step that is put into it, and how a change is made or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_site.errors import PhasegateError
from projects import orchestrator
from projects.models import Intervention, Project

CHAIN = """
phases:
  - key: one
    steps:
      - {key: a, agent: echo, params: {say: from a}}
      - {key: b, agent: echo, needs: [a], params: {say: "${results.a}!"}}
      - {key: c, agent: echo, needs: [b], params: {say: "${results.b}?"}}
  - key: two
    steps:
      - {key: d, agent: echo, params: {say: "${results.c}"}}
"""

X = "{key: x, agent: echo}"


def fail(context: Any) -> None:
    """An agent that cannot do anything."""
    raise ValueError("it broke")


def change(project: Project, change: str, step: str = "", **arguments: Any) -> Intervention:
    """Change the plan, or be refused."""
    return orchestrator.intervene(project, change, step, reason="because", **arguments)


def refused(error: type[PhasegateError], said: str, call: Callable[[], Any]) -> None:
    """The call is refused by this error, which says so."""
    with pytest.raises(error, match=said):
        call()
