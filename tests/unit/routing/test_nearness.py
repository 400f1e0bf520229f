"""The nearest who can take the work are asked first, whatever the strategy."""

from __future__ import annotations

import random

import numpy as np
import pytest

from agents.routing import STRATEGIES, Candidates, Loads, Memory, Request, Standing, decide
from agents.routing.nearness import UNKNOWN, kilometres, ring_in_words, rings
from agents.values import Location
from tests.unit.routing.scenes import BERLIN, NEW_YORK, PARIS, POTSDAM, choose, names, performer

ALL = pytest.mark.parametrize("strategy", sorted(STRATEGIES))

#   zone eu-1   region eu   27 km     878 km   6,385 km   unknown
AROUND = [
    performer("nowhere"),
    performer("newyork", location=Location(region="us", **NEW_YORK)),
    performer("paris", location=Location(region="fr", **PARIS)),
    performer("potsdam", location=Location(region="other", **POTSDAM)),
    performer("region", location=Location(region="eu", zone="eu-2", **NEW_YORK)),
    performer("zone", location=Location(region="eu", zone="eu-1")),
]
OUTWARD = ["zone", "region", "potsdam", "paris", "newyork", "nowhere"]


@ALL
def test_zone_then_region_then_distance(strategy: str) -> None:
    assert choose(Candidates(AROUND), strategy, location=BERLIN, key="k", wanted=6) == OUTWARD


@ALL
def test_when_the_near_are_full_the_next_near_are_asked(strategy: str) -> None:
    candidates = Candidates(AROUND)
    loads = Loads.of(candidates, {"id-zone": Standing(5, 5), "id-region": Standing(shut="drains")})

    decision = decide(candidates, Request(strategy, location=BERLIN, key="k"), loads, Memory(random.Random(1)))

    assert names(decision)[:2] == ["potsdam", "paris"]
    if strategy != "broadcast":
        assert "nearest that can take it: 0 to 100 km away" in decision.sentence


@ALL
def test_among_the_equally_near_the_strategy_chooses(strategy: str) -> None:
    berlin = [performer(f"b{n}", location=Location(region="eu")) for n in range(4)]
    candidates = Candidates([*berlin, *AROUND[:4]])
    alone = Candidates(berlin)

    here = Location(region="eu")
    assert choose(candidates, strategy, location=here, key="k")[:2] == choose(alone, strategy, key="k")[:2]


def test_distances_are_those_of_the_sphere() -> None:
    """Berlin to Paris 878 km, to New York 6,385 km, half around the world 20,015 km."""
    to = [PARIS, NEW_YORK, {"latitude": -52.52, "longitude": -166.595}]
    latitudes, longitudes = (np.array([place[axis] for place in to]) for axis in ("latitude", "longitude"))

    found = kilometres(52.52, 13.405, latitudes, longitudes)

    assert found == pytest.approx([877.5, 6385, 20015], rel=0.002)


def test_zones_of_one_name_in_two_regions_are_not_one() -> None:
    places = [Location("eu", "a"), Location("us", "a"), Location("", "a"), Location()]

    assert list(rings(Location("eu", "a"), places)) == [0, UNKNOWN, UNKNOWN, UNKNOWN]
    assert list(rings(Location("", "a"), places)) == [UNKNOWN, UNKNOWN, 0, UNKNOWN]


@pytest.mark.parametrize(
    ("ring", "words"),
    [(0, "in the same zone"), (1, "in the same region"), (2, "0 to 100 km away"), (65, "6300 to 6400 km away")],
)
def test_rings_in_words(ring: int, words: str) -> None:
    assert ring_in_words(ring) == words


def test_what_is_kept_does_not_grow_with_the_places_work_comes_from() -> None:
    candidates = Candidates(AROUND)
    for east in range(2000):
        choose(candidates, "failover", location=Location(latitude=1.0, longitude=east / 100))

    assert len(candidates._made) < 300
