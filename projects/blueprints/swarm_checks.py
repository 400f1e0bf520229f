"""Steps of kind ``swarm``: settings with which a search can be run, and who says how good a candidate is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agents.swarm.optimising import SwarmSpec
from agents.swarm.optimising.spec import Objective, Particles
from projects.blueprints.paths import Place
from projects.blueprints.schema import Blueprint, StepSpec
from projects.blueprints.shaping import Finding, words
from projects.blueprints.step_checks import is_range
from projects.blueprints.suggestions import did_you_mean
from projects.blueprints.swarm_settings import excess, mistakes

_NAME = re.compile(r"[a-z][a-z0-9_.-]{0,99}")
_MODELS: Mapping[Place, Any] = {(): SwarmSpec, ("objective",): Objective, ("particles",): Particles}


def check_swarms(blueprint: Blueprint) -> Iterator[Finding]:
    """What of a blueprint's searches cannot be run."""
    for index, phase in enumerate(blueprint.phases):
        for position, step in enumerate(phase.steps):
            if step.swarm is not None:
                yield from _swarm(step, step.swarm, ("phases", index, "steps", position))


def _swarm(step: StepSpec, said: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    here = (*place, "swarm")
    spec, found = mistakes(said)
    for below, detail in found:
        yield _in_words((*here, *below), below, detail)
    if spec is not None:
        yield from _objective(spec.objective, (*here, "objective"))
        if refusal := excess(spec):
            yield Finding(here, refusal)
    if step.for_each is not None:
        yield Finding(
            (*place, "for_each"),
            "a search has items of its own, and none is run for each item of a list",
            "Write a step a search, or let a step of `kind: project` start one for each item.",
            at_key=True,
        )


def _in_words(place: Place, below: Place, detail: Mapping[str, Any]) -> Finding:
    match detail["type"]:
        case "extra_forbidden":
            known = list(_MODELS[below[:-1]].model_fields)
            hint = did_you_mean(str(below[-1]), known, known_as="The keys here are")
            return Finding(place, f"there is no key {below[-1]!r} here", hint, at_key=True)
        case "missing":
            return Finding(place[:-1], f"the key {below[-1]!r} is missing", f"Add `{below[-1]}:`.")
        case "value_error":
            return Finding(place, str(detail["ctx"]["error"]))
        case kind:
            return Finding(place, *words(kind, detail["input"], detail.get("ctx", {}), detail["msg"]))


def _objective(objective: Objective, place: Place) -> Iterator[Finding]:
    for key in ("agent", "capability"):
        name = getattr(objective, key)
        if name is not None and not _NAME.fullmatch(name):
            message = f"{name!r} is no name: small letters, digits, `_`, `-` and `.`, a letter first"
            yield Finding((*place, key), message)
    if objective.version is not None and not is_range(objective.version):
        message = f"{objective.version!r} is no version range"
        yield Finding((*place, "version"), message, 'Write, for instance, ">=1.2,<2".')
