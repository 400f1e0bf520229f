"""Routing: which of the agents that can do a piece of work gets it, and why. Pure.

What decides is imported when it is first asked for: it computes with NumPy, which takes a quarter of a second to load,
and a worker whose steps name their agents never routes.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from agents.errors import UnknownStrategy
from agents.routing.values import Decision, LeftOut, Reason, Request, Rule, Sought

if TYPE_CHECKING:
    from agents.routing.caching import LoadBook, Prepared, PreparedCache
    from agents.routing.candidates import Candidates
    from agents.routing.deciding import check_strategy, decide
    from agents.routing.loads import Loads, LoadSource, Standing
    from agents.routing.memory import Memory
    from agents.routing.strategies import STRATEGIES

__all__ = [
    "STRATEGIES",
    "Candidates",
    "Decision",
    "LeftOut",
    "LoadBook",
    "LoadSource",
    "Loads",
    "Memory",
    "Prepared",
    "PreparedCache",
    "Reason",
    "Request",
    "Rule",
    "Sought",
    "Standing",
    "UnknownStrategy",
    "check_strategy",
    "decide",
]

_HOMES = {
    "LoadBook": "caching",
    "Prepared": "caching",
    "PreparedCache": "caching",
    "Candidates": "candidates",
    "check_strategy": "deciding",
    "decide": "deciding",
    "Loads": "loads",
    "LoadSource": "loads",
    "Standing": "loads",
    "Memory": "memory",
    "STRATEGIES": "strategies",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
