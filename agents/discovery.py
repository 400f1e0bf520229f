"""What can be asked of the registry, and where a page of answers ends: values, no rows."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from agents.errors import QueryInvalid
from agents.states import TAKES_STEPS, AgentState
from agents.values import Location, Performer

MOST = 500
"""The largest page."""
_LARGEST = 2**31 - 1


class Reach(StrEnum):
    """How far from a place an agent may be."""

    ZONE = "zone"
    REGION = "region"
    ANYWHERE = "anywhere"


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of agents; what is not given is not asked.

    ``versions`` is a range as PEP 440 writes it (``>=1.2,<2``) of the ``capability``; ``all_tags`` must all be there,
    of ``any_tags`` one; ``health`` at least; ``near`` orders by place: the same zone of the same region first, then
    the same region, then by great-circle distance, and ``reach`` bounds it. ``states`` are those that take steps
    unless given.
    ``limit`` from 1 to ``MOST``; ``after`` is the ``next`` of the page before.
    """

    capability: str | None = None
    versions: str = ""
    service_type: str | None = None
    transport: str | None = None
    all_tags: frozenset[str] = frozenset()
    any_tags: frozenset[str] = frozenset()
    health: float = 0.0
    near: Location | None = None
    reach: Reach = Reach.ANYWHERE
    states: frozenset[AgentState] = TAKES_STEPS
    limit: int = 50
    after: str | None = None

    def check(self) -> None:
        """Raise ``QueryInvalid`` where it cannot be answered."""
        if not 1 <= self.limit <= MOST:
            raise QueryInvalid(f"limit is {self.limit}: it goes from 1 to {MOST}.")
        if not 0.0 <= self.health <= 1.0:
            raise QueryInvalid(f"health is {self.health}: it goes from 0.0 to 1.0.")
        if self.versions and self.capability is None:
            raise QueryInvalid("versions is given and capability is not: it is a range of its versions.")
        if self.reach is not Reach.ANYWHERE and self.near is None:
            raise QueryInvalid("reach is given and near is not: it bounds the distance from there.")
        if AgentState.GONE in self.states:
            raise QueryInvalid("Agents that are gone are not found; their events tell of them.")
        if self.near is not None:
            check_place(self.near)

    @property
    def digest(self) -> str:
        """The same for every page of one question."""
        asked = repr(
            (
                *(self.capability, self.versions, self.service_type, self.transport),
                *(sorted(self.all_tags), sorted(self.any_tags), sorted(self.states)),
                *(self.health, self.near, self.reach),
            )
        )
        return hashlib.sha256(asked.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Page:
    """Agents in their order, and what to ask the next page by; ``next`` is None after the last."""

    performers: tuple[Performer, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the order a page ended.

    ``tier`` counts from the nearest circle (zone, region, anywhere); ``distance`` is the haversine of the angle, 2.0
    for an agent without coordinates, 0.0 in the inner circles; ``standing`` and ``id`` as the row has them.
    """

    tier: int
    distance: float
    standing: int
    id: str

    def write(self, query: Query) -> str:
        """As a text for whoever asks, who need not understand it."""
        told = json.dumps([query.digest, self.tier, self.distance, self.standing, self.id], separators=(",", ":"))
        return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def place_after(query: Query) -> Place | None:
    """Where the page begins. Raises ``QueryInvalid`` for a text that is not of this question."""
    if query.after is None:
        return None
    digest, *rest = _read(query.after)
    if digest != query.digest:
        raise QueryInvalid("after belongs to another question: ask the first page of this one.")
    return Place(*rest)


def _read(text: str) -> Sequence[Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        digest, tier, distance, standing, agent = found
        if not math.isfinite(distance) or abs(standing) > _LARGEST:
            raise ValueError
        return str(digest), int(tier), float(distance), int(standing), str(UUID(agent))
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise QueryInvalid("after is not what a page gave as its next.") from None


def check_place(where: Location) -> None:
    """Raise ``QueryInvalid`` for coordinates that are not on earth, or for half of them."""
    latitude, longitude = where.latitude, where.longitude
    if (latitude is None) != (longitude is None):
        raise QueryInvalid("A place has latitude and longitude, or neither.")
    if latitude is not None and longitude is not None and not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise QueryInvalid(f"{latitude}, {longitude} is no place on earth: -90 to 90 north, -180 to 180 east.")


def following(query: Query, place: Place) -> Query:
    """The same question, for the page that begins after ``place``."""
    return replace(query, after=place.write(query))
