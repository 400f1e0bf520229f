"""The aggregations, by the names that blueprints and requests use. A new one is a small class, and a line here."""

from __future__ import annotations

from agents.gather.aggregation import Aggregation
from agents.gather.aggregations.best import Best
from agents.gather.aggregations.everything import Everything
from agents.gather.aggregations.first import First
from agents.gather.aggregations.majority import Majority
from agents.gather.aggregations.merge import Merge
from agents.gather.aggregations.weighted_average import WeightedAverage

AGGREGATIONS: dict[str, type[Aggregation]] = {
    "first": First,
    "all": Everything,
    "majority": Majority,
    "best": Best,
    "weighted_average": WeightedAverage,
    "merge": Merge,
}
