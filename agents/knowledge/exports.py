"""A knowledge graph as GraphML, JSON-LD, Cypher and JSON.

Every word comes out of somebody's document, so that each format's own rules of escaping are kept to the
letter: markup, quotes, backslashes, control characters and words that look like commands stay what they
are, text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote
from xml.etree import ElementTree

from agents.knowledge.values import Edge, Graph, Node, Scalar

GRAPHML = "http://graphml.graphdrawing.org/xmlns"
VOCABULARY = "urn:phasegate:graph:"

_XML_UNABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_TYPES: tuple[tuple[type, str], ...] = ((bool, "boolean"), (int, "long"), (float, "double"), (str, "string"))


def to_json(graph: Graph) -> str:
    """``{"id", "nodes": [{key, kind, label, properties}], "edges": [{source, target, kind, properties}]}``"""
    value = {
        "id": graph.id,
        "nodes": [
            {"key": node.key, "kind": node.kind, "label": node.label, "properties": dict(node.properties)}
            for node in graph.nodes
        ],
        "edges": [
            {
                "source": edge.source,
                "target": edge.target,
                "kind": edge.kind,
                "properties": dict(edge.properties),
            }
            for edge in graph.edges
        ],
    }
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)


def to_graphml(graph: Graph) -> str:
    """GraphML 1.0; characters that XML cannot hold become U+FFFD."""
    ElementTree.register_namespace("", GRAPHML)
    root = ElementTree.Element(f"{{{GRAPHML}}}graphml")
    keys = _declare_keys(root, graph)
    body = ElementTree.SubElement(root, f"{{{GRAPHML}}}graph", id=_xml(graph.id), edgedefault="directed")
    ids = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        element = ElementTree.SubElement(body, f"{{{GRAPHML}}}node", id=ids[node.key])
        _write_data(element, keys, "node", _fields_of(node))
    for number, edge in enumerate(_joined(graph, ids)):
        attributes = {"id": f"e{number}", "source": ids[edge.source], "target": ids[edge.target]}
        element = ElementTree.SubElement(body, f"{{{GRAPHML}}}edge", attributes)
        _write_data(element, keys, "edge", {**_free(edge.properties), "kind": edge.kind})
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


_TAKEN = frozenset({"graph", "key", "kind", "label", "source", "target", "relation"})


def _free(properties: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Properties whose names do not hide what a node or edge says of itself: ``key`` becomes ``key_``."""
    return {f"{name}_" if name in _TAKEN else name: value for name, value in properties.items()}


_Keys = dict[tuple[str, str, str], str]


def _fields_of(node: Node) -> dict[str, Scalar]:
    return {**_free(node.properties), "key": node.key, "kind": node.kind, "label": node.label}


def _declare_keys(root: ElementTree.Element, graph: Graph) -> _Keys:
    """One key for each name and type in use, on nodes and on edges."""
    used = {("node", name, _type_of(value)) for node in graph.nodes for name, value in _fields_of(node).items()}
    used |= {
        ("edge", name, _type_of(value))
        for edge in graph.edges
        for name, value in {**_free(edge.properties), "kind": edge.kind}.items()
    }
    keys: _Keys = {}
    for number, (domain, name, kind) in enumerate(sorted(used)):
        keys[domain, name, kind] = f"d{number}"
        attributes = {"id": f"d{number}", "for": domain, "attr.name": _xml(name), "attr.type": kind}
        ElementTree.SubElement(root, f"{{{GRAPHML}}}key", attributes)
    return keys


def _write_data(element: ElementTree.Element, keys: _Keys, domain: str, values: Mapping[str, Scalar]) -> None:
    for name, value in values.items():
        data = ElementTree.SubElement(element, f"{{{GRAPHML}}}data", key=keys[domain, name, _type_of(value)])
        data.text = str(value).lower() if isinstance(value, bool) else _xml(str(value))


def _type_of(value: Scalar) -> str:
    return next(name for kind, name in _TYPES if isinstance(value, kind))


def _xml(text: str) -> str:
    return _XML_UNABLE.sub("\ufffd", text)


def _joined(graph: Graph, known: Iterable[str]) -> list[Edge]:
    """The edges whose two ends are in the graph."""
    keys = set(known)
    return [edge for edge in graph.edges if edge.source in keys and edge.target in keys]


