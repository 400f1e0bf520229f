"""Whose agents are whose: who registered one may keep, change and deregister it."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from agents.models.agent import Agent


class AgentOwner(models.Model):
    """The user, a service account as a rule, who registered an agent.

    It is no column of the agent, which is written by every heartbeat; and one without an owner, registered from the
    command line or by a worker, has no row here: only those who manage all agents change it.
    """

    agent = models.OneToOneField(Agent, on_delete=models.CASCADE, primary_key=True, related_name="ownership")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"{self.agent_id} of {self.user_id}"
