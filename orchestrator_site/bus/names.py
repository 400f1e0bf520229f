"""The names of queues. Pure.

``PREFIX.group.GROUP`` holds what waits for a group, ``PREFIX.dead.GROUP`` its dead letters, and
``PREFIX.temporary.ID`` belongs to one process and goes with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from orchestrator_site.bus.errors import TopicInvalid

_GROUP = re.compile(r"[A-Za-z0-9_.:-]{1,200}")
TEMPORARY = ".temporary."
"""What names of temporary queues hold, and no other."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names below one prefix, so that several installations may share a broker."""

    prefix: str

    @property
    def exchange(self) -> str:
        """The topic exchange that events are published to."""
        return f"{self.prefix}.events"

    def queue(self, group: str) -> str:
        """Of a group. Raises ``TopicInvalid``."""
        return f"{self.prefix}.group.{checked_group(group)}"

    def dead(self, group: str) -> str:
        """Of a group's dead letters. Raises ``TopicInvalid``."""
        return f"{self.prefix}.dead.{checked_group(group)}"

    @property
    def temporaries(self) -> str:
        """What the names of temporary queues begin with."""
        return f"{self.prefix}{TEMPORARY}"

    def temporary(self, identity: UUID) -> str:
        """Of one process, for as long as it lives."""
        return f"{self.temporaries}{identity.hex}"


def checked_group(group: str) -> str:
    """The name of a group itself. Raises ``TopicInvalid``."""
    if _GROUP.fullmatch(group) is None:
        raise TopicInvalid(f"{group[:80]!r} is no name of a group: letters, digits and . _ - : are.")
    return group


def is_temporary(queue: str) -> bool:
    """Whether a queue goes with its process."""
    return TEMPORARY in queue
