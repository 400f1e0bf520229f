"""A search that is kept as JSON goes on with the same bits; so does work that is shared out."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as arrays

from agents.swarm.errors import SwarmStateUnreadable
from agents.swarm.exact import packed, unpacked
from agents.swarm.optimising import Algorithm, State, SwarmSpec, ask, begin, chunks, fold, run, spec_of, tell
from agents.swarm.optimising.functions import rastrigin

ROOT = Path(__file__).resolve().parents[3]
ALGORITHMS = list(Algorithm)


def spec(algorithm: Algorithm = Algorithm.DIFFERENTIAL, **more: Any) -> SwarmSpec:
    return spec_of(
        {"objective": {"agent": "rater"}, "bounds": [[-5.12, 5.12]] * 3, "algorithm": algorithm, "population": 12}
        | {"generations": 15, "seed": 7}
        | more
    )


def again(state: State) -> State:
    """Through the text of JSON and back."""
    return State.from_json(json.loads(json.dumps(state.to_json(), allow_nan=False)))


def as_text(state: State) -> str:
    return json.dumps(state.to_json(), sort_keys=True, allow_nan=False)


@given(arrays.arrays(np.float64, arrays.array_shapes(min_dims=0, max_dims=3)))
def test_every_float_keeps_its_bits(array: Any) -> None:
    back = unpacked(json.loads(json.dumps(packed(array), allow_nan=False)))

    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize("array", [np.array([True, False]), np.arange(4).reshape(2, 2), np.empty((0, 3))])
def test_booleans_integers_and_nothing_are_kept_too(array: Any) -> None:
    back = unpacked(packed(array))

    assert back.dtype.kind == array.dtype.kind
    assert np.array_equal(back, array)


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"type": "f8", "shape": [2], "data": "AAAA"},
        {"type": "O", "shape": [], "data": ""},
        {"type": "f8", "shape": [1], "data": "?"},
    ],
)
def test_what_is_no_array_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(SwarmStateUnreadable):
        unpacked(broken)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("stuck", ["stop", "scatter"])
def test_a_search_that_is_cut_after_any_generation_ends_with_the_same_bits(algorithm: Algorithm, stuck: str) -> None:
    settings = spec(algorithm, when_stuck=stuck, patience=3, tolerance=0.5)
    whole = run(settings, rastrigin)

    for cut in range(whole.generation):
        state = begin(settings)
        while not state.done:
            if state.generation == cut:
                state = again(state)
            state = tell(state, rastrigin(ask(state)))
        assert as_text(state) == as_text(whole)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_that_is_cut_after_every_generation_ends_with_the_same_bits(algorithm: Algorithm) -> None:
    settings = spec(algorithm)
    state = begin(settings)
    while not state.done:
        state = again(tell(again(state), rastrigin(ask(state))))

    assert as_text(state) == as_text(run(settings, rastrigin))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [1, 5, 12, 100])
def test_chunks_of_any_size_in_any_order_and_twice_give_the_same_bits(algorithm: Algorithm, size: int) -> None:
    settings = spec(algorithm)
    state, order = begin(settings), random.Random(size)
    while not state.done:
        work = [json.loads(json.dumps(chunk)) for chunk in chunks(state, size)]
        results = [answer_to(chunk) for chunk in work] * 2
        order.shuffle(results)
        state = fold(again(state), results)

    assert as_text(state) == as_text(run(settings, rastrigin))


def answer_to(chunk: dict[str, Any]) -> dict[str, Any]:
    values = rastrigin(np.array(chunk["candidates"])).tolist()
    return json.loads(json.dumps({"generation": chunk["generation"], "first": chunk["first"], "fitnesses": values}))


def test_asking_twice_gives_the_same_and_changes_nothing() -> None:
    state = tell(begin(spec()), rastrigin(ask(begin(spec()))))
    before = as_text(state)

    assert np.array_equal(ask(state), ask(state))
    assert as_text(state) == before


def test_a_state_does_not_grow_with_its_generations() -> None:
    settings = spec(generations=3000, population=5, least_diversity=0)
    state, sizes = begin(settings), {}
    while not state.done:
        state = tell(state, rastrigin(ask(state)))
        sizes[state.generation] = len(as_text(state))

    assert max(sizes.values()) < 45_000
    kept = [one.generation for one in state.history.all()]
    assert kept == list(range(0, 3000, state.history.every))
    assert state.last is not None
    assert state.last.generation == 2999


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: kept.pop("arrays"),
        lambda kept: kept.update(form="phasegate-swarm/9"),
        lambda kept: kept.update(generation="many"),
        lambda kept: kept["best"].update(data="AA=="),
        lambda kept: kept.update(reason="bored"),
        lambda kept: kept.update(history=None),
    ],
)
def test_what_is_no_state_is_refused(spoil: Any) -> None:
    kept = begin(spec()).to_json()
    spoil(kept)

    with pytest.raises(SwarmStateUnreadable):
        State.from_json(kept)


KILLED = """
import json, os, sys
from pathlib import Path
from agents.swarm.optimising import State, ask, begin, spec_of, tell
from agents.swarm.optimising.functions import rastrigin

path, settings = Path(sys.argv[1]), json.loads(sys.argv[2])
state = State.from_json(json.loads(path.read_text())) if path.exists() else begin(spec_of(settings))
while not state.done:
    state = tell(state, rastrigin(ask(state)))
    path.with_suffix(".new").write_text(json.dumps(state.to_json()))
    os.replace(path.with_suffix(".new"), path)
    print(state.generation, flush=True)
"""


def test_a_search_whose_process_is_killed_ends_with_the_same_bits(tmp_path: Path) -> None:
    settings = spec(generations=400, least_diversity=0)
    path = tmp_path / "state.json"
    command = [sys.executable, "-c", KILLED, str(path), settings.model_dump_json()]
    killed = 0
    for kill_after in (3, 40, 150, None):
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ}, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for told in process.stdout:
            if kill_after is not None and int(told) >= kill_after:
                process.send_signal(signal.SIGKILL)
                break
        process.stdout.close()
        killed += process.wait(timeout=60) == -signal.SIGKILL

    assert killed == 3
    assert path.read_text() == json.dumps(run(settings, rastrigin).to_json())
