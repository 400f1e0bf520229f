"""Scores of keys: even, independent, and the same for ever."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import chisquare

from agents.routing.hashing import digest, digests, scores, weighted_scores

AGENTS = digests(f"0199a2c4-0000-7000-8000-{n:012x}" for n in range(12))
KEYS = [f"project-7:step-{n}" for n in range(20_000)]
"""Ids and keys as they are here: alike but for the last digits."""


def test_a_digest_is_the_same_in_every_process_for_ever() -> None:
    """Other workers, and those of the next version, must find the same agents."""
    assert digest("a key") == 0xA9539F4E9C4DD814
    assert int(scores(digests(["agent"]), "a key")[0]) == 0xCC5606016F7ABE6F


def test_each_agent_gets_an_even_part_of_the_keys() -> None:
    got = Counter(int(scores(AGENTS, key).argmax()) for key in KEYS)

    assert chisquare([got[n] for n in range(12)]).pvalue > 0.001


def test_who_is_second_has_nothing_to_do_with_who_is_first() -> None:
    """So that the keys of an agent that goes are spread over all of the others."""
    pairs = Counter(tuple(np.argsort(scores(AGENTS, key))[:-3:-1].tolist()) for key in KEYS)

    assert len(pairs) == 12 * 11
    assert chisquare(list(pairs.values())).pvalue > 0.001


@pytest.mark.parametrize("weights", [[1.0] * 12, [0.5, 1, 2, 4, 8, 1, 1, 1, 3, 3, 0.1, 20]])
def test_weights_say_how_many_keys_each_gets(weights: list[float]) -> None:
    inverse = 1.0 / np.array(weights)
    got = Counter(int(weighted_scores(AGENTS, key, inverse).argmax()) for key in KEYS)
    expected = np.array(weights) / sum(weights) * len(KEYS)

    assert chisquare([got[n] for n in range(12)], expected).pvalue > 0.001
