"""What the page of an imported snapshot shows: the project as it stood where it ran."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projects.states import AttemptOutcome

MOST_STEPS = 500
MOST_EVENTS = 500
MOST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of any round; ``items`` of a list."""

    key: str
    round: int
    state: str
    agent: str
    attempts: int
    items: int
    message: str
    result: str
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class PhaseRows:
    """A phase with its steps; ``left_out`` of them are not shown."""

    title: str
    state: str
    round: int
    failure: str
    comments: tuple[str, ...]
    steps: tuple[StepRow, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class ApprovalRow:
    """An approval with what people said."""

    title: str
    phase: str
    round: int
    state: str
    opened_at: datetime | None
    decisions: tuple[tuple[str, str, str, datetime | None], ...]


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of the history."""

    id: int
    at: datetime | None
    kind: str
    actor: str
    subject: str


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on it. ``sealed`` events are in the chain that came with it, None where none came."""

    project: Mapping[str, Any]
    blueprint: Mapping[str, Any]
    inputs: str
    started_at: datetime | None
    finished_at: datetime | None
    phases: tuple[PhaseRows, ...]
    approvals: tuple[ApprovalRow, ...]
    documents: tuple[Mapping[str, Any], ...]
    events: tuple[EventRow, ...]
    events_left_out: int
    sealed: int | None


def page_of(document: Mapping[str, Any]) -> Page:
    """The page of a snapshot whose shape was checked."""
    project = document["project"]
    phases = sorted(document["phases"], key=lambda phase: phase["position"])
    titles = {phase["id"]: phase["title"] for phase in phases}
    chain = document.get("history_chain")
    taken = Counter(each["step_id"] for each in document["attempts"] if each["outcome"] != AttemptOutcome.HELD)
    events = document["history"]
    return Page(
        project=project,
        blueprint=document["blueprint"],
        inputs=_text(project["inputs"]),
        started_at=_moment(project["started_at"]),
        finished_at=_moment(project["finished_at"]),
        phases=tuple(_phase(phase, document["steps"], taken) for phase in phases),
        approvals=tuple(_approval(each, titles, document["decisions"]) for each in document["approvals"]),
        documents=tuple(document["documents"]),
        events=tuple(_event(event) for event in events[-MOST_EVENTS:][::-1]),
        events_left_out=max(0, len(events) - MOST_EVENTS),
        sealed=None if chain is None else len(chain["seals"]),
    )


def _phase(phase: Mapping[str, Any], steps: Iterable[Mapping[str, Any]], taken: Mapping[str, int]) -> PhaseRows:
    of_phase = [step for step in steps if step["phase_id"] == phase["id"]]
    items: dict[str, int] = {}
    for step in of_phase:
        if step["parent_id"] is not None:
            items[step["parent_id"]] = items.get(step["parent_id"], 0) + 1
    whole = [step for step in of_phase if step["parent_id"] is None]
    whole.sort(key=lambda step: (-step["round"], step["position"]))
    return PhaseRows(
        title=phase["title"],
        state=phase["state"],
        round=phase["round"],
        failure=phase.get("failure", ""),
        comments=tuple(phase["comments"]),
        steps=tuple(_step(step, items.get(step["id"], 0), taken[step["id"]]) for step in whole[:MOST_STEPS]),
        left_out=max(0, len(whole) - MOST_STEPS),
    )


def _step(step: Mapping[str, Any], items: int, attempts: int) -> StepRow:
    error = step["error"] or {}
    return StepRow(
        key=step["key"],
        round=step["round"],
        state=step["state"],
        agent=step["agent"],
        attempts=attempts,
        items=items,
        message=str(error.get("message", "")),
        result="" if step["result"] is None else _text(step["result"]),
        started_at=_moment(step["started_at"]),
        finished_at=_moment(step["finished_at"]),
    )


def _approval(
    approval: Mapping[str, Any], titles: Mapping[str, str], decisions: Iterable[Mapping[str, Any]]
) -> ApprovalRow:
    return ApprovalRow(
        title=approval["title"],
        phase=titles.get(approval["phase_id"], ""),
        round=approval["round"],
        state=approval["state"],
        opened_at=_moment(approval["opened_at"]),
        decisions=tuple(
            (each["verdict"], each["user"] or each["via"], each["comment"], _moment(each["decided_at"]))
            for each in decisions
            if each["approval_id"] == approval["id"]
        ),
    )


def _event(event: Mapping[str, Any]) -> EventRow:
    return EventRow(event["id"], _moment(event["at"]), event["kind"], event["actor"], event["subject"])


def _moment(text: str | None) -> datetime | None:
    """A moment of a document; None also where it is none, such as a 30th of February."""
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None


def _text(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=1)
    return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]}…"
