"""How often an agent may speak for its attempt, and somebody without a token may try one.

Counted by the minute in the cache that all web processes share. Where that is away nobody is refused: the tokens and
the guarded statements hold without it, and an agent that cannot bring its result would do the work again.
"""

from __future__ import annotations

import logging
import math
from typing import Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from agents import leasing
from agents.leasing import LeaseTokenRefused
from orchestrator_site import clock
from orchestrator_site.conf import conf

logger = logging.getLogger(__name__)

REFUSED_PER_MINUTE = 60
"""Tries of one address with tokens that are none of ours; who has a good token is not counted with them."""
_MINUTE = 60


class ByLease(BaseThrottle):
    """So many requests of one kind a minute for each attempt, and for each address that has no good token."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Whether it is not too many."""
        who, most = self._who(request, str(view.kwargs["lease_token"]), type(view).__name__)
        minute = int(clock.now().timestamp() // _MINUTE)
        try:
            return _count(f"said:{who}:{minute}") <= most
        except Exception as error:  # whatever a cache raises when it is away
            logger.warning("requests of agents are not counted: the cache does not answer: %s", error)
            return True

    def wait(self) -> float:
        """Seconds until the next minute begins."""
        return math.ceil(_MINUTE - clock.now().timestamp() % _MINUTE)

    @staticmethod
    def _who(request: Request, token: str, kind: str) -> tuple[str, int]:
        try:
            step, attempt = leasing.read(token)
        except LeaseTokenRefused:
            return f"refused:{request.META.get('REMOTE_ADDR', '')}", REFUSED_PER_MINUTE
        return f"{kind}:{step.hex}.{attempt}", conf().callbacks_per_minute


def _count(key: str) -> int:
    """One more; how many that makes."""
    if cache.add(key, 1, timeout=2 * _MINUTE):
        return 1
    return int(cache.incr(key))