def to_json_ld(graph: Graph) -> str:
    """JSON-LD 1.1: each node an object with ``@id`` and ``@type``, each edge a property that points at its
    target.

    Properties of an edge, where it has any, are told by an object of its own (``Relation``).
    """
    edges: dict[str, dict[str, list[dict[str, str]]]] = {}
    relations: list[dict[str, object]] = []
    for number, edge in enumerate(_joined(graph, (node.key for node in graph.nodes))):
        target = {"@id": _iri(graph, edge.target)}
        edges.setdefault(edge.source, {}).setdefault(_term(edge.kind), []).append(target)
        if edge.properties:
            relations.append(_relation(graph, edge, number))
    nodes: list[dict[str, object]] = [
        {
            "@id": _iri(graph, node.key),
            "@type": _term(node.kind),
            "key": node.key,
            "label": node.label,
            **{_term(name): value for name, value in _free(node.properties).items()},
            **edges.get(node.key, {}),
        }
        for node in graph.nodes
    ]
    document = {
        "@context": {"@version": 1.1, "@vocab": VOCABULARY},
        "@id": _iri(graph, ""),
        "@graph": nodes + relations,
    }
    return json.dumps(document, ensure_ascii=False, indent=1)


def _relation(graph: Graph, edge: Edge, number: int) -> dict[str, object]:
    return {
        "@id": f"{_iri(graph, '')}#relation-{number}",
        "@type": "Relation",
        "relation": _term(edge.kind),
        "source": {"@id": _iri(graph, edge.source)},
        "target": {"@id": _iri(graph, edge.target)},
        **{_term(name): value for name, value in _free(edge.properties).items()},
    }


def _iri(graph: Graph, key: str) -> str:
    base = f"urn:phasegate:graph:{quote(graph.id, safe='')}"
    return f"{base}:{quote(key, safe='')}" if key else base


def _term(name: str) -> str:
    """A name fit for a compact IRI of the vocabulary: no colon, no leading ``@``."""
    return quote(name, safe="")


def to_cypher(graph: Graph) -> str:
    """openCypher statements, one a line, that may be run again without making anything twice.

    Nodes are ``:Entity`` with the kind as second label; kinds become labels only where they are plain
    identifiers, so that no name can end a label and begin a command; values are string literals with every
    special character escaped.
    """
    lines = [_cypher_node(graph, node) for node in graph.nodes]
    lines += [_cypher_edge(graph, edge) for edge in _joined(graph, (node.key for node in graph.nodes))]
    return "\n".join(lines) + ("\n" if lines else "")


def _cypher_node(graph: Graph, node: Node) -> str:
    properties = _cypher_map({**_free(node.properties), "label": node.label, "kind": node.kind})
    identity = _cypher_map({"graph": graph.id, "key": node.key})
    return f"MERGE (n:Entity {identity}) SET n:{_cypher_name(node.kind, 'Thing')} SET n += {properties};"


def _cypher_edge(graph: Graph, edge: Edge) -> str:
    source = _cypher_map({"graph": graph.id, "key": edge.source})
    target = _cypher_map({"graph": graph.id, "key": edge.target})
    kind = _cypher_name(edge.kind, "RELATED").upper()
    properties = f" SET r += {_cypher_map({'kind': edge.kind, **edge.properties})}"
    return f"MATCH (a:Entity {source}), (b:Entity {target}) MERGE (a)-[r:{kind}]->(b){properties};"


def _cypher_name(name: str, otherwise: str) -> str:
    camel = name if _IDENTIFIER.fullmatch(name) else otherwise
    return camel[0].upper() + camel[1:]


def _cypher_map(values: Mapping[str, Scalar]) -> str:
    return "{" + ", ".join(f"{_cypher_key(name)}: {_cypher_value(value)}" for name, value in values.items()) + "}"


def _cypher_key(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else "`" + _cypher_text(name).replace("`", "``") + "`"


def _cypher_value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, int | float) else f"'{_cypher_text(value)}'"


_CYPHER_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _cypher_text(text: str) -> str:
    """Escapes of openCypher 9; line separators and control characters go by their code, so that a line
    stays a line.
    """
    return "".join(
        _CYPHER_ESCAPES.get(character) or (character if character.isprintable() else _by_code(character))
        for character in text
    )


def _by_code(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


EXPORTS: dict[str, tuple[Callable[[Graph], str], str]] = {
    "graphml": (to_graphml, "application/xml"),
    "jsonld": (to_json_ld, "application/ld+json"),
    "cypher": (to_cypher, "text/plain"),
    "json": (to_json, "application/json"),
}
"""Format by name: the function that writes it, and its media type."""
