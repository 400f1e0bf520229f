"""Finding agents: any mix of what can be asked, at a cost that does not grow with agents that are not meant.

Two ways lead to the first page of an order, and each is bad where the other is good:

- *Walking*: the agents in their order, keeping those that match, until the page is full. Good where many match.
- *Gathering*: those that match, by an index over sets of terms, then ordered. Good where few match.

Which it is cannot be known without asking, so discovery walks a fixed number of agents first, and gathers where that
did not fill the page, and remembers that for the next time. Walking costs a constant; gathering costs what matches.
It is decided here and not by the planner, whose guess at how many agents have some terms together would be wrong at
times, and then by orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from agents import terms, versions
from agents.discovery import Page, Place, Query, Reach, place_after
from agents.health import HEALTH_STEPS, LOAD_STEPS
from agents.services.reading import COLUMNS, performer
from agents.values import Location

__all__ = ["Page", "Query", "Reach", "discover", "versions_of"]

WALKED = 256
"""Agents that are walked before those that match are gathered; four times the page where that is more."""


def discover(query: Query) -> Page:
    """The agents that match, the nearest first where a place is given, else by health and load, a page of them.

    The order is by standing: health in steps of a fiftieth, within one step load in steps of a tenth, then by id. An
    agent whose standing changes between two pages may be seen twice or not at all. Raises ``QueryInvalid``, or
    ``VersionInvalid`` for a range that is none.
    """
    query.check()
    start = place_after(query)
    wanted = query.limit + 1
    found: list[tuple[Place, Sequence[Any]]] = []
    asked = _asked(query)
    if asked is None:
        return Page(())
    for circle in _circles(query, asked, start):
        found += circle.first(wanted - len(found))
        if len(found) >= wanted:
            break
    page = found[: query.limit]
    more = page[-1][0].write(query) if len(found) > query.limit else None
    return Page(tuple(performer(row) for _, row in page), more)


def versions_of(capability: str) -> list[str]:
    """The versions of a capability that anybody was registered with: a descent of the index for each."""
    with connection.cursor() as cursor:
        cursor.execute(_VERSIONS, [capability, capability])
        return [row[0] for row in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question in terms: ``every`` one must be there, of each of ``some`` one, of ``never`` none."""

    every: tuple[str, ...]
    some: tuple[tuple[str, ...], ...]
    health: float
    never: tuple[str, ...] = ()

    @property
    def worst(self) -> int:
        """The standing of an agent with just that health and a full load."""
        return (HEALTH_STEPS - round(self.health * HEALTH_STEPS)) * (LOAD_STEPS + 1) + LOAD_STEPS

    def condition(self) -> tuple[str, list[Any]]:
        """As SQL, over the columns ``terms`` and ``health``."""
        parts: list[str] = []
        values: list[Any] = []
        if self.health > 0:
            parts.append("health >= %s")
            values.append(self.health)
        if self.every:
            parts.append("terms @> %s::text[]")
            values.append(list(self.every))
        for group in self.some:
            parts.append("terms && %s::text[]")
            values.append(list(group))
        if self.never:
            parts.append("NOT terms && %s::text[]")
            values.append(list(self.never))
        return " AND ".join(parts), values


def _asked(query: Query) -> _Asked | None:
    """None where nothing can match: nobody offers a version in the range."""
    every = [*map(terms.tag, query.all_tags)]
    some = [tuple(sorted(map(terms.state, query.states)))]
    if query.service_type is not None:
        every.append(terms.service(query.service_type))
    if query.transport is not None:
        every.append(terms.transport(query.transport))
    if query.any_tags:
        some.append(tuple(sorted(map(terms.tag, query.any_tags))))
    if query.capability is not None and not query.versions.strip():
        every.append(terms.capability(query.capability))
    elif query.capability is not None:
        fitting = versions.matching(versions_of(query.capability), query.versions)
        if not fitting:
            return None
        some.append(tuple(terms.capability(query.capability, version) for version in fitting))
    return _Asked(tuple(sorted(every)), tuple(some), query.health)


def _circles(query: Query, asked: _Asked, start: Place | None) -> Iterator[_Circle]:
    """The circles around the place that was given, from that in which the page begins; one where none was."""
    circles = _around(query, asked) if query.near is not None else [(asked, None)]
    for tier, (within, near) in enumerate(circles):
        if start is None or tier >= start.tier:
            yield _Circle(tier, within, near, start if start is not None and tier == start.tier else None)


def _around(query: Query, asked: _Asked) -> list[tuple[_Asked, Location | None]]:
    """Same zone, same region, anywhere; a circle that the place does not name holds nobody."""
    near = query.near or Location()
    zone = [terms.zone(near)] if near.zone else []
    region = [terms.region(near.region)] if near.region else []
    circles: list[tuple[_Asked, Location | None]] = [
        (replace(asked, every=(*asked.every, *(zone or [_NOWHERE]))), None),
        (replace(asked, every=(*asked.every, *(region or [_NOWHERE])), never=tuple(zone)), None),
        (replace(asked, never=(*zone, *region)), near if near.latitude is not None else None),
    ]
    return circles[: list(Reach).index(query.reach) + 1]


