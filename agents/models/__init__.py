"""The tables of agents."""

from agents.models.agent import Agent, AgentCapability, AgentEvent, AgentWorker, Registry
from agents.models.circuit import CircuitOrder
from agents.models.knowledge import KnowledgeEdge, KnowledgeNode

__all__ = [
    "Agent",
    "AgentCapability",
    "AgentEvent",
    "AgentWorker",
    "CircuitOrder",
    "KnowledgeEdge",
    "KnowledgeNode",
    "Registry",
]
