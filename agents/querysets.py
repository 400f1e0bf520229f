"""Moving and reading agents: every write of a state says from which states it may come, and whether it landed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.apps import apps
from django.db import models
from django.db.models import Exists, F, Func, OuterRef
from django.db.models.functions import Now

from agents.states import AGENT, AgentState

if TYPE_CHECKING:
    from agents.models import Agent, AgentEvent  # noqa: F401

_TRUTH = models.BooleanField()


class AgentQuerySet(models.QuerySet["Agent"]):
    """Agents."""

    def live(self) -> Self:
        """Those that are not gone."""
        return self.exclude(state=AgentState.GONE)

    def move(self, agent_id: UUID, to: AgentState, **changes: Any) -> bool:
        """Move an agent to a state, from any that the table allows it to be entered from.

        One guarded update, so that of an operator who resumes an agent and a sweep that sees it gone one wins, and the
        other learns it. False: it is in no such state, or is there already.
        """
        return self.filter(pk=agent_id, state__in=AGENT.sources(to)).update(state=to, state_at=Now(), **changes) == 1

    def silent(self, seconds: float) -> Self:
        """Those that were not heard of for so many seconds, by the database's clock."""
        return self.live().filter(heard_at__lt=Now() - timedelta(seconds=seconds))

    def unoffered(self) -> Self:
        """Those that no worker offers."""
        workers = apps.get_model("agents", "AgentWorker")._default_manager
        offers = Func(
            OuterRef("pk"), F("agents"), arg_joiner=" = ANY(", template="(%(expressions)s))", output_field=_TRUTH
        )
        return self.filter(~Exists(workers.filter(offers)))

    def drained_for(self, seconds: float) -> Self:
        """Those that drain, for so many seconds at least."""
        return self.filter(state=AgentState.DRAINING, state_at__lt=Now() - timedelta(seconds=seconds))

    def held(self, most: int) -> Self:
        """Lock up to ``most`` of these rows, in the order of ids; those that others hold are left out.

        What they were picked for is looked at again when the lock is given, so that a heartbeat which is written down
        meanwhile keeps its agent; and nobody is waited for, so that no two can wait for each other.
        """
        return self.order_by("pk").select_for_update(skip_locked=True, no_key=True)[:most]

    def leave(self, agents: Iterable[UUID]) -> int:
        """→ gone, for those of the agents that are not yet; how many it were."""
        able = self.filter(pk__in=list(agents), state__in=AGENT.sources(AgentState.GONE))
        return able.update(state=AgentState.GONE, state_at=Now(), told=False)

    def untold(self) -> Self:
        """Those that are gone, and whose departure somebody may not know of."""
        return self.filter(told=False).order_by("pk")

    def know_of(self, agent_id: UUID) -> bool:
        """Note that everybody knows of a departure. False: it came back meanwhile."""
        return self.filter(pk=agent_id, state=AgentState.GONE).update(told=True) == 1


class AgentEventQuerySet(models.QuerySet["AgentEvent"]):
    """What happened to agents."""

    def older_than(self, days: int) -> Self:
        """Those that are no longer kept."""
        return self.filter(at__lt=Now() - timedelta(days=days))