_sparse: set[_Asked] = set()
"""Questions whose answers lay far apart when this process last asked: gathered at once, until they fill a page."""
MOST_SPARSE = 1024


def _note_sparse(asked: _Asked) -> None:
    if len(_sparse) >= MOST_SPARSE:
        _sparse.clear()  # it saves a walk, no more
    _sparse.add(asked)


_NOWHERE = "region:"
"""A term that no agent has."""

_Found = list[tuple[Place, Sequence[Any]]]


@dataclass(frozen=True, slots=True)
class _Circle:
    """The agents in one circle; ``near`` where they are ordered by their distance first."""

    tier: int
    asked: _Asked
    near: Location | None
    after: Place | None

    def first(self, number: int) -> _Found:
        """The first of them in their order."""
        if _NOWHERE in self.asked.every:
            return []
        if self.near is not None:
            return self._nearest(self.near, number)
        if self.asked not in _sparse:
            width = max(WALKED, 4 * number)
            walked, found = self._walked(number, width)
            if len(found) >= number or (found and walked < width):
                return found
            _note_sparse(self.asked)
        found = self._gathered(number)
        if len(found) >= number:
            _sparse.discard(self.asked)
        return found

    def _walked(self, number: int, width: int) -> tuple[int, _Found]:
        condition, values = self.asked.condition()
        after, place = self._after()
        return self._rows(
            f"""
            WITH walked AS MATERIALIZED (
                SELECT id, standing, health, terms FROM agents_agent
                WHERE state <> 'gone' AND standing <= %s {after} ORDER BY standing, id LIMIT %s
            ), best AS MATERIALIZED (
                SELECT id, standing, 0.0::float8 AS distance, (SELECT count(*) FROM walked) AS looked_at
                FROM walked WHERE {condition} ORDER BY standing, id LIMIT %s
            )
            """,  # noqa: S608 conditions are built here, values are bound
            [self.asked.worst, *place, width, *values, number],
        )

    def _gathered(self, number: int) -> _Found:
        condition, values = self.asked.condition()
        after, place = self._after()
        return self._rows(
            f"""
            WITH matching AS MATERIALIZED (
                SELECT id, standing FROM agents_agent WHERE state <> 'gone' AND {condition} {after}
            ), best AS MATERIALIZED (
                SELECT id, standing, 0.0::float8 AS distance, 0 AS looked_at
                FROM matching ORDER BY standing, id LIMIT %s
            )
            """,  # noqa: S608 conditions are built here, values are bound
            [*values, *place, number],
        )[1]

    def _nearest(self, near: Location, number: int) -> _Found:
        condition, values = self.asked.condition()
        after, place = "", []
        if self.after is not None:
            after = "WHERE (distance, standing, id) > (%s, %s, %s)"
            place = [self.after.distance, self.after.standing, self.after.id]
        return self._rows(
            f"""
            WITH matching AS MATERIALIZED (
                SELECT id, standing, {_HAVERSINE} AS distance FROM agents_agent
                WHERE state <> 'gone' AND {condition}
            ), best AS MATERIALIZED (
                SELECT id, standing, distance, 0 AS looked_at
                FROM matching {after} ORDER BY distance, standing, id LIMIT %s
            )
            """,  # noqa: S608 conditions are built here, values are bound
            [near.latitude, near.latitude, near.longitude, *values, *place, number],
        )[1]

    def _after(self) -> tuple[str, list[Any]]:
        if self.after is None:
            return "", []
        return "AND (standing, id) > (%s, %s)", [self.after.standing, self.after.id]

    def _rows(self, best: str, values: Sequence[Any]) -> tuple[int, _Found]:
        """How many were walked, and the rows of those in ``best`` with their places."""
        with connection.cursor() as cursor:
            cursor.execute(best + _READ, values)
            rows = cursor.fetchall()
        found = [(Place(self.tier, row[-2], row[-3], str(row[0])), row) for row in rows]
        return (rows[0][-1] if rows else 0), found


_READ = f"""
    SELECT {", ".join(f"agent.{column}" for column in COLUMNS.split(", "))},
        best.standing, best.distance, best.looked_at
    FROM best JOIN agents_agent AS agent ON agent.id = best.id
    ORDER BY best.distance, best.standing, best.id
"""  # noqa: S608 names of columns

_HAVERSINE = """
    COALESCE(
        sin(radians(latitude - %s) / 2) ^ 2
        + cos(radians(latitude)) * cos(radians(%s)) * sin(radians(longitude - %s) / 2) ^ 2,
        2.0
    )
"""
# Grows with the great-circle distance, and is exact where that is small, as the cosine of the angle is not (R. W.
# Sinnott, "Virtues of the Haversine", Sky and Telescope 68, 1984). Agents without coordinates come last.

_VERSIONS = """
    WITH RECURSIVE found AS (
        (SELECT version FROM agents_agentcapability WHERE name = %s ORDER BY version LIMIT 1)
        UNION ALL
        SELECT (
            SELECT version FROM agents_agentcapability WHERE name = %s AND version > found.version
            ORDER BY version LIMIT 1
        ) FROM found WHERE found.version IS NOT NULL
    )
    SELECT version FROM found WHERE version IS NOT NULL
"""
