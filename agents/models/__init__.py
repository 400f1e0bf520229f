"""The tables of agents."""

from agents.models.agent import Agent, AgentCapability, AgentEvent, AgentWorker, Registry
from agents.models.call import AgentCall
from agents.models.circuit import CircuitOrder
from agents.models.knowledge import KnowledgeEdge, KnowledgeNode
from agents.models.ownership import AgentOwner

__all__ = [
    "Agent",
    "AgentCall",
    "AgentCapability",
    "AgentEvent",
    "AgentOwner",
    "AgentWorker",
    "CircuitOrder",
    "KnowledgeEdge",
    "KnowledgeNode",
    "Registry",
]
