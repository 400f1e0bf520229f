"""What the agents of the emissions blueprint do: each takes a context, calls one pure function, returns JSON values."""

from __future__ import annotations

from typing import Any

from agents.definition import AgentContext
from agents.errors import PermanentFailure
from agents.library.emissions.calculating import calculate
from agents.library.emissions.collecting import CHUNK_ROWS, duplicates_of, lay_out, repeated
from agents.library.emissions.columns import OWN, pack
from agents.library.emissions.combining import combine, in_tonnes
from agents.library.emissions.opened import factors_of, table_of, tables_of
from agents.library.emissions.reading import Slice
from agents.library.emissions.values import VERSION
from agents.library.emissions.verifying import contradictions


def collect(context: AgentContext) -> dict[str, Any]:
    """Opens every table and lays out the chunks that the calculation works through."""
    tables = tables_of(context.documents, context.inputs)
    factors = factors_of(context.documents, context.inputs)
    size = int(context.inputs.get("chunk_rows", CHUNK_ROWS))
    chunks = lay_out([(number, table) for number, (_, table) in tables.items()], size)
    return {
        "calculation": VERSION,
        "documents": [
            {"number": number, "name": name, "sha256": context.documents[number].sha256, **table.describe()}
            for number, (name, table) in tables.items()
        ],
        "rows": sum(table.rows for _, table in tables.values()),
        "factors": {"count": len(factors.factors), "digest": factors.digest},
        "chunks": chunks,
    }


def validate(context: AgentContext) -> dict[str, Any]:
    """Finds rows that repeat others, across all tables."""
    tables = tables_of(context.documents, context.inputs)
    found = repeated([(number, name, table) for number, (name, table) in tables.items()])
    rows = sum(table.rows for _, table in tables.values())
    doubles = sum(len(rows_of) for rows_of in found.values())
    return {"rows": rows, "duplicates": found, "duplicate_rows": doubles}


def calculate_chunk(context: AgentContext) -> dict[str, Any]:
    """Calculates the rows of one chunk; rows that cannot be are set aside with the reason."""
    chunk = context.params["chunk"]
    document = int(chunk["document"])
    table = table_of(context.documents[document], str(context.inputs.get("decimal", "auto")))
    factors = factors_of(context.documents, context.inputs)
    figures = calculate(
        table.read(Slice.from_json(chunk)),
        chunk["first"],
        table=factors,
        mark=table.mark,
        defaults=table.header.defaults,
        duplicates=duplicates_of(context.results["validate"]["duplicates"], document),
    )
    return pack(figures, factors, document, chunk["first"], chunk["rows"])


def combine_chunks(context: AgentContext) -> dict[str, Any]:
    """Brings all chunks together: totals, the largest suppliers, what stands out, the root of all digests."""
    return combine(context.results["calculate"], context.results["collect"]["chunks"])


def verify(context: AgentContext) -> dict[str, Any]:
    """Adds everything up again and takes the root again; what does not fit is told."""
    found = contradictions(context.results["calculate"], context.results["combine"])
    return {"holds": not found, "contradictions": found, "root": context.results["combine"]["root"]}


def report(context: AgentContext) -> dict[str, Any]:
    """Sums up the run, with every factor that was used; the report is built from this whenever somebody asks."""
    combined = context.results["combine"]
    verified = context.results["verify"]
    if not verified["holds"]:
        raise PermanentFailure(f"The results contradict each other: {'; '.join(verified['contradictions'])}.")
    factors = factors_of(context.documents, context.inputs)
    used = [factors.factors[factors.place(each)].to_json() for each in combined["by_factor"] if each != OWN]
    return {"tonnes": in_tonnes(combined["milligrams"]), "root": combined["root"], "factors": used}
