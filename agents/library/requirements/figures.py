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


def usage_of(results: Mapping[str, Any]) -> dict[str, Any]:
    """Use of language models in a run: totals, and by agent; all zero where no agent used any.

    An agent that uses one says so in its result: ``usage: {agent: {requests, tokens_in, tokens_out, cost}}``.
    """
    by_agent: dict[str, dict[str, float]] = {}
    for result in _all_results(results):
        for agent, used in (result.get("usage") or {}).items():
            total = by_agent.setdefault(agent, dict.fromkeys(_USAGE, 0))
            for name in _USAGE:
                total[name] += used.get(name, 0)
    totals = {name: sum(used[name] for used in by_agent.values()) for name in _USAGE}
    return {**totals, "by_agent": by_agent}


def _all_results(results: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for result in results.values():
        if isinstance(result, Mapping):
            yield result
        elif isinstance(result, list | tuple):
            yield from (one for one in result if isinstance(one, Mapping))
