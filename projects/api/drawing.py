"""Reading the present plan of a project in a handful of queries, for its state and its graph."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from django.db.models import Count, F

from projects.models import Dependency, Phase, Project, Step


def state_of(project: Project) -> dict[str, Any]:
    """The project with its phases, each with the steps of its present round, without their items."""
    steps: dict[Any, list[dict[str, Any]]] = {}
    for step in _present_steps(project).values("phase_id", "key", "round", "state"):
        steps.setdefault(step["phase_id"], []).append(step)
    return {
        "project": project.pk,
        "state": project.state,
        "directive": project.directive,
        "directive_since": project.directive_since,
        "plan_version": project.plan_version,
        "phases": [
            {"key": phase.key, "state": phase.state, "round": phase.round, "steps": steps.get(phase.pk, [])}
            for phase in project.phases.order_by("position")
        ],
    }


def graph_of(project: Project) -> dict[str, list[dict[str, Any]]]:
    """``{"nodes", "edges"}``: phases, their steps, their gates; needs, and the order of phases."""
    phases = list(project.phases.order_by("position"))
    steps = list(_present_steps(project).select_related("phase"))
    needs = list(Dependency.objects.filter(step__in=[step.pk for step in steps]).values_list("needs__key", "step__key"))
    counts = _item_counts(project)
    nodes: list[dict[str, Any]] = []
    for phase in phases:
        nodes.append(_node("phase", phase.key, phase.title, phase.key, phase.state))
        nodes += [
            _node("step", step.key, _title(step), phase.key, step.state, step.agent, counts.get(step.pk))
            for step in steps
            if step.phase_id == phase.pk
        ]
        if phase.gate:
            nodes.append(_node("gate", phase.key, "Gate", phase.key, phase.state))
    edges = [_edge(f"step:{source}", f"step:{target}", "needs") for source, target in needs]
    return {"nodes": nodes, "edges": [*edges, *_order(phases, steps, {source for source, _ in needs})]}


def _order(phases: list[Phase], steps: list[Step], needed: set[str]) -> list[dict[str, str]]:
    """From the last steps of a phase to its gate, and from there to the phase that follows."""
    edges = [
        _edge(f"step:{step.key}", f"gate:{step.phase.key}", "order")
        for step in steps
        if step.phase.gate and step.key not in needed
    ]
    for before, after in pairwise(phases):
        edges.append(_edge(f"{'gate' if before.gate else 'phase'}:{before.key}", f"phase:{after.key}", "order"))
    return edges


def _present_steps(project: Project) -> Any:
    steps = Step.objects.filter(project=project, parent=None, round=F("phase__round"))
    return steps.order_by("phase__position", "position").defer("result", "item")


def _item_counts(project: Project) -> dict[Any, dict[str, int]]:
    counts: dict[Any, Counter[str]] = {}
    rows = Step.objects.filter(project=project, parent__isnull=False).order_by()
    for row in rows.values("parent_id", "state").annotate(n=Count("id")):
        counts.setdefault(row["parent_id"], Counter())[row["state"]] = row["n"]
    return {parent: dict(count) for parent, count in counts.items()}


def _title(step: Step) -> str:
    return str((step.spec or {}).get("title") or step.key)


def _node(
    kind: str,
    key: str,
    label: str,
    phase: str,
    state: str,
    agent: str | None = None,
    items: dict[str, int] | None = None,
) -> dict[str, Any]:
    return {
        "id": f"{kind}:{key}",
        "kind": kind,
        "label": label,
        "phase": phase,
        "state": state,
        "agent": agent,
        "items": items or {},
    }


def _edge(source: str, target: str, kind: str) -> dict[str, str]:
    return {"source": source, "target": target, "kind": kind}
