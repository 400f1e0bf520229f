"""How near agents are to where the work comes from: rings around a place, the nearest first.

Ring 0 is the same zone, ring 1 the same region; beyond, a ring is 100 km of great-circle distance, which light in a
fibre needs a millisecond to go and come back: agents in one ring are equally near for what a step can feel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agents.values import Location

SAME_ZONE, SAME_REGION, ELSEWHERE, UNKNOWN = 0, 1, 2, 900
KM_A_RING = 100.0
EARTH_RADIUS_KM = 6371.0088
"""The mean radius of the Earth (IUGG); distances are right to half a per cent."""

Rings = NDArray[np.int64]


def rings(around: Location, places: Sequence[Location]) -> Rings:
    """The ring that each place is in, seen from ``around``."""
    found = _by_distance(around, places)
    for index, place in enumerate(places):
        if around.region == place.region and (around.region or around.zone):
            if around.zone and around.zone == place.zone:
                found[index] = SAME_ZONE
            elif around.region:
                found[index] = SAME_REGION
    return found


def ring_in_words(ring: int) -> str:
    """Where a ring is: ``in the same zone``."""
    if ring == SAME_ZONE:
        return "in the same zone"
    if ring == SAME_REGION:
        return "in the same region"
    if ring == UNKNOWN:
        return "at a place that is not known"
    near = (ring - ELSEWHERE) * int(KM_A_RING)
    return f"{near} to {near + int(KM_A_RING)} km away"


def kilometres(
    latitude: float, longitude: float, latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Great-circle distances from one place to others, all in degrees, by the haversine formula; NaN stays NaN."""
    here, there = np.radians(latitude), np.radians(latitudes)
    half_north, half_east = (there - here) / 2, np.radians(longitudes - longitude) / 2
    chord = np.sin(half_north) ** 2 + np.cos(here) * np.cos(there) * np.sin(half_east) ** 2
    found: NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(chord, 0.0, 1.0)))
    return found


def _by_distance(around: Location, places: Sequence[Location]) -> Rings:
    if around.latitude is None or around.longitude is None:
        return np.full(len(places), UNKNOWN, dtype=np.int64)
    far = kilometres(around.latitude, around.longitude, _degrees(places, "latitude"), _degrees(places, "longitude"))
    beyond = np.where(np.isnan(far), UNKNOWN - ELSEWHERE, np.floor(far / KM_A_RING))
    return beyond.astype(np.int64) + ELSEWHERE


def _degrees(places: Sequence[Location], axis: str) -> NDArray[np.float64]:
    known = [getattr(place, axis) for place in places]
    return np.array([np.nan if degrees is None else degrees for degrees in known], dtype=np.float64)
