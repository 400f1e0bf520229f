"""Routing: which of the agents that can do a piece of work gets it, and why. Pure."""

from __future__ import annotations

from agents.errors import UnknownStrategy
from agents.routing.caching import LoadBook, Prepared, PreparedCache
from agents.routing.candidates import Candidates
from agents.routing.deciding import check_strategy, decide
from agents.routing.loads import Loads, LoadSource, Standing
from agents.routing.memory import Memory
from agents.routing.strategies import STRATEGIES
from agents.routing.values import Decision, LeftOut, Reason, Request, Rule

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
    "Standing",
    "UnknownStrategy",
    "check_strategy",
    "decide",
]
