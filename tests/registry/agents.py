"""Agents for tests of the registry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from agents.models import Agent
from agents.services.registration import register


def registered(name: str = "caller", **given: Any) -> Agent:
    """A registered agent."""
    given = {"transport": "http", "settings": {"url": "https://example.org/agent"}, "actor": "user:olga"} | given
    return register(name=name, **given).agent


def silent_for(agent: Agent, seconds: float) -> None:
    """As if it had been silent for so long."""
    Agent.objects.filter(pk=agent.pk).update(heard_at=Now() - timedelta(seconds=seconds))
