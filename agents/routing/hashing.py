"""Rendezvous hashing: for every key its own order of the agents, that no agent's coming or going disturbs.

Each pair of key and agent has a score of its own; the agent with the highest score has the key. An agent that comes
takes just those keys at which it scores highest, one in n + 1 of them; one that goes leaves its keys to whoever was
next. Nothing is shared and nothing is kept: every worker finds the same order. (Thaler and Ravishankar, "Using
name-based mappings to increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998.)
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]

# Of the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). Its
# first shift is left out since digests are mixed already, its last since it would change low digits only.
_FIRST, _SECOND, _27 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB), np.uint64(27)


def digest(text: str) -> int:
    """64 bits of a text, the same in every process and every version of Python."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def digests(texts: Iterable[str]) -> Hashes:
    """The digests of many texts."""
    return np.array([digest(text) for text in texts], dtype=np.uint64)


def scores(agents: Hashes, key: str) -> Hashes:
    """Each agent's score for the key, evenly spread over 64 bits; the higher, the more it is preferred."""
    mixed = agents ^ np.uint64(digest(key))
    mixed *= _FIRST
    mixed ^= mixed >> _27
    mixed *= _SECOND
    return mixed


def weighted_scores(agents: Hashes, key: str, inverse_weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores by which an agent has the part ``weight / sum(weights)`` of the keys; the higher, the more preferred.

    The logarithm of a uniform number over the weight: the first of exponential clocks that run at these rates.
    (Schindelhauer and Schomaker, "Weighted distributed hash tables", SPAA 2005.) What weighs nothing has a large
    number for an inverse, and so no key.
    """
    found = scores(agents, key).astype(np.float64)
    found *= 2.0**-64
    np.log(found, out=found)
    found *= inverse_weights
    return found
