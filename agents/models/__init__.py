"""The tables of the agents application."""

from agents.models.knowledge import KnowledgeEdge, KnowledgeNode

__all__ = ["KnowledgeEdge", "KnowledgeNode"]
