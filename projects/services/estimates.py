"""What a project's progress is estimated from: its steps, and how long such steps took before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from statistics import median
from typing import Any
from uuid import UUID

from projects import sql
from projects.blueprints.schema import StepKind
from projects.models import Project
from projects.planning.estimating import Estimate, Spell, Work, about, estimate, seen
from projects.services import paces
from projects.services.searches import Searched
from projects.states import STEP, StepState

RUNS = 20
"""Earlier runs that are looked at, the latest first …"""
AMONG = 1000
"""… of the blueprint's among so many of all that were completed: older ones say less, and would cost more to find."""
LOOKS = 4000
"""Steps of earlier runs that are looked up: of a plan of many steps fewer runs say enough."""
ITEMS = 10
"""Items of a list that are looked at in each."""


def estimate_of(project: Project, searches: Sequence[Searched]) -> Estimate | None:
    """How much is done and what is left; None where nobody has seen how long any of its steps takes."""
    rows = sql.rows("work_of", project=project.pk)
    known = _known(project, rows)
    if not known:
        return None
    needs = {(row["phase_id"], row["key"]): tuple(row["needs"]) for row in sql.rows("needs_of", project=project.pk)}
    begun = {(search.phase, search.step): search.share for search in searches if not search.is_over}
    over = set(STEP.terminal)
    if project.is_over:  # what failed it was not done
        over -= {StepState.FAILED, StepState.CANCELLED}
    phases = [
        _works(phase.pk, phase.key, rows, known, needs, begun, over) for phase in project.phases.order_by("position")
    ]
    return estimate(phases, sum(paces.lanes_of(pool) for pool in {row["pool"] for row in rows}))


def _works(
    phase_id: UUID,
    phase: str,
    rows: Sequence[Mapping[str, Any]],
    known: Mapping[str, Spell],
    needs: Mapping[tuple[UUID, str], tuple[str, ...]],
    begun: Mapping[tuple[str, str], float],
    over: Set[str],
) -> list[Work]:
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["phase_id"] == phase_id:
            by_key.setdefault(row["key"], []).append(row)
    return [
        _work(key, own, known[key], needs.get((phase_id, key), ()), begun.get((phase, key)), over)
        for key, own in by_key.items()
    ]


def _work(
    key: str,
    rows: Sequence[Mapping[str, Any]],
    expected: Spell,
    needs: tuple[str, ...],
    begun: float | None,
    over: Set[str],
) -> Work:
    done = sum(row["n"] for row in rows if row["state"] in over)
    running = tuple(passed for row in rows for passed in row["passed"] or ())
    left = sum(row["n"] for row in rows) - done - len(running)
    if begun is not None and left == 1 and not running:  # a search waits for its items: by its generations
        return Work(key, expected, needs, running=(begun * expected.middle,))
    widths = [row["width"] for row in rows if row["width"]]
    return Work(key, expected, needs, done, left, running, min(widths) if widths else done + left + len(running))


def _known(project: Project, rows: Sequence[Mapping[str, Any]]) -> dict[str, Spell]:
    """By key: what earlier runs of the blueprint took, else this one so far, else the agent, else what is usual here.

    Steps that wait for people or for a time take what they took before, and nothing where nobody knows.
    """
    keys = {row["key"] for row in rows}
    lists = {row["key"] for row in rows if row["is_item"]}
    known = _earlier(project, keys, lists)
    for row in rows:
        if row["key"] not in known and row["took"] and row["kind"] == StepKind.AGENT:
            known[row["key"]] = _spell(row)
    missing = [row for row in rows if row["key"] not in known and row["kind"] == StepKind.AGENT]
    by_agent = {
        each["agent"]: each["seconds"]
        for each in sql.rows("paces_of", agents=sorted({row["agent"] for row in missing if row["agent"]}))
    }
    known |= {row["key"]: about(by_agent[row["agent"]]) for row in missing if row["agent"] in by_agent}
    if not known:
        return {}
    usual = about(median(spell.middle for spell in known.values()))
    agents = {row["key"] for row in missing}
    return {key: known.get(key, usual if key in agents else Spell()) for key in keys}


def _earlier(project: Project, keys: set[str], lists: set[str]) -> dict[str, Spell]:
    asked = sorted(keys | {f"{key}[{place}]" for key in lists for place in range(ITEMS)})
    runs = max(3, min(RUNS, LOOKS // max(1, len(asked))))
    found = sql.rows("earlier_durations", blueprint=project.blueprint.name, keys=asked, runs=runs, among=AMONG)
    return {row["key"]: _spell(row) for row in found if row["took"]}


def _spell(row: Mapping[str, Any]) -> Spell:
    low, middle, high = row["took"]
    return seen(low, middle, high, row["n"])
