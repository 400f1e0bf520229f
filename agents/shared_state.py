"""Redis, as the registry uses it: one client a process, and scripts that are sent once.

It stands where Django's cache stands, for the broker need not be Redis. What is here may be lost: PostgreSQL is what
counts, and what Redis forgets is said again by the next heartbeat.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from typing import Any, cast

from django.conf import settings
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import NoScriptError

PREFIX = "phasegate:agents:"


@functools.cache
def client() -> Redis:
    """The client of this process; its pool opens connections anew after a fork."""
    address = settings.CACHES["default"]["LOCATION"]
    return Redis.from_url(
        address if isinstance(address, str) else next(iter(address)),
        socket_timeout=2,
        socket_connect_timeout=2,
        decode_responses=True,
    )


class Script:
    """A Lua script, run by its digest; Redis is given the text where it does not know it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()  # Redis names scripts by it

    def __call__(self, keys: Sequence[str], values: Sequence[Any]) -> Any:
        """Run it: one round trip."""
        try:
            return client().evalsha(self.digest, len(keys), *keys, *values)
        except NoScriptError:
            return client().eval(self.text, len(keys), *keys, *values)

    def add_to(self, pipeline: Pipeline, keys: Sequence[str], values: Sequence[Any]) -> None:
        """Put it into a pipeline, whose owner calls ``load`` and repeats where Redis does not know the script."""
        cast(Any, pipeline).evalsha(self.digest, len(keys), *keys, *values)

    def load(self) -> None:
        """Have Redis know it."""
        client().script_load(self.text)
