"""The agents of the requirements blueprint: each takes a context, calls one pure function, and returns JSON
values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.definition import AgentContext, agent
from agents.errors import PermanentFailure
from agents.knowledge.store import write_graph
from agents.library.requirements.cache import opened
from agents.library.requirements.creator import create
from agents.library.requirements.edits import with_edits
from agents.library.requirements.evidence import summary_of
from agents.library.requirements.figures import figures_of
from agents.library.requirements.focus import focus_for
from agents.library.requirements.graph import graph_of
from agents.library.requirements.integration import Policy, integrate, ledgers, verified_share
from agents.library.requirements.opened import OpenDocument
from agents.library.requirements.outline import MOST_CLAUSES, describe, parts_of
from agents.library.requirements.requirement import Requirement
from agents.library.requirements.review import review
from agents.library.requirements.run import decisions_of, reviewed, settled


@agent("document-reader", capabilities={"requirements.read": "1.0"})
def read_documents(context: AgentContext) -> dict[str, Any]:
    """Reads every document and lays out the parts that the next phase works through."""
    documents = []
    for number in range(len(context.documents)):
        documents.append(_document(context, number))
        context.heartbeat({"documents": number + 1})
    clauses = sum(len(document.clauses) for document in documents)
    if clauses > MOST_CLAUSES:
        raise PermanentFailure(
            f"The documents hold {clauses:,} clauses; a project takes {MOST_CLAUSES:,}. Make several projects of them."
        )
    parts = [part for document in documents for part in parts_of(document)]
    if not parts:
        raise PermanentFailure("The documents hold no text: there is nothing to extract requirements from.")
    return {"documents": [describe(document) for document in documents], "parts": parts}


@agent("requirement-creator", capabilities={"requirements.create": "1.0"})
def create_requirements(context: AgentContext) -> dict[str, Any]:
    """Finds the normative statements of one part of a document, or says why a passage is none."""
    part = context.params["part"]
    document = _document(context, part["document"])
    focus = focus_for(context.inputs, context.intent)
    found = create(document, part["first_clause"], part["last_clause"], focus)
    return {
        "document": part["document"],
        "part": part["part"],
        "candidates": [one.to_json() for one in found],
        "counts": figures_of(found)["by_status"],
    }


@agent("requirement-validator", capabilities={"requirements.validate": "1.0"})
def validate_requirements(context: AgentContext) -> dict[str, Any]:
    """Checks each candidate against its document, and has the creator mend what can be mended."""
    created = context.params["created"]
    document = _document(context, created["document"])
    focus = focus_for(context.inputs, context.intent)
    candidates = [Requirement.from_json(one) for one in created["candidates"]]
    settled_ones = review(candidates, document, focus)
    return {
        "document": created["document"],
        "part": created["part"],
        "requirements": [one.to_json() for one in settled_ones],
        "counts": figures_of(settled_ones)["by_status"],
    }


@agent("requirement-integrator", capabilities={"requirements.integrate": "1.0"})
def integrate_requirements(context: AgentContext) -> dict[str, Any]:
    """Brings all requirements of a run together: ids, duplicates, contradictions, and the completeness
    ledger.
    """
    integrated = integrate(reviewed(context.results), Policy.from_inputs(context.inputs), context.rework)
    context.heartbeat({"integrated": len(integrated.accepted)})
    documents = [_document(context, number) for number in range(len(context.documents))]
    books = ledgers(integrated.requirements, documents)
    verified = verified_share(integrated.requirements, documents)
    return {
        **summary_of(integrated, books, verified),
        "comments": list(context.rework),
        "decisions": decisions_of(integrated),
        "duplicates": [list(one) for one in integrated.duplicates],
        "contradictions": [list(one) for one in integrated.contradictions],
        "similar": [list(one) for one in integrated.similar],
    }


@agent("knowledge-graph", capabilities={"requirements.graph": "1.0"})
def write_knowledge_graph(context: AgentContext) -> dict[str, Any]:
    """Writes the integrated requirements, and what they speak of, to the project's knowledge graph."""
    consolidated = context.results["consolidate"]
    documents = context.results["outline"]["documents"]
    decision = context.params.get("decision") or {}
    approved = with_edits(settled(context.results), decision)
    nodes, edges = graph_of(approved, documents, consolidated["contradictions"], consolidated["similar"])
    node_count, edge_count = write_graph(context.project_id, nodes, edges)
    return {"nodes": node_count, "edges": edge_count, "decision": dict(decision)}


@agent("requirement-reporter", capabilities={"requirements.report": "1.0"})
def report_requirements(context: AgentContext) -> dict[str, Any]:
    """Sums up the run; the report itself is built from the steps' results whenever somebody asks for it."""
    consolidated: Mapping[str, Any] = context.results["consolidate"]
    return {
        "figures": figures_of(settled(context.results)),
        "coverage": consolidated["coverage"],
        "citations_verified": consolidated["citations_verified"],
        "graph": context.results.get("graph"),
    }


def _document(context: AgentContext, number: int) -> OpenDocument:
    return opened(context.documents[number], number, str(context.inputs.get("language", "auto")))
