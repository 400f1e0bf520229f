"""Who handles what: handlers by group and pattern. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from orchestrator_site.bus.errors import GroupUnknown
from orchestrator_site.bus.names import checked_group
from orchestrator_site.bus.topics import checked_pattern, matches

Handler = Callable[[Any], Any]
"""Takes an ``Event``, or a list of them where it is subscribed in batches."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A handler for the events of a pattern; ``batch`` where it takes many at once."""

    pattern: str
    handler: Handler
    batch: bool = False


@dataclass(slots=True)
class Subscriptions:
    """The handlers of one process."""

    _groups: dict[str, list[Subscription]] = field(default_factory=dict)

    def add(self, group: str, subscription: Subscription) -> None:
        """Add a handler. Raises ``TopicInvalid``."""
        checked_pattern(subscription.pattern)
        self._groups.setdefault(checked_group(group), []).append(subscription)

    def groups(self) -> list[str]:
        """All groups, in the order in which they were named first."""
        return list(self._groups)

    def patterns(self, group: str) -> list[str]:
        """What a group has subscribed to. Raises ``GroupUnknown``."""
        return list(dict.fromkeys(each.pattern for each in self._of(group)))

    def handlers(self, group: str, topic: str) -> list[Subscription]:
        """Those of a group that take events of this topic. Raises ``GroupUnknown``."""
        return [each for each in self._of(group) if matches(each.pattern, topic)]

    def known(self, groups: Iterable[str]) -> list[str]:
        """The groups themselves, all where none is named. Raises ``GroupUnknown``."""
        wanted = list(groups)
        for group in wanted:
            self._of(group)
        return wanted or self.groups()

    def _of(self, group: str) -> list[Subscription]:
        try:
            return self._groups[group]
        except KeyError:
            known = ", ".join(map(repr, self._groups)) or "none"
            raise GroupUnknown(f"Nothing is subscribed under the group {group!r}; known are {known}.") from None
