"""The figures of a run: how many requirements of each kind, and what the documents' ledger says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from agents.library.requirements.requirement import Requirement, Status


def figures_of(requirements: Sequence[Requirement]) -> dict[str, Any]:
    """Counts by status; of those that count as requirements also by type, priority and modality."""
    live = [one for one in requirements if one.live]
    return {
        "candidates": len(requirements),
        "by_status": {
            **{status.value: 0 for status in Status},
            **_counted(one.status.value for one in requirements),
        },
        "by_type": _counted(one.type.value for one in live),
        "by_priority": _counted(one.priority.value for one in live),
        "by_modality": _counted(one.modality.value for one in live),
        "rejected_by_reason": _counted(one.rejection.code for one in requirements if one.rejection),
        "findings": _counted(finding.code for one in live for finding in one.findings),
        "in_focus": sum(one.in_focus for one in live),
        "gdpr": sum(bool(one.gdpr) for one in live),
        "gobd": sum(bool(one.gobd) for one in live),
        "retries": sum(one.retries for one in requirements),
        "mean_confidence": round(sum(one.confidence for one in live) / len(live), 3) if live else 0.0,
    }


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


_USAGE = ("requests", "tokens_in", "tokens_out", "cost")


def usage_of(usage: Mapping[str, Mapping[str, float]] | None) -> dict[str, Any]:
    """Use of language models in a run: totals, and by agent; all zero where no agent used any.

    ``usage``: ``{agent: {requests, tokens_in, tokens_out, cost}}``, as the engine has booked it.
    """
    by_agent = {agent: {name: used.get(name, 0) for name in _USAGE} for agent, used in (usage or {}).items()}
    totals = {name: sum(used[name] for used in by_agent.values()) for name in _USAGE}
    return {**totals, "by_agent": by_agent}
