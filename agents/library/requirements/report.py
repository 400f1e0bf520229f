"""The report of a requirements project, at the end and on the way there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agents.library.requirements.figures import figures_of, usage_of
from agents.library.requirements.requirement import Requirement, Status
from agents.library.requirements.run import settled
from agents.reporting import Cell, Facts, Items, ReportContent, Section, Table, counted

TITLE = "Requirements"


def build_report(
    results: Mapping[str, Any],
    states: Mapping[str, str],
    *,
    usage: Mapping[str, Mapping[str, float]] | None = None,
) -> ReportContent:
    """The report from the steps' results and states by step key; steps that have not run may be missing.

    ``usage`` is what agents used of language models: ``{agent: {requests, tokens_in, tokens_out, cost}}``.

    Data: ``figures``, ``documents``, ``requirements``, ``rejected``, ``failed``, ``gdpr``, ``gobd``,
    ``ledger``, ``usage``, ``steps``, ``complete``.
    """
    requirements = settled(results)
    outline = results.get("outline") or {}
    consolidated = results.get("consolidate") or {}
    figures = figures_of(requirements)
    used = usage_of(usage)
    sections = (
        _summary(figures, outline, consolidated, states, _note(results)),
        _documents(outline),
        *_counts(figures),
        *_listings(requirements),
        *_tracking(requirements),
        *_related(consolidated, requirements),
        *_turned_down(requirements),
        _missed(consolidated),
        _use(used),
    )
    return ReportContent(TITLE, sections, _data(requirements, outline, consolidated, figures, used, states))


def _summary(
    figures: Mapping[str, Any],
    outline: Mapping[str, Any],
    consolidated: Mapping[str, Any],
    states: Mapping[str, str],
    note: str,
) -> Facts:
    by_status = figures["by_status"]
    facts: list[tuple[str, Cell]] = [
        ("State", "complete" if _complete(states) else _how_far(states)),
        ("Documents", len(outline.get("documents", ()))),
        ("Candidates", figures["candidates"]),
        *((status.value.capitalize(), by_status[status.value]) for status in Status),
        ("In focus", figures["in_focus"]),
        ("GDPR relevant", figures["gdpr"]),
        ("GoBD relevant", figures["gobd"]),
        ("Mean confidence", figures["mean_confidence"]),
        ("Rounds of revision", figures["retries"]),
    ]
    if "coverage" in consolidated:
        ledger = consolidated["ledger"]
        facts.append(
            (
                "Normative words accounted for",
                f"{ledger['words'] - ledger['missed_words']} of {ledger['words']}",
            )
        )
        facts.append(("Citations verified", f"{consolidated['citations_verified']:.0%}"))
    if note:
        facts.append(("Note of the approver", note))
    return Facts("Summary", tuple(facts))


def _note(results: Mapping[str, Any]) -> str:
    decision = (results.get("graph") or {}).get("decision") or {}
    return str(decision.get("note") or "").strip()


def _complete(states: Mapping[str, str]) -> bool:
    return bool(states) and all(state in ("completed", "skipped") for state in states.values())


def _how_far(states: Mapping[str, str]) -> str:
    done = sum(1 for state in states.values() if state in ("completed", "skipped"))
    return f"{done} of {len(states)} steps done"


def _documents(outline: Mapping[str, Any]) -> Table:
    rows = tuple(
        (
            one["name"],
            one["title"],
            one["media_type"],
            one["characters"],
            one["clauses"],
            _conventions(one),
            one["sha256"],
        )
        for one in outline.get("documents", ())
    )
    return Table("Documents", ("Name", "Title", "Type", "Characters", "Clauses", "Key words", "SHA-256"), rows)


def _conventions(document: Mapping[str, Any]) -> str:
    conventions = document["conventions"]
    if conventions["capitals_only"]:
        return "declared, in capitals (RFC 2119/8174)"
    return "list of requirements" if conventions["requirement_list"] else "not declared: shall, must, should, may"


def _counts(figures: Mapping[str, Any]) -> tuple[Section, ...]:
    return (
        counted("By type", "Type", figures["by_type"]),
        counted("By priority", "Priority", figures["by_priority"]),
        counted("By modality", "Modality", figures["by_modality"]),
        counted("Findings", "Finding", figures["findings"]),
        counted("Rejected, by reason", "Reason", figures["rejected_by_reason"]),
    )


def _listings(requirements: Sequence[Requirement]) -> tuple[Section, ...]:
    """What is in focus first, then the rest."""
    live = [one for one in requirements if one.live]
    focused = [one for one in live if one.in_focus]
    rest = [one for one in live if not one.in_focus]
    if not focused:
        return (_listing("Requirements", rest),)
    return (_listing("Requirements in focus", focused), _listing("Other requirements", rest))


def _listing(title: str, requirements: Sequence[Requirement]) -> Table:
    columns = ("Id", "Statement", "Type", "Priority", "Modality", "Confidence", "Findings", "Source")
    rows = tuple(
        (
            one.id or one.status.value,
            one.statement,
            one.type.value.replace("_", " "),
            one.priority.value,
            one.modality.value.replace("_", " "),
            one.confidence,
            ", ".join(dict.fromkeys(finding.code for finding in one.findings)),
            one.citation.place(),
        )
        for one in requirements
    )
    return Table(title, columns, rows)


def _tracking(requirements: Sequence[Requirement]) -> tuple[Section, ...]:
    live = [one for one in requirements if one.live]
    columns = ("Id", "Statement", "Why", "Source")
    gdpr = tuple((one.id, one.statement, one.gdpr, one.citation.place()) for one in live if one.gdpr)
    gobd = tuple((one.id, one.statement, one.gobd, one.citation.place()) for one in live if one.gobd)
    return Table("GDPR tracking", columns, gdpr), Table("GoBD tracking", columns, gobd)


def _related(consolidated: Mapping[str, Any], requirements: Sequence[Requirement]) -> tuple[Section, ...]:
    ids = {one.key: one.id or one.key for one in requirements}

    def rows(name: str) -> tuple[tuple[Cell, ...], ...]:
        return tuple((ids.get(a, a), ids.get(b, b), why) for a, b, why in consolidated.get(name, ()))

    return (
        Table("Contradictions", ("Requirement", "Contradicted by", "How"), rows("contradictions")),
        Table("Much alike", ("Requirement", "Resembled by", "How much"), rows("similar")),
    )


def _turned_down(requirements: Sequence[Requirement]) -> tuple[Section, ...]:
    rejected = tuple(
        (one.statement, one.keyword, one.rejection.reason if one.rejection else "", one.citation.place())
        for one in requirements
        if one.status is Status.REJECTED
    )
    failed = tuple(
        (
            one.statement,
            "; ".join(finding.message for finding in one.findings),
            one.retries,
            one.citation.place(),
        )
        for one in requirements
        if one.status is Status.FAILED
    )
    return (
        Table("Rejected", ("Statement", "Key word", "Reason", "Source"), rejected),
        Table("Failed", ("Statement", "Reason", "Rounds", "Source"), failed),
    )


def _missed(consolidated: Mapping[str, Any]) -> Items:
    missed = consolidated.get("ledger", {}).get("missed", ())
    told = tuple(f"{one['document']}, line {one['line']}: '{one['word']}' in … {one['around']} …" for one in missed)
    return Items("Normative words not accounted for", told)


def _use(usage: Mapping[str, Any]) -> Table:
    columns = ("Agent", "Requests", "Tokens in", "Tokens out", "Cost")
    names = ("requests", "tokens_in", "tokens_out", "cost")
    rows = [(agent, *(used[name] for name in names)) for agent, used in sorted(usage["by_agent"].items())]
    rows.append(("all", *(usage[name] for name in names)))
    return Table("Language model use", columns, tuple(rows))


def _data(
    requirements: Sequence[Requirement],
    outline: Mapping[str, Any],
    consolidated: Mapping[str, Any],
    figures: Mapping[str, Any],
    usage: Mapping[str, Any],
    states: Mapping[str, str],
) -> dict[str, Any]:
    return {
        "complete": _complete(states),
        "figures": dict(figures),
        "documents": list(outline.get("documents", ())),
        "requirements": [one.to_json() | {"priority": one.priority.value} for one in requirements if one.live],
        "rejected": [one.to_json() for one in requirements if one.status is Status.REJECTED],
        "failed": [one.to_json() for one in requirements if one.status is Status.FAILED],
        "gdpr": {one.id or one.key: one.gdpr for one in requirements if one.live and one.gdpr},
        "gobd": {one.id or one.key: one.gobd for one in requirements if one.live and one.gobd},
        "contradictions": [list(one) for one in consolidated.get("contradictions", ())],
        "ledger": dict(consolidated.get("ledger", {})),
        "citations_verified": consolidated.get("citations_verified"),
        "usage": dict(usage),
        "steps": dict(states),
    }
