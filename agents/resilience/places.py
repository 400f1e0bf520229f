"""Bulkheads: how many may be at something at once, as leased places that nobody can keep by dying."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Places:
    """Who holds a place, with the moment at which each lease ends."""

    held: Mapping[str, float] = field(default_factory=dict)

    def live(self, now: float) -> dict[str, float]:
        """The places whose leases have not ended."""
        return {place: end for place, end in self.held.items() if end > now}

    def running(self, now: float) -> int:
        """How many are taken."""
        return sum(end > now for end in self.held.values())

    def room_for(self, place: str, limit: int, now: float) -> bool:
        """Whether ``place`` may be taken, or is held already."""
        live = self.live(now)
        return place in live or len(live) < limit

    def taken(self, place: str, lease_end: float, now: float) -> Places:
        """With ``place`` in it; those whose leases have ended are swept out."""
        return Places({**self.live(now), place: lease_end})

    def without(self, place: str) -> Places:
        """With ``place`` given back."""
        return Places({held: end for held, end in self.held.items() if held != place})
