"""How an agent is to be chosen, as routing takes it: from what a blueprint or a request says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents.routing import Rule
from agents.values import Location
from projects.blueprints.agent_checks import rule_condition
from projects.blueprints.schema import NearSpec, RouteSpec, RuleSpec

DEFAULT_ROUTE = "least_loaded"


def rules_of(route: RouteSpec) -> tuple[Rule, ...]:
    """The rules of a route, their conditions compiled. Raises ``ExpressionInvalid``."""
    return tuple(_rule(number, rule) for number, rule in enumerate(route.rules, 1))


def location_of(near: NearSpec | None, rendered: Callable[[str], Any]) -> Location | None:
    """Where the work comes from; ``rendered`` evaluates templates."""
    if near is None:
        return None
    return Location(
        str(rendered(near.region)) if near.region else "",
        str(rendered(near.zone)) if near.zone else "",
        near.latitude,
        near.longitude,
    )


def _rule(number: int, spec: RuleSpec) -> Rule:
    check = rule_condition(spec.when) if spec.when is not None else None
    return Rule(
        name=spec.name or f"rule {number}",
        when=None if check is None else lambda params: check.check({"params": params}),
        agents=frozenset(spec.agents),
        tags=frozenset(spec.tags),
        then=spec.then,
    )
