"""Lease tokens: how an agent that answers later names the attempt it answers for.

A token is signed, not kept: it holds the step and the attempt, which is the fencing number, so that it ends by itself
when the attempt is over. Who has it may speak for that attempt and for nothing else.
"""

from __future__ import annotations

import functools
import re
import uuid

from django.core.signing import BadSignature, Signer

from orchestrator_site.errors import Forbidden

_SALT = "phasegate.lease"
_SHAPE = re.compile(r"([0-9a-f]{32})\.([1-9][0-9]{0,8}):[A-Za-z0-9_-]{43}")
LONGEST = 32 + 1 + 9 + 1 + 43


class LeaseTokenRefused(Forbidden):
    """This is no lease token of ours."""

    code = "lease_token_refused"


@functools.cache
def _signer() -> Signer:
    """HMAC-SHA256 by Django's secret and its fallbacks, compared in constant time."""
    return Signer(salt=_SALT)


def issue(step_id: uuid.UUID | str, attempt: int) -> str:
    """The token of an attempt: 78 to 86 signs that an address can hold."""
    step = step_id if isinstance(step_id, uuid.UUID) else uuid.UUID(step_id)
    return _signer().sign(f"{step.hex}.{attempt}")


def read(token: str) -> tuple[uuid.UUID, int]:
    """The step and the attempt that a token names. Raises ``LeaseTokenRefused``, which says nothing of why.

    That the attempt still runs is for the guarded update to find that takes what the agent says.
    """
    shape = _SHAPE.fullmatch(token) if len(token) <= LONGEST else None
    if shape is None:
        raise LeaseTokenRefused
    try:
        _signer().unsign(token)
    except BadSignature:
        raise LeaseTokenRefused from None
    return uuid.UUID(shape[1]), int(shape[2])
