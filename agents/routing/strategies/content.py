"""Content: what the work is about decides who gets it."""

from __future__ import annotations

from typing import Any

from agents.errors import UnknownStrategy
from agents.routing.candidates import Pool
from agents.routing.strategies.least_loaded import LeastLoaded
from agents.routing.strategy import Pick, Situation, Strategy
from agents.routing.values import Reason, Rule
from agents.values import Performer


class Content(Strategy):
    """The first rule that holds for the payload says who may have it, and by which strategy one of them is picked.

    A rule that cannot be evaluated does not hold, and the reasons say so. Where no rule holds everybody may have it.
    """

    name = "content"

    def choose(self, pool: Pool, situation: Situation) -> Pick:
        """By the first rule that holds; then as its own strategy chooses among those that it allows."""
        rule, broken = _first_that_holds(situation.request.rules, situation.request.payload)
        if rule is None:
            pick = LeastLoaded().choose(pool, situation)
            return Pick(pick.indices, lambda: [*broken, Reason("content", "no rule holds: anybody"), *pick.why()])
        allowed = pool.only(("rule", rule.agents, rule.tags), lambda performer: _allows(rule, performer))
        pick = _inner(rule, situation).choose(allowed, situation)
        text = f"rule {rule.name!r} holds: {len(allowed)} of {len(pool)} may have it"
        reason = Reason("content", text, {"rule": rule.name, "allowed": len(allowed)})
        return Pick(pick.indices, lambda: [*broken, reason, *pick.why()])

    def pick(self, pool: Pool, situation: Situation, wanted: int) -> Pick:
        """Rules come before nearness, so that a pool of one ring is never asked; without a rule, the least loaded."""
        return LeastLoaded().pick(pool, situation, wanted)


def _first_that_holds(rules: tuple[Rule, ...], payload: Any) -> tuple[Rule | None, list[Reason]]:
    broken: list[Reason] = []
    for rule in rules:
        try:
            if rule.when is None or rule.when(payload):
                return rule, broken
        except Exception as error:  # a payload that a rule does not foresee must not stop the others
            text = f"rule {rule.name!r} cannot be evaluated: {type(error).__name__}: {error}"
            broken.append(Reason("rule_broken", text, {"rule": rule.name}))
    return None, broken


def _inner(rule: Rule, situation: Situation) -> Strategy:
    """The strategy that picks among those whom the rule allows; rules within rules would have no end."""
    inner = situation.family.get(rule.then)
    if inner is None or isinstance(inner, Content):
        raise UnknownStrategy.named(rule.then, (name for name in situation.family if name != Content.name))
    return inner


def _allows(rule: Rule, performer: Performer) -> bool:
    named = not rule.agents or performer.name in rule.agents or performer.id in rule.agents
    return named and rule.tags <= performer.tags
