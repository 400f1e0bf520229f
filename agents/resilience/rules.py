"""What holds for one agent: the product's settings, with what the agent's own settings say instead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from agents.errors import AgentSettingsRefused
from agents.resilience.circuit import CircuitRules
from agents.resilience.rate import RateRules
from agents.values import Performer, TransportName

SETTING = "resilience"
"""The key of an agent's settings under which its own rules stand: ``{"circuit": {…}, "rate": {…}}``."""

R = TypeVar("R", CircuitRules, RateRules)


@dataclass(frozen=True, slots=True)
class Rules:
    """``places`` steps at once by the agent; ``lease`` seconds for which a silent worker keeps a place."""

    circuit: CircuitRules = field(default_factory=CircuitRules)
    rate: RateRules = field(default_factory=RateRules)
    places: int = 5
    lease: float = 15.0


def rules_for(agent: Performer, defaults: Rules, *, python_places: int | None = None) -> Rules:
    """The rules of an agent.

    A Python agent's rate is not adaptive unless it says so: it runs in our own workers, whose number bounds it, and
    its steps differ in length for good reasons. Raises ``AgentSettingsRefused``, naming what is wrong.
    """
    own = agent.settings.get(SETTING, {})
    if not isinstance(own, Mapping) or set(own) - {"circuit", "rate"}:
        raise AgentSettingsRefused(f"{SETTING}: expected an object with 'circuit' and 'rate'.")
    python = agent.transport is TransportName.PYTHON
    rate = replace(defaults.rate, adaptive=False) if python else defaults.rate
    places = python_places if python and python_places is not None else defaults.places
    rules = replace(
        defaults,
        circuit=_with("circuit", defaults.circuit, own.get("circuit", {})),
        rate=_with("rate", rate, own.get("rate", {})),
        places=places if agent.max_concurrency is None else agent.max_concurrency,
    )
    _check(rules)
    return rules


def _with(where: str, rules: R, own: Any) -> R:
    known = {known.name for known in fields(rules)}
    if not isinstance(own, Mapping):
        raise AgentSettingsRefused(f"{SETTING}.{where}: expected an object.")
    for name, value in own.items():
        if name not in known:
            raise AgentSettingsRefused(f"{SETTING}.{where}.{name}: there is no such setting; known: {sorted(known)}.")
        if not _fits(getattr(rules, name), name, value):
            raise AgentSettingsRefused(f"{SETTING}.{where}.{name}: {value!r} does not fit.")
    return replace(rules, **own)


def _fits(default: Any, name: str, value: Any) -> bool:
    if isinstance(default, bool):
        return isinstance(value, bool)
    if name == "limit" and value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if isinstance(default, int):
        return isinstance(value, int) and 1 <= value <= 1000
    return value > 0 or (value == 0 and name == "slow_factor")


def _check(rules: Rules) -> None:
    circuit, rate = rules.circuit, rules.rate
    if circuit.longest_pause < circuit.pause:
        raise AgentSettingsRefused(f"{SETTING}.circuit: 'longest_pause' is below 'pause'.")
    if rate.decrease >= 1:
        raise AgentSettingsRefused(f"{SETTING}.rate.decrease: a cut of the rate needs a factor below 1.")
    if rate.ceiling < rate.floor:
        raise AgentSettingsRefused(f"{SETTING}.rate: 'ceiling' is below 'floor'.")
