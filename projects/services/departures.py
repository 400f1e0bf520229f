"""Agents that are gone or drain, as the engine sees it: what they have at work, and giving that to others."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from django.db import transaction
from django.db.models import Count

from agents.values import Performer
from projects.models import Attempt
from projects.services import taking_back

logger = logging.getLogger(__name__)


def running_with(performers: Sequence[Performer]) -> Mapping[str, int]:
    """By id, how many attempts each of the agents has at work."""
    attempts = Attempt.objects.filter(performer_id__in=[agent.id for agent in performers], finished_at=None)
    counted = attempts.values_list("performer_id").annotate(n=Count("pk"))
    return {str(agent): number for agent, number in counted}


def release(performers: Sequence[Performer]) -> None:
    """Take back what agents that are gone would have answered later.

    A call that a worker waits for ends by itself: the worker sees that nobody answers.
    """
    with transaction.atomic():
        taken = taking_back.take_back_from_agents([agent.id for agent in performers])
    if taken:
        logger.warning("%s steps are taken back from %s agents that are gone", taken, len(performers))
