"""The strategies, by the names that blueprints and requests use. A new one is a small class, and a line here."""

from __future__ import annotations

from agents.routing.strategies.affinity import Affinity
from agents.routing.strategies.broadcast import Broadcast
from agents.routing.strategies.by_priority import Priority
from agents.routing.strategies.consistent_hash import ConsistentHash
from agents.routing.strategies.content import Content
from agents.routing.strategies.failover import Failover
from agents.routing.strategies.least_loaded import LeastLoaded
from agents.routing.strategies.round_robin import RoundRobin
from agents.routing.strategies.weighted import Weighted
from agents.routing.strategy import Strategy

STRATEGIES: dict[str, type[Strategy]] = {
    "round_robin": RoundRobin,
    "least_loaded": LeastLoaded,
    "weighted": Weighted,
    "content": Content,
    "priority": Priority,
    "affinity": Affinity,
    "broadcast": Broadcast,
    "failover": Failover,
    "consistent_hash": ConsistentHash,
}
