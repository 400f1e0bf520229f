"""A run's requirements as a knowledge graph: nodes for documents, requirements, objects and messages, edges
between them.

Node keys are natural ones: ``requirement:<key>``, ``document:<digest>``, ``object:<name>``,
``message:<name>``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from agents.knowledge.values import Edge, Node
from agents.library.requirements.requirement import Modality, Requirement, Status, normalised

_REFINES_AT_LEAST = 3
_ID = re.compile(r"\bREQ-\d{4,}\b")


def graph_of(
    requirements: Sequence[Requirement],
    documents: Sequence[Mapping[str, Any]],
    contradictions: Iterable[Sequence[str]] = (),
    similar: Iterable[Sequence[str]] = (),
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Nodes and edges of the integrated requirements.

    Edges: ``cites`` (requirement to document, with the place), ``concerns`` (to an object), ``mentions`` (to
    a message), ``refines`` (to a requirement of the same section that it says all of, and more),
    ``duplicates`` (a rejected statement to the one kept for it), ``contradicts`` and ``resembles`` (to
    another requirement).
    """
    accepted = [one for one in requirements if one.status is Status.INTEGRATED]
    digests = {document["id"]: document["sha256"] for document in documents}
    nodes = {node.key: node for node in _nodes(accepted, documents)}
    edges = list(_edges(accepted, digests))
    edges += _duplicate_edges(requirements, accepted)
    edges += _refinements(accepted)
    live = {one.key for one in accepted}
    for kind, pairs in (("contradicts", contradictions), ("resembles", similar)):
        for earlier, later, reason in pairs:
            if earlier in live and later in live:
                edges.append(Edge(_key(later), _key(earlier), kind, {"reason": reason}))
    nodes |= {node.key: node for node in _duplicate_nodes(requirements)}
    return tuple(nodes.values()), tuple(edges)


def _key(requirement_key: str) -> str:
    return f"requirement:{requirement_key}"


def _named(kind: str, name: str) -> str:
    return f"{kind}:{name}"[:255]


def _nodes(accepted: Sequence[Requirement], documents: Sequence[Mapping[str, Any]]) -> Iterator[Node]:
    for document in documents:
        properties = {"media_type": document["media_type"], "title": document["title"]}
        yield Node(_named("document", document["sha256"]), "document", document["name"], properties)
    for one in accepted:
        yield _requirement_node(one)
        for name in one.objects:
            yield Node(_named("object", name), "object", name)
        for name in one.messages:
            yield Node(_named("message", name), "message", name)


def _requirement_node(one: Requirement) -> Node:
    properties: dict[str, str | int | float | bool] = {
        "id": one.id,
        "statement": one.statement,
        "title": one.title,
        "type": one.type.value,
        "modality": one.modality.value,
        "priority": one.priority.value,
        "confidence": one.confidence,
        "status": one.status.value,
        "in_focus": one.in_focus,
        "gdpr": bool(one.gdpr),
        "gobd": bool(one.gobd),
    }
    return Node(_key(one.key), "requirement", one.id or one.title, properties)


def _edges(accepted: Sequence[Requirement], digests: Mapping[str, str]) -> Iterator[Edge]:
    for one in accepted:
        source = _key(one.key)
        if one.citation.document_id in digests:
            target = _named("document", digests[one.citation.document_id])
            yield Edge(source, target, "cites", _place(one))
        for name in one.objects:
            yield Edge(source, _named("object", name), "concerns")
        for name in one.messages:
            yield Edge(source, _named("message", name), "mentions")


def _place(one: Requirement) -> dict[str, str | int | float | bool]:
    cited = one.citation
    place: dict[str, str | int | float | bool] = {
        "section": cited.section,
        "line": cited.line,
        "start": cited.start,
        "end": cited.end,
        "quote": cited.quote,
    }
    return place | ({"page": cited.page} if cited.page else {})


def _duplicates(requirements: Sequence[Requirement]) -> Iterator[tuple[Requirement, str]]:
    """Each duplicate with the id of the requirement that was kept for it."""
    for one in requirements:
        if one.rejection and one.rejection.code == "duplicate" and (kept := _ID.search(one.rejection.reason)):
            yield one, kept.group()


def _duplicate_nodes(requirements: Sequence[Requirement]) -> Iterator[Node]:
    """A duplicate stays in the graph as what it is: a rejected statement, tied to the one that was kept."""
    for one, _ in _duplicates(requirements):
        yield _requirement_node(one)


def _duplicate_edges(requirements: Sequence[Requirement], accepted: Sequence[Requirement]) -> Iterator[Edge]:
    by_id = {one.id: one for one in accepted}
    for one, kept in _duplicates(requirements):
        if kept in by_id and by_id[kept].key != one.key:
            yield Edge(_key(one.key), _key(by_id[kept].key), "duplicates")


def _refinements(accepted: Sequence[Requirement]) -> Iterator[Edge]:
    """A statement refines another of the same force in its section where it says all of it and more."""
    groups: dict[tuple[str, str, Modality], list[tuple[str, frozenset[str]]]] = {}
    for one in accepted:
        group = (one.citation.document_id, one.citation.section, one.modality)
        groups.setdefault(group, []).append((one.key, frozenset(normalised(one.statement).split())))
    for members in groups.values():
        yield from _narrower(members)


def _narrower(members: Sequence[tuple[str, frozenset[str]]]) -> Iterator[Edge]:
    """Each statement is looked up by its rarest word, so that only those with that word are compared with
    it.
    """
    frequency = Counter(word for _, words in members for word in words)
    by_rarest: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for key, words in members:
        if len(words) >= _REFINES_AT_LEAST:
            by_rarest.setdefault(min(words, key=lambda word: (frequency[word], word)), []).append((key, words))
    for key, words in members:
        for word in sorted(words):
            for other, fewer in by_rarest.get(word, ()):
                if fewer < words:
                    yield Edge(_key(key), _key(other), "refines")
