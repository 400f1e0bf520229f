"""The knowledge graph's exports: what goes in comes out, whatever it is made of."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from agents.knowledge.exports import EXPORTS, GRAPHML, to_cypher, to_graphml, to_json, to_json_ld
from agents.knowledge.values import Edge, Graph, Node

NASTY = "He said \"it's\" ]]> <b>&amp; \\ 'x'}) DETACH DELETE n; // \n\t\u2028 ÄÖ 日本 \U0001f600 ` ${x}"


def _graph(label: str = "label", value: str = "value", key: str = "requirement:1", kind: str = "requirement") -> Graph:
    nodes = (
        Node(key, kind, label, {"statement": value, "confidence": 0.5, "gdpr": True, "line": 7}),
        Node("document:1", "document", "text.txt"),
    )
    return Graph("0192f3a0-0000-7000-8000-000000000001", nodes, (Edge(key, "document:1", "cites", {"quote": value}),))


def _cypher_strings(text: str) -> list[str]:
    """The string literals of openCypher statements, unescaped by its own rules."""
    found = re.findall(r"'((?:[^'\\]|\\.)*)'", text)
    codes = {"n": "\n", "r": "\r", "t": "\t"}

    def plain(match: re.Match[str]) -> str:
        escape = match.group(1)
        return chr(int(escape[1:], 16)) if escape[0] in "uU" else codes.get(escape, escape)

    return [re.sub(r"\\(u[0-9a-f]{4}|U[0-9a-f]{8}|.)", plain, one) for one in found]


def test_graphml_is_well_formed_and_holds_every_value() -> None:
    root = etree.fromstring(to_graphml(_graph(NASTY, NASTY)).encode())
    names = {key.get("id"): key.get("attr.name") for key in root.iter(f"{{{GRAPHML}}}key")}
    node = next(root.iter(f"{{{GRAPHML}}}node"))
    values = {names[data.get("key")]: data.text for data in node}
    assert values["label"] == NASTY
    assert values["statement"] == NASTY
    assert values["gdpr"] == "true"
    assert values["line"] == "7"


def test_graphml_declares_each_key_with_its_type_and_ties_edges_to_nodes() -> None:
    root = etree.fromstring(to_graphml(_graph()).encode())
    types = {
        key.get("attr.name"): key.get("attr.type") for key in root.iter(f"{{{GRAPHML}}}key") if key.get("for") == "node"
    }
    assert (types["confidence"], types["gdpr"], types["line"], types["label"]) == (
        "double",
        "boolean",
        "long",
        "string",
    )
    ids = {node.get("id") for node in root.iter(f"{{{GRAPHML}}}node")}
    (edge,) = root.iter(f"{{{GRAPHML}}}edge")
    assert {edge.get("source"), edge.get("target")} == ids


def test_graphml_replaces_what_xml_cannot_hold() -> None:
    root = etree.fromstring(to_graphml(_graph("a\x00b\x1b\ufffe")).encode())
    assert "a\ufffdb\ufffd\ufffd" in [data.text for data in root.iter(f"{{{GRAPHML}}}data")]


def test_json_ld_round_trips() -> None:
    document = json.loads(to_json_ld(_graph(NASTY, NASTY, key="requirement:a b/ü:c")))
    first = document["@graph"][0]
    assert first["@type"] == "requirement"
    assert (first["label"], first["statement"], first["key"]) == (NASTY, NASTY, "requirement:a b/ü:c")
    assert unquote(first["@id"]).endswith("requirement:a b/ü:c")
    targets = {node["@id"] for node in document["@graph"]}
    assert first["cites"][0]["@id"] in targets
    relation = document["@graph"][-1]
    assert (relation["@type"], relation["relation"], relation["quote"]) == ("Relation", "cites", NASTY)


def test_a_property_cannot_hide_what_a_node_says_of_itself() -> None:
    graph = Graph("g", (Node("k", "thing", "name", {"key": "forged", "label": "forged", "@id": "forged"}),))
    (node,) = json.loads(to_json_ld(graph))["@graph"]
    assert (node["key"], node["label"], node["key_"]) == ("k", "name", "forged")
    assert node["@id"] != "forged"
    assert "key: 'forged'" not in to_cypher(graph)


def test_cypher_holds_every_value_and_nothing_gets_out_of_its_quotes() -> None:
    text = to_cypher(_graph(NASTY, NASTY))
    assert NASTY in _cypher_strings(text)
    outside = re.sub(r"'(?:[^'\\]|\\.)*'", "", text)
    assert "DELETE" not in outside
    assert all(line.endswith(";") for line in text.splitlines())
    assert len(text.splitlines()) == 3


def test_cypher_takes_no_command_from_a_kind_or_a_property_name() -> None:
    kind = "x) DETACH DELETE (n"
    graph = Graph("g", (Node("a", kind, "A", {"n`}) DETACH DELETE n //": 1}),), (Edge("a", "a", kind),))
    text = to_cypher(graph)
    outside = re.sub(r"`(?:[^`]|``)*`", "", re.sub(r"'(?:[^'\\]|\\.)*'", "", text))
    assert "DELETE" not in outside
    assert ":Thing" in text
    assert ":RELATED" in text


def test_json_holds_the_graph_as_it_is() -> None:
    value = json.loads(to_json(_graph(NASTY)))
    assert value["nodes"][0]["label"] == NASTY
    assert value["edges"] == [
        {"source": "requirement:1", "target": "document:1", "kind": "cites", "properties": {"quote": "value"}}
    ]


def test_an_edge_without_its_node_is_left_out() -> None:
    graph = Graph("g", (Node("a", "thing", "A"),), (Edge("a", "gone", "cites"),))
    assert "gone" not in to_graphml(graph) + to_cypher(graph) + to_json_ld(graph)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_every_export(text: str) -> None:
    graph = _graph(label=text, value=text)
    for write, _ in EXPORTS.values():
        assert write(graph)
    assert text in _cypher_strings(to_cypher(graph))
    assert json.loads(to_json_ld(graph))["@graph"][0]["label"] == text
    etree.fromstring(to_graphml(graph).encode())
