"""The tables of agents."""

from agents.models.agent import Agent, AgentCapability
from agents.models.circuit import CircuitOrder
from agents.models.knowledge import KnowledgeEdge, KnowledgeNode

__all__ = ["Agent", "AgentCapability", "CircuitOrder", "KnowledgeEdge", "KnowledgeNode"]
