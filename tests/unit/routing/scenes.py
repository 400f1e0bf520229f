"""Candidates drawn in a line of text, so that a test shows what it decides about."""

from __future__ import annotations

import random
from typing import Any

from agents.routing import Candidates, Decision, Loads, Memory, Request, Standing, decide
from agents.values import Location, Performer


def performer(name: str, **fields: Any) -> Performer:
    return Performer(id=f"id-{name}", name=name, **fields)


def drawn(line: str, **fields: Any) -> tuple[Candidates, Loads]:
    """``a:2/5 b:5/5 c:0/5!open``: each agent with its places taken, its places, and why it is shut."""
    performers, standing = [], {}
    for part in line.split():
        name, _, rest = part.partition(":")
        load, _, shut = rest.partition("!")
        taken, _, places = load.partition("/")
        performers.append(performer(name, **fields))
        standing[f"id-{name}"] = Standing(int(taken or 0), int(places) if places else None, shut.replace("_", " "))
    candidates = Candidates(performers, version=7)
    return candidates, Loads.of(candidates, standing)


def names(decision: Decision) -> list[str]:
    return [one.removeprefix("id-") for one in decision.chosen]


def choose(candidates: Candidates, strategy: str, loads: Loads | None = None, seed: int = 1, **asked: Any) -> list[str]:
    request = Request(strategy=strategy, **asked)
    loads = loads if loads is not None else Loads.of(candidates)
    return names(decide(candidates, request, loads, Memory(random.Random(seed))))


BERLIN = Location(region="eu", zone="eu-1", latitude=52.52, longitude=13.405)
"""Around it: Potsdam 27 km, Paris 878 km, New York 6,385 km."""
POTSDAM = {"latitude": 52.39, "longitude": 13.06}
PARIS = {"latitude": 48.8566, "longitude": 2.3522}
NEW_YORK = {"latitude": 40.7128, "longitude": -74.006}
