"""Random numbers that need no memory: those of a generation are a function of seed, stream and generation.

Philox is a counter-based generator (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC 2011): its state is a key and a counter. The seed and the stream are the key and the generation is the high part of
the counter, so that whoever knows these three draws the same numbers, whatever was drawn before. A swarm that is
killed and resumed, or asked twice, needs no more of its generator than the number of its generation.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

LARGEST_SEED = 2**53 - 1  # the largest integer that every reader of JSON holds exactly


class Stream(IntEnum):
    """What random numbers are for. A number is part of every result ever made with it: never change one."""

    SCATTER = 1
    PROPOSE = 2
    WORLD = 3
    MOVE = 4
    FORAGE = 5


def generator(seed: int, stream: Stream, generation: int = 0) -> np.random.Generator:
    """The generator of one generation (or step) of one stream: 2^128 numbers that no other one has."""
    counter = np.array([0, 0, generation, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=np.array([seed, stream], dtype=np.uint64), counter=counter))
