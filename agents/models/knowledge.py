"""The knowledge graph's tables: nodes and edges, by the project whose graph they belong to.

Natural keys make writing idempotent: a node is known by its graph and key, an edge by its graph, ends and
kind, so that two workers that write the same graph at the same time leave it as one would.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class KnowledgeNode(models.Model):
    """A thing that a project knows of: a requirement, a document, an object, a message."""

    graph = models.UUIDField(help_text="The project whose knowledge this is.")
    kind = models.CharField(max_length=63)
    key = models.CharField(max_length=255, help_text="Unique in its graph, the same in every run over the same input.")
    label = models.TextField()
    properties = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["graph", "key"], name="knowledge_node_once_a_graph"),
            models.CheckConstraint(condition=~Q(key=""), name="knowledge_node_has_key"),
        ]
        # Serves "all requirements of a project", the commonest question.
        indexes = [models.Index(fields=["graph", "kind"], name="knowledge_node_by_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.label}"


class KnowledgeEdge(models.Model):
    """A tie between two nodes of one graph."""

    graph = models.UUIDField(help_text="The project whose knowledge this is.")
    source = models.ForeignKey(KnowledgeNode, on_delete=models.CASCADE, related_name="edges_out")
    target = models.ForeignKey(KnowledgeNode, on_delete=models.CASCADE, related_name="edges_in")
    kind = models.CharField(max_length=63)
    properties = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "target", "kind"], name="knowledge_edge_once"),
        ]
        indexes = [models.Index(fields=["graph", "kind"], name="knowledge_edge_by_kind")]

    def __str__(self) -> str:
        return f"{self.source_id} {self.kind} {self.target_id}"
