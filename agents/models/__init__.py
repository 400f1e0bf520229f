"""The tables of agents."""

from agents.models.agent import Agent, AgentCapability
from agents.models.call import AgentCall
from agents.models.knowledge import KnowledgeEdge, KnowledgeNode

__all__ = ["Agent", "AgentCall", "AgentCapability", "KnowledgeEdge", "KnowledgeNode"]
