"""Waits, for tests: a project that waits for something, and the signal that ends it."""

from __future__ import annotations

from typing import Any

from orchestrator_site.access.actors import system_actor
from projects.models import Project
from projects.services import signals
from tests.builders import drive, project_of


def waits_for(wait: str, more: str = "") -> Project:
    """A project that waits in its only phase, and says afterwards what it got."""
    return drive(
        project_of(
            f"""
            inputs: {{type: object, properties: {{hours: {{type: number, default: 2}}}}}}
            phases:
              - key: one
                steps:
                  - {{key: pause, kind: wait, wait: {wait}{more}}}
                  - {{key: after, agent: echo, needs: [pause], params: {{say: "${{results.pause}}"}}}}
            """
        )
    )


def send(project: Project, name: str = "go", payload: Any = None, key: str = "") -> signals.Sent:
    """Send it a signal, as the system."""
    return signals.send(project_id=project.pk, name=name, payload=payload, key=key, actor=system_actor())
