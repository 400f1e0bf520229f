"""The knowledge graph in PostgreSQL: written whole, in one transaction, as often as one likes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from agents.knowledge.values import Edge, Graph, Node
from agents.models import KnowledgeEdge, KnowledgeNode

_BATCH = 500


def write_graph(graph_id: UUID | str, nodes: Iterable[Node], edges: Iterable[Edge]) -> tuple[int, int]:
    """Make the project's graph what is given, and return how many nodes and edges it then has.

    Idempotent, and safe where two workers write the same graph at once: the second waits for the first, and
    its rows are upserted by their natural keys. What an earlier run wrote and this one does not name is
    removed. Edges to nodes that are not given are left out.
    """
    identifier = UUID(str(graph_id))
    by_key = {node.key: node for node in nodes}
    ties = {(edge.source, edge.target, edge.kind): edge for edge in edges}
    kept = {tie: edge for tie, edge in ties.items() if edge.source in by_key and edge.target in by_key}
    with transaction.atomic():
        _one_writer(identifier)
        KnowledgeNode.objects.filter(graph=identifier).exclude(key__in=list(by_key)).delete()
        ids = _write_nodes(identifier, by_key)
        _remove_other_edges(identifier, kept.keys())
        _write_edges(identifier, kept, ids)
    return len(by_key), len(kept)


def _one_writer(graph: UUID) -> None:
    """Hold the graph until the transaction ends, so that two writers do not interleave their rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"knowledge graph {graph}"])


def _remove_other_edges(graph: UUID, ties: Collection[tuple[str, str, str]]) -> None:
    known = KnowledgeEdge.objects.filter(graph=graph).values_list("pk", "source__key", "target__key", "kind")
    stale = [pk for pk, source, target, kind in known if (source, target, kind) not in ties]
    KnowledgeEdge.objects.filter(pk__in=stale).delete()


def _write_nodes(graph: UUID, by_key: dict[str, Node]) -> dict[str, int]:
    rows = [
        KnowledgeNode(graph=graph, key=node.key, kind=node.kind, label=node.label, properties=dict(node.properties))
        for _, node in sorted(by_key.items())
    ]
    KnowledgeNode.objects.bulk_create(
        rows,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["graph", "key"],
        update_fields=["kind", "label", "properties"],
    )
    return dict(KnowledgeNode.objects.filter(graph=graph).values_list("key", "pk"))


def _write_edges(graph: UUID, ties: dict[tuple[str, str, str], Edge], ids: dict[str, int]) -> None:
    rows = [
        KnowledgeEdge(
            graph=graph,
            source_id=ids[edge.source],
            target_id=ids[edge.target],
            kind=edge.kind,
            properties=dict(edge.properties),
        )
        for _, edge in sorted(ties.items())
    ]
    KnowledgeEdge.objects.bulk_create(
        rows,
        batch_size=_BATCH,
        update_conflicts=True,
        unique_fields=["source", "target", "kind"],
        update_fields=["properties"],
    )


def read_graph(graph_id: UUID | str) -> Graph:
    """The graph of a project, in the order of keys; empty where the project has none."""
    identifier = UUID(str(graph_id))
    nodes = tuple(
        Node(row.key, row.kind, row.label, row.properties)
        for row in KnowledgeNode.objects.filter(graph=identifier).order_by("key")
    )
    ties = KnowledgeEdge.objects.filter(graph=identifier).order_by("source__key", "target__key", "kind")
    rows = ties.values_list(F("source__key"), F("target__key"), "kind", "properties")
    edges = tuple(Edge(source, target, kind, properties) for source, target, kind, properties in rows)
    return Graph(str(identifier), nodes, edges)


def delete_graph(graph_id: UUID | str) -> int:
    """Remove the project's graph, edges and all, and return how many nodes it had."""
    identifier = UUID(str(graph_id))
    with transaction.atomic():
        _one_writer(identifier)
        KnowledgeEdge.objects.filter(graph=identifier).delete()
        removed, _ = KnowledgeNode.objects.filter(graph=identifier).delete()
    return removed
