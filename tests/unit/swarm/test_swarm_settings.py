"""What a swarm's settings may say, and what is said of those that cannot work."""

from __future__ import annotations

from typing import Any

import pytest

from agents.swarm.errors import SwarmSettingsRefused
from agents.swarm.optimising import SwarmSpec, begin, chunks, spec_of

LEAST: dict[str, Any] = {"objective": {"agent": "rater"}, "bounds": [[0, 1], [0, 1]]}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"bounds": [[1, 0]]}, "bounds: bound 0: 1 is not below 0"),
        ({"bounds": [[0, 1], [2, 2]]}, "bound 1: 2 is not below 2"),
        ({"bounds": [[-1e308, 1e308]]}, "too wide"),
        ({"bounds": []}, "bounds"),
        ({"bounds": [[0, float("inf")]]}, "bounds.0.1"),
        ({"names": ["x"]}, "2 bounds need as many names"),
        ({"names": ["x", "x"]}, "each once"),
        ({"objective": {}}, "name an agent or a capability"),
        ({"objective": {"agent": "a", "capability": "c"}}, "one of the two"),
        ({"objective": {"agent": "a", "version": ">=1"}}, "version is a range for a capability"),
        ({"population": 4}, "population"),
        ({"population": 100_000, "generations": 1_000_000}, "100,000,000 evaluations"),
        ({"population": 10.5}, "population"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**53}, "seed"),
        ({"algorithm": "annealing"}, "algorithm"),
        ({"particles": {}}, "particles are settings of particle_swarm"),
        ({"algorithm": "particle_swarm", "particles": {"inertia": 1.0}}, "or the particles fly apart"),
        ({"algorithm": "particle_swarm", "particles": {"cognitive": 3.0}}, "must be below"),
        ({"patiense": 3}, "patiense"),
        ({"least_answers": 0}, "least_answers"),
        ({"target": float("nan")}, "target"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_the_reason(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(SwarmSettingsRefused, match="The swarm cannot be run") as refusal:
        spec_of(LEAST | changes)

    assert told in refusal.value.message
    assert refusal.value.details["mistakes"]


def test_settings_are_the_same_after_json() -> None:
    settings = spec_of(LEAST | {"algorithm": "particle_swarm", "particles": {"topology": "ring"}, "target": 1e-300})

    assert SwarmSpec.model_validate_json(settings.model_dump_json()) == settings
    assert spec_of(settings.model_dump(mode="json")) == settings


def test_bounds_by_name_do_not_depend_on_their_order() -> None:
    one = spec_of(LEAST | {"bounds": {"price": [1, 20], "ads": [0, 500]}})
    other = spec_of(LEAST | {"bounds": {"ads": [0, 500], "price": [1, 20]}})

    assert one == other
    assert one.names == ("ads", "price")
    assert set(chunks(begin(one))[0]["candidates"][0]) == {"ads", "price"}


def test_bounds_by_name_and_names_are_one_too_many() -> None:
    with pytest.raises(SwarmSettingsRefused, match="leave names out"):
        spec_of(LEAST | {"bounds": {"x": [0, 1]}, "names": ["x"]})


def test_the_chunks_of_a_generation_hold_every_candidate_once() -> None:
    settings = spec_of(LEAST | {"population": 23, "chunk_size": 10, "objective": {"agent": "a", "params": {"k": 1}}})
    work = chunks(begin(settings))

    assert [chunk["first"] for chunk in work] == [0, 10, 20]
    assert [len(chunk["candidates"]) for chunk in work] == [10, 10, 3]
    assert all(chunk["params"] == {"k": 1} and chunk["generation"] == 0 for chunk in work)
