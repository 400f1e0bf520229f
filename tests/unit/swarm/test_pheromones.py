"""Pheromone: what is laid down evaporates and spreads, and is otherwise neither lost nor made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.swarm.living import Ground
from agents.swarm.living.pheromones import blank, evaporated, laid, smelt, spread

GROUNDS = [Ground(40, 20, torus, (20, 10), (30, 15)) for torus in (False, True)]


def test_a_trail_has_cells_of_two_body_lengths() -> None:
    assert blank(GROUNDS[0]).shape == (10, 20)


@pytest.mark.parametrize("ground", GROUNDS, ids=["walls", "torus"])
@given(seed=st.integers(0, 999), rate=st.floats(0, 0.25))
def test_diffusion_keeps_the_sum_and_makes_nothing_negative(ground: Ground, seed: int, rate: float) -> None:
    trail = np.random.default_rng(seed).exponential(1, (10, 20))
    after = spread(trail, ground, rate)

    assert after.sum() == pytest.approx(trail.sum(), rel=1e-12)
    assert after.min() >= -1e-12
    assert after.max() <= trail.max() + 1e-12


@given(st.integers(0, 999), st.floats(0, 1))
def test_evaporation_takes_its_share(seed: int, rate: float) -> None:
    trail = np.random.default_rng(seed).exponential(1, (10, 20))

    assert evaporated(trail, rate).sum() == pytest.approx(trail.sum() * (1 - rate))


@pytest.mark.parametrize("ground", GROUNDS, ids=["walls", "torus"])
@given(seed=st.integers(0, 999), count=st.integers(0, 50))
def test_what_is_laid_down_is_there_wherever_it_is_laid(ground: Ground, seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    places, amounts = rng.uniform(-5, 45, (count, 2)), rng.exponential(1, count)

    after = laid(blank(ground), places, amounts, ground)

    assert after.sum() == pytest.approx(amounts.sum())
    assert (smelt(after, places, ground) >= amounts - 1e-12).all()


def test_many_in_one_cell_all_lay_down() -> None:
    after = laid(blank(GROUNDS[0]), np.full((5, 2), 3.0), np.ones(5), GROUNDS[0])

    assert after[1, 1] == 5


def test_a_drop_spreads_to_its_four_neighbours_and_round_the_edges_of_a_torus() -> None:
    trail = blank(GROUNDS[1])
    trail[0, 0] = 1

    after = spread(trail, GROUNDS[1], 0.1)

    assert after[0, 0] == pytest.approx(0.6)
    assert [after[0, 1], after[1, 0], after[0, -1], after[-1, 0]] == pytest.approx([0.1] * 4)


def test_walls_let_nothing_through() -> None:
    trail = blank(GROUNDS[0])
    trail[0, 0] = 1

    after = spread(trail, GROUNDS[0], 0.1)

    assert [after[0, 0], after[0, -1], after[-1, 0]] == pytest.approx([0.8, 0, 0])
