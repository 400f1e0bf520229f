"""What a step of kind ``swarm`` may say, and what is told where it cannot be run."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from projects.blueprints.errors import BlueprintInvalid
from projects.blueprints.json_schema import blueprint_json_schema
from projects.blueprints.load import load_text

BLUEPRINT = """
name: searching
version: 1
title: Searching
inputs: {type: object, properties: {size: {type: integer}}, required: [size]}
phases:
  - key: one
    steps:
      - key: search
        kind: swarm
        swarm:
          objective: {agent: rate}
          bounds: {x: [-5, 5], y: [-4, 3]}
          population: 12
          seed: 1
"""


def found(*changes: tuple[str, str]) -> list[tuple[str, str]]:
    """What is wrong with the blueprint after some changes: where, and in which words."""
    text = BLUEPRINT
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    try:
        load_text(text)
    except BlueprintInvalid as error:
        return [(problem.path.removeprefix("phases[0].steps[0]."), problem.message) for problem in error.problems]
    return []


def test_a_search_is_taken_as_it_is_written() -> None:
    [step] = load_text(BLUEPRINT).blueprint.phases[0].steps
    assert step.swarm == {
        "objective": {"agent": "rate"},
        "bounds": {"x": [-5, 5], "y": [-4, 3]},
        "population": 12,
        "seed": 1,
    }
    assert step.asked == ("rate", None, None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("seed: 1", "seed: ${inputs.size}"),
        ("population: 12", "population: ${inputs.size * 2}"),
        ("[-4, 3]", "[-4, '${inputs.size}']"),
        ("{x: [-5, 5], y: [-4, 3]}", '"${[[0, inputs.size]]}"'),
        ("{agent: rate}", "{agent: rate, params: {deep: [{er: '${inputs.size}'}]}}"),
        ("{agent: rate}", '{capability: rate.bowls, version: ">=1,<2"}'),
        ("kind: swarm", "kind: swarm\n        max_parallel: 3\n        fallback: {agent: rough}"),
        ("kind: swarm", "kind: swarm\n        retry: {max_attempts: 9}\n        timeouts: {schedule_to_start: 5m}"),
        ("kind: swarm", "kind: swarm\n        estimate: {cost: 1}\n        concurrency: {key: tunnel, limit: 2}"),
    ],
)
def test_what_may_be_said(before: str, after: str) -> None:
    assert found((before, after)) == []


def test_a_route_goes_with_a_capability() -> None:
    routed = ("kind: swarm", "kind: swarm\n        route: round_robin")
    assert found(routed) == [("route", "`route` goes with `capability`")]
    assert found(routed, ("agent: rate", "capability: rate")) == []


@pytest.mark.parametrize(
    ("before", "after", "place", "said"),
    [
        ("population: 12", "population: 3", "swarm.population", "3 is too small: the least is 5"),
        ("population: 12", "population: many", "swarm.population", "a whole number is needed here"),
        ("population: 12", "populaton: 12", "swarm.populaton", "there is no key 'populaton' here"),
        ("seed: 1", "algorithm: bees", "swarm.algorithm", "'bees' is none of"),
        ("seed: 1", "algorithm: ${inputs.size}", "swarm.algorithm", "'${inputs.size}' is none of"),
        ("[-4, 3]", "[3, -4]", "swarm.bounds", "bound 1: 3 is not below -4"),
        ("[-4, 3]", "[-4, high]", "swarm.bounds.y[1]", "should be a valid number"),
        ("objective: {agent: rate}", "target: 1", "swarm", "the key 'objective' is missing"),
        ("{agent: rate}", "{agent: rate, capability: r}", "swarm.objective", "name an agent or a capability"),
        ("{agent: rate}", "{agent: Rate It}", "swarm.objective.agent", "'Rate It' is no name"),
        ("{agent: rate}", "{agent: '${inputs.size}'}", "swarm.objective.agent", "is no name"),
        ("{agent: rate}", "{capability: r, version: new}", "swarm.objective.version", "'new' is no version range"),
        ("{agent: rate}", "{agent: rate, speed: 1}", "swarm.objective.speed", "there is no key 'speed' here"),
        ("seed: 1", "generations: 60000", "swarm", "are 120,000 pieces of work, and at most 100,000 are run"),
        ("seed: 1", "seed: ${inputs.sice}", "swarm.seed", "there is no input 'sice'"),
        ("seed: 1", "seed: ${results.later.n}", "swarm.seed", "later"),
        ("kind: swarm", "kind: swarm\n        agent: rate", "agent", "a step of kind swarm has no `agent`"),
        ("kind: swarm", "kind: swarm\n        params: {a: 1}", "params", "has no `params`"),
        ("kind: swarm", "kind: swarm\n        for_each: inputs.size", "for_each", "a search has items of its own"),
        ("kind: swarm", "agent: rate", "swarm", "`swarm` belongs to steps of kind swarm"),
    ],
)
def test_what_is_refused_with_its_place(before: str, after: str, place: str, said: str) -> None:
    [mistake] = found((before, after))
    assert mistake[0] == place
    assert said in mistake[1]


def test_a_state_that_would_be_too_large_to_be_written_again_and_again_is_refused() -> None:
    wide = f"[{', '.join(['[0, 1]'] * 20)}]"
    mistakes = found(
        ("{x: [-5, 5], y: [-4, 3]}", wide), ("population: 12", "population: 60000"), ("seed: 1", "chunk_size: 600")
    )
    assert mistakes == [
        ("swarm", "60,000 candidates of 20 variables are more than 1,000,000 numbers to be kept after each generation")
    ]


def test_a_budget_may_be_one_of_the_agent_that_rates() -> None:
    assert found(("phases:", "budgets: {agents: {rate: {cost: {hard: 5}}}}\nphases:")) == []


def test_the_json_schema_of_the_language_knows_what_a_search_may_say() -> None:
    schema = blueprint_json_schema()
    said = yaml.safe_load(BLUEPRINT)
    jsonschema.validate(said, schema)
    said["phases"][0]["steps"][0]["swarm"]["seed"] = "${inputs.size}"
    jsonschema.validate(said, schema)
    said["phases"][0]["steps"][0]["swarm"]["seed"] = "one"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(said, schema)
