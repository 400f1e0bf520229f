"""What holds for an agent: the product's settings, and its own instead."""

from __future__ import annotations

from typing import Any

import pytest

from agents.errors import AgentSettingsRefused
from agents.resilience.rules import Rules, rules_for
from agents.values import Performer, TransportName


def agent(transport: TransportName = TransportName.HTTP, places: int | None = None, **own: Any) -> Performer:
    return Performer(
        "1", "one", transport=transport, max_concurrency=places, settings={"resilience": own} if own else {}
    )


def test_an_agent_that_says_nothing_has_the_defaults() -> None:
    assert rules_for(agent(), Rules()) == Rules()


def test_an_agent_may_have_its_own_circuit_rate_and_places() -> None:
    rules = rules_for(agent(places=2, circuit={"failures": 2, "pause": 1}, rate={"limit": 0.5}), Rules())

    assert (rules.places, rules.circuit.failures, rules.circuit.pause, rules.rate.limit) == (2, 2, 1, 0.5)
    assert rules.circuit.window == Rules().circuit.window


def test_the_rate_of_our_own_workers_is_not_adaptive_unless_an_agent_says_so() -> None:
    assert rules_for(agent(TransportName.PYTHON), Rules()).rate.unpaced
    assert rules_for(agent(TransportName.PYTHON, rate={"adaptive": True}), Rules()).rate.adaptive


def test_python_agents_may_have_places_of_their_own() -> None:
    assert rules_for(agent(TransportName.PYTHON), Rules(), python_places=50).places == 50
    assert rules_for(agent(TransportName.HTTP), Rules(), python_places=50).places == 5
    assert rules_for(agent(TransportName.PYTHON, places=3), Rules(), python_places=50).places == 3


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ({"circuits": {}}, "resilience"),
        ({"circuit": 5}, "resilience.circuit"),
        ({"circuit": {"failure": 5}}, "resilience.circuit.failure"),
        ({"circuit": {"failures": 0}}, "resilience.circuit.failures"),
        ({"circuit": {"failures": 2.5}}, "resilience.circuit.failures"),
        ({"circuit": {"failures": True}}, "resilience.circuit.failures"),
        ({"circuit": {"pause": float("nan")}}, "resilience.circuit.pause"),
        ({"circuit": {"pause": 10, "longest_pause": 5}}, "longest_pause"),
        ({"rate": {"limit": -1}}, "resilience.rate.limit"),
        ({"rate": {"adaptive": "yes"}}, "resilience.rate.adaptive"),
        ({"rate": {"decrease": 1.5}}, "resilience.rate.decrease"),
        ({"rate": {"floor": 5, "ceiling": 2}}, "ceiling"),
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(own: dict[str, Any], named: str) -> None:
    with pytest.raises(AgentSettingsRefused, match=named):
        rules_for(agent(**own), Rules())
