"""Arrays as JSON holds them, to the last bit.

An array is its type, its shape and the base64 of its little-endian bytes: a third of the length of decimals, ten times
as quick, and safe where JSON is not: PostgreSQL's ``jsonb`` knows no negative zero, JSON no infinity.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.swarm.errors import SwarmStateUnreadable

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
Array = NDArray[Any]

_TYPES = {"f8": np.dtype("<f8"), "i8": np.dtype("<i8"), "b1": np.dtype("?")}


def packed(array: Array) -> dict[str, Any]:
    """An array of floats, integers or booleans, for JSON."""
    name = {"f": "f8", "i": "i8", "u": "i8", "b": "b1"}[array.dtype.kind]
    data = np.ascontiguousarray(array, dtype=_TYPES[name]).tobytes()
    return {"type": name, "shape": list(array.shape), "data": base64.b64encode(data).decode("ascii")}


def unpacked(given: Mapping[str, Any]) -> Array:
    """The array again. Raises ``SwarmStateUnreadable``."""
    try:
        data = base64.b64decode(given["data"], validate=True)
        shape = [int(length) for length in given["shape"]]
        array = np.frombuffer(data, dtype=_TYPES[given["type"]]).reshape(shape)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise SwarmStateUnreadable(f"An array of the swarm cannot be read: {error}") from None
    return array.astype(array.dtype.newbyteorder("="), copy=True)
