"""The knowledge graph in PostgreSQL: written as often as one likes, by as many as like, it is the same
graph.
"""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from django.db import connection

from agents.knowledge.store import read_graph, write_graph
from agents.knowledge.values import Edge, Node

NODES = tuple(Node(f"requirement:{number}", "requirement", f"REQ-{number:04d}", {"n": number}) for number in range(40))
EDGES = tuple(Edge(f"requirement:{number}", f"requirement:{number + 1}", "refines") for number in range(39))


def _ends(edge: Edge) -> tuple[str, str]:
    return edge.source, edge.target


@pytest.mark.django_db
def test_a_graph_is_read_as_it_was_written() -> None:
    graph = uuid4()
    assert write_graph(graph, NODES, EDGES) == (40, 39)
    found = read_graph(graph)
    assert sorted(found.edges, key=_ends) == sorted(EDGES, key=_ends)
    assert sorted(found.nodes, key=lambda node: node.key) == sorted(NODES, key=lambda node: node.key)


@pytest.mark.django_db
def test_writing_again_changes_what_changed_and_removes_what_is_gone() -> None:
    graph, other = uuid4(), uuid4()
    write_graph(graph, NODES, EDGES)
    write_graph(other, NODES, EDGES)
    renamed = (Node("requirement:0", "requirement", "renamed"), *NODES[1:20])
    assert write_graph(graph, renamed, EDGES) == (20, 19)
    found = read_graph(graph)
    assert [node.label for node in found.nodes if node.key == "requirement:0"] == ["renamed"]
    assert len(found.edges) == 19
    assert len(read_graph(other).nodes) == 40


@pytest.mark.django_db
def test_an_edge_that_is_no_longer_named_is_removed() -> None:
    graph = uuid4()
    write_graph(graph, NODES, EDGES)
    write_graph(graph, NODES, EDGES[:5])
    assert len(read_graph(graph).edges) == 5


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_write_the_same_graph_at_once_leave_it_as_one_would() -> None:
    graph = uuid4()
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def write(nodes: tuple[Node, ...]) -> None:
        try:
            start.wait(10)
            write_graph(graph, nodes, EDGES)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    workers = [threading.Thread(target=write, args=(nodes,)) for nodes in (NODES, NODES[::-1], NODES, NODES[::-1])]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    assert failures == []
    found = read_graph(graph)
    assert (len(found.nodes), len(found.edges)) == (40, 39)
