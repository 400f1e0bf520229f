"""The rounds of a phase, side by side: what was done in each, what came of it, and why it was sent back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from orchestrator_site.digests import digest_of
from projects.errors import RoundNotFound
from projects.models import Approval, Attempt, Phase, Project, Step
from projects.planning.comparing import DiffLine, line_difference
from projects.services import results


@dataclass(frozen=True, slots=True)
class RoundStep:
    """A step of a round. ``result_sha256`` is over the result with sorted keys, empty where there is none."""

    id: UUID
    key: str
    state: str
    attempts: int
    result_sha256: str


@dataclass(frozen=True, slots=True)
class Round:
    """A round of a phase. ``iteration`` counts from 1 since the phase was last begun anew, by a restore for example.

    ``reasons`` say why it was sent back; empty for the present one.
    """

    number: int
    iteration: int
    is_present: bool
    steps: tuple[RoundStep, ...]
    quality: tuple[Mapping[str, Any], ...]
    approvals: tuple[Approval, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepCompared:
    """A step of two rounds; ``lines`` in what the results differ, and None where a round has no such step."""

    key: str
    before: RoundStep | None
    after: RoundStep | None
    lines: tuple[DiffLine, ...]

    @property
    def is_same(self) -> bool:
        """Whether both rounds came to the same result."""
        return not self.lines and self.before is not None and self.after is not None


def phase_of(project: Project, key: str) -> Phase:
    """The phase of a key. Raises ``RoundNotFound``."""
    phase = Phase.objects.filter(project=project, key=key).first()
    if phase is None:
        raise RoundNotFound(f"There is no phase {key!r} in project {project.pk}.")
    return phase


def rounds_of(phase: Phase) -> tuple[Round, ...]:
    """Every round of a phase, the first one first."""
    steps: dict[int, list[RoundStep]] = {}
    for number, step in _steps(phase):
        steps.setdefault(number, []).append(step)
    approvals: dict[int, list[Approval]] = {}
    asked = Approval.objects.filter(phase=phase).select_related("project", "phase").prefetch_related("decisions__user")
    for approval in asked.order_by("opened_at", "id"):
        approvals.setdefault(approval.round, []).append(approval)
    ended = {int(each["round"]): each for each in phase.rounds}
    return tuple(
        Round(
            number=number,
            iteration=_iteration(phase, number, ended),
            is_present=number == phase.round,
            steps=tuple(steps.get(number, ())),
            quality=tuple(phase.quality if number == phase.round else ended.get(number, {}).get("quality", ())),
            approvals=tuple(approvals.get(number, ())),
            reasons=tuple(ended.get(number, {}).get("reasons", ())),
        )
        for number in sorted({*steps, phase.round})
    )


def compare_rounds(phase: Phase, first: int, second: int) -> tuple[StepCompared, ...]:
    """What each step came to in two rounds. Raises ``RoundNotFound``."""
    before, after = ({step.key: step for number, step in _steps(phase) if number == n} for n in (first, second))
    for number, found in ((first, before), (second, after)):
        if not found:
            raise RoundNotFound(f"Phase {phase.key!r} has no round {number}.")
    return tuple(_compared(key, before.get(key), after.get(key)) for key in dict.fromkeys([*before, *after]))


def _compared(key: str, before: RoundStep | None, after: RoundStep | None) -> StepCompared:
    same = before is not None and after is not None and before.result_sha256 == after.result_sha256
    lines = () if same else line_difference(_result(before), _result(after))
    return StepCompared(key, before, after, lines)


def _result(step: RoundStep | None) -> Any:
    if step is None or not step.result_sha256:
        return None
    row = Step.objects.get(pk=step.id)
    return _items(row) if (row.spec or {}).get("for_each") else results.of(row)


def _steps(phase: Phase) -> Iterator[tuple[int, RoundStep]]:
    """The steps with their rounds; results are read one by one, and only their digests are kept."""
    rows = Step.objects.filter(phase=phase, parent=None).order_by("round", "position", "id")
    taken = Attempt.objects.taken_by(rows.only("pk", "attempt"))
    for step in rows.iterator(chunk_size=50):
        yield step.round, RoundStep(step.pk, step.key, step.state, taken.get(step.pk, 0), _digest(step))


def _digest(step: Step) -> str:
    if step.result_blob_id is not None:
        return str(step.result_blob_id)
    if (step.spec or {}).get("for_each"):
        items = _items(step)
        return digest_of(items) if items else ""
    return "" if step.result is None else digest_of(step.result)


def _items(step: Step) -> list[Any]:
    return results.of_rows(list(step.items.order_by("position").values("result", "result_blob_id")))


def _iteration(phase: Phase, number: int, ended: Mapping[int, Mapping[str, Any]]) -> int:
    """Counted from the base round of its time: of rounds before the present base, by those sent back before it."""
    if number >= phase.base_round:
        return number - phase.base_round + 1
    count = 1
    while number - count in ended:
        count += 1
    return count


def summary_of(rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """Rounds as JSON can hold them, for reports."""
    return [
        {
            "round": each.number,
            "iteration": each.iteration,
            "present": each.is_present,
            "steps": [
                {"key": step.key, "state": step.state, "attempts": step.attempts, "result_sha256": step.result_sha256}
                for step in each.steps
            ],
            "quality": list(each.quality),
            "approvals": [{"id": str(one.pk), "title": one.title, "state": one.state} for one in each.approvals],
            "sent_back_because": list(each.reasons),
        }
        for each in rounds
    ]
