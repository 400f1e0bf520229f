"""Time and identity: the only place that reads the wall clock or makes an id.

``now`` is taken once at an edge and passed down, so that a decision is a function of its arguments and a test owns
its clock. What expires is compared with the database's clock, never with this one.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from uuid_utils.compat import uuid7


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def new_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562): unique, and growing with time, so that keys index well."""
    return uuid7()
