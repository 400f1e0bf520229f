"""What a transport is: the one way by which work reaches an agent of its sort."""

from __future__ import annotations

from typing import Protocol

from agents.definition import AgentContext
from agents.values import Answer, Performer, TransportName, Work


class Transport(Protocol):
    """A way to reach agents. One instance serves a process, all of its threads, and every agent of its sort."""

    name: TransportName

    def perform(self, agent: Performer, work: Work, context: AgentContext) -> Answer:
        """Have the agent do the work, within ``work.timeout`` seconds.

        What the agent used is booked by ``context.record_usage``. Raises ``AgentTimedOut`` after the timeout,
        ``AgentUnreachable``, ``AgentBusy`` where it asks to be left alone for a while, ``PermanentFailure`` where
        trying again would not help, and any other ``AgentFailure`` where it may.
        """

    def check(self, agent: Performer) -> None:
        """Refuse settings by which the agent could never be reached. Raises ``AgentSettingsRefused``."""

    def probe(self, agent: Performer, *, timeout: float) -> bool:
        """Whether the agent answers now, by its own health address where it has one; never raises."""
