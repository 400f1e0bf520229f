"""Gathering: one answer of many, with a quorum, and word of who is missing from it. Pure."""

from __future__ import annotations

from agents.gather.aggregation import Aggregation
from agents.gather.aggregations import AGGREGATIONS
from agents.gather.catalogue import aggregation, find_aggregation
from agents.gather.gathering import Gathering
from agents.gather.values import Absence, Answered, Asked, Combined, Gathered, Missing, Stragglers, Verdict

__all__ = [
    "AGGREGATIONS",
    "Absence",
    "Aggregation",
    "Answered",
    "Asked",
    "Combined",
    "Gathered",
    "Gathering",
    "Missing",
    "Stragglers",
    "Verdict",
    "aggregation",
    "find_aggregation",
]
