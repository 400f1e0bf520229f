"""Everything that a project's page shows, read in a fixed number of queries whatever the project's size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, F
from django.utils.translation import gettext as _

from agents.errors import NoAgentNow
from orchestrator_site.dashboard.graph.drawing import Drawing, PhaseToDraw, StepToDraw, draw
from orchestrator_site.history import services as history
from projects.models import Approval, Attempt, Dependency, Document, Phase, Project, Step
from projects.models.approval import Purpose
from projects.services.performers import NOBODY, Performing, asked_for, degradation, performers_of
from projects.services.progressing import PhaseProgress, Progress, progress, usage, why
from projects.standing import standing_with
from projects.states import STEP, ApprovalState, Directive, PhaseState, ProjectState, StepState

MOST_STEPS = 300
MOST_FAILURES = 3
EVENTS = 12


@dataclass(frozen=True, slots=True)
class Failure:
    """An item that failed, and why."""

    step_id: UUID
    key: str
    message: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step of the present round; ``items`` of a ``for_each`` by state; ``why`` it does not run, if it could."""

    step: Step
    title: str
    needs: tuple[str, ...]
    items: Mapping[str, int]
    failures: tuple[Failure, ...]
    why: str = ""
    performing: Performing = NOBODY
    attempts: int = 0

    @property
    def agent(self) -> str:
        """Who has it, had it last, or is asked for it."""
        return self.performing.agent or asked_for(self.step)

    @property
    def degraded(self) -> str:
        """That the result is its fallback's, in words."""
        return degradation(self.step)

    @property
    def items_total(self) -> int:
        """How many items."""
        return sum(self.items.values())

    @property
    def items_done(self) -> int:
        """How many are over."""
        return sum(count for state, count in self.items.items() if state in STEP.terminal)

    @property
    def message(self) -> str:
        """The last error, in a sentence; that nobody could take it is none."""
        return "" if is_held(self.step) else message_of(self.step.error)


@dataclass(frozen=True, slots=True)
class PhaseBlock:
    """A phase with its steps; ``left_out`` counts those not in the table."""

    phase: Phase
    progress: PhaseProgress | None
    rows: tuple[StepRow, ...]
    left_out: int
    approval: Approval | None
    gate: str
    gate_state: str

    @property
    def drawing(self) -> Drawing:
        """The phase drawn."""
        return draw(_to_draw(self))


@dataclass(frozen=True, slots=True)
class ProjectPage:
    """A project as its page shows it."""

    project: Project
    standing: str
    progress: Progress
    phases: tuple[PhaseBlock, ...]
    approvals: tuple[Approval, ...]
    documents: tuple[Document, ...]
    events: tuple[Any, ...]
    archives: tuple[history.Archive, ...]
    usage: tuple[Mapping[str, Any], ...]

    @property
    def is_live(self) -> bool:
        """Whether anything can still change."""
        return not self.project.is_over

    @property
    def shows_share(self) -> bool:
        """Whether a share says something: of a project that ended on the way it would not."""
        return self.is_live or self.project.state == ProjectState.COMPLETED

    @property
    def uses_tokens(self) -> bool:
        """Whether any agent used a language model."""
        return any(each["tokens_in"] or each["tokens_out"] or each["cost"] for each in self.usage)

    @property
    def waiting(self) -> tuple[Approval, ...]:
        """Approvals that wait for people."""
        return tuple(each for each in self.approvals if each.state == ApprovalState.OPEN)


def page_of(project: Project) -> ProjectPage:
    """The page of a project."""
    standing = progress(project_id=project.pk)
    approvals = tuple(Approval.objects.filter(project=project).select_related("phase").order_by("-opened_at"))
    blocks = _blocks(project, approvals, {each.key: each for each in standing.phases})
    waits = any(each.state == ApprovalState.OPEN for each in approvals)
    return ProjectPage(
        project=project,
        standing=standing_with(project, waits=waits),
        progress=standing,
        phases=blocks,
        approvals=approvals,
        documents=tuple(Document.objects.filter(project=project).order_by("position")),
        events=tuple(history.events_of(project.pk).before(None).annotate(seq=F("seal__seq"))[:EVENTS]),
        archives=history.archives_of(project.pk) if project.is_over else (),
        usage=tuple(usage(project)),
    )


def message_of(error: Mapping[str, Any] | None) -> str:
    """The sentence of an error as steps keep it."""
    return str((error or {}).get("message") or (error or {}).get("code") or "")


def is_held(step: Step) -> bool:
    """Whether it waits for an agent that can take it: it has not failed, and ``why`` says what it waits for."""
    return (step.error or {}).get("code") == NoAgentNow.code and step.state not in STEP.terminal


def _blocks(
    project: Project, approvals: Sequence[Approval], counted: Mapping[str, PhaseProgress]
) -> tuple[PhaseBlock, ...]:
    phases = list(Phase.objects.filter(project=project).order_by("position"))
    steps = Step.objects.filter(project=project, parent=None, round=F("phase__round"))
    totals = dict(steps.order_by().values_list("phase_id").annotate(n=Count("id")))
    in_order = steps.defer("result", "item").order_by("phase__position", "position")
    rows = _rows(project, list(in_order[:MOST_STEPS]))
    gates = [approval for approval in reversed(approvals) if approval.purpose == Purpose.GATE]
    asked = {approval.phase_id: approval for approval in gates}
    blocks = []
    for phase in phases:
        own = [row for row in rows if row.step.phase_id == phase.pk]
        approval = asked.get(phase.pk)
        gate, state = gate_of(phase, approval)
        left_out = totals.get(phase.pk, 0) - len(own)
        blocks.append(PhaseBlock(phase, counted.get(phase.key), tuple(own), left_out, approval, gate, state))
    return tuple(blocks)


def _rows(project: Project, steps: Sequence[Step]) -> list[StepRow]:
    keys = {step.pk: step.key for step in steps}
    needs: dict[UUID, list[str]] = {}
    for step_id, needs_id in (
        Dependency.objects.filter(step__in=keys, needs__in=keys).order_by("id").values_list("step", "needs")
    ):
        needs.setdefault(step_id, []).append(keys[needs_id])
    items: dict[UUID, dict[str, int]] = {}
    lists = [step.pk for step in steps if (step.spec or {}).get("for_each")]
    counted = Step.objects.filter(parent__in=lists).values_list("parent_id", "state").annotate(n=Count("id"))
    for parent_id, state, count in counted.order_by():
        items.setdefault(parent_id, {})[state] = count
    failures = _failures(lists)
    reasons = _reasons(project, steps)
    performing, taken = performers_of(steps), Attempt.objects.taken_by(steps)
    return [
        StepRow(
            step,
            str((step.spec or {}).get("title") or step.key.replace("_", " ").replace("-", " ").capitalize()),
            tuple(needs.get(step.pk, ())),
            items.get(step.pk, {}),
            tuple(failures.get(step.pk, ())),
            reasons.get(step.pk, ""),
            performing.get(step.pk, NOBODY),
            taken.get(step.pk, 0),
        )
        for step in steps
    ]


def _reasons(project: Project, steps: Sequence[Step]) -> Mapping[UUID, str]:
    """Why steps of the phase that is worked on do not run; that those of later phases do not is no news."""
    if project.is_over or project.directive == Directive.PAUSE:
        return {}
    begun = [step for step in steps if step.state in (StepState.WAITING, StepState.READY)]
    return why(project, begun)


def _failures(parents: Iterable[UUID]) -> dict[UUID, list[Failure]]:
    """The first few items that failed, of each list."""
    found: dict[UUID, list[Failure]] = {}
    failed = Step.objects.filter(parent__in=list(parents), state="failed").order_by("parent_id", "position")
    for parent_id, pk, key, error in failed.values_list("parent_id", "pk", "key", "error")[:100]:
        own = found.setdefault(parent_id, [])
        if len(own) < MOST_FAILURES:
            own.append(Failure(pk, key, message_of(error)))
    return found


def gate_of(phase: Phase, approval: Approval | None) -> tuple[str, str]:
    """What stands at the end of a phase, in words, and how it stands: ("Approve the brief", "waiting")."""
    gate = phase.gate or {}
    asked = gate.get("approval")
    conditions = len(gate.get("quality") or ())
    if not asked and not conditions:
        return "", ""
    title = approval.title if approval is not None else str((asked or {}).get("title") or "")
    words = title if asked else _("Quality: %(n)d") % {"n": conditions}
    if approval is not None and approval.round == phase.round and phase.state == PhaseState.WAITING:
        return words, approval.state
    return words, phase.state if phase.state in ("completed", "failed", "cancelled") else "pending"


def _to_draw(block: PhaseBlock) -> PhaseToDraw:
    return PhaseToDraw(
        state=block.phase.state,
        gate=block.gate,
        gate_state=block.gate_state,
        steps=tuple(
            StepToDraw(row.step.key, row.title, row.step.state, row.needs, row.items_total, row.items_done)
            for row in block.rows
        ),
        total=len(block.rows) + block.left_out,
        done=block.progress.done if block.progress is not None else 0,
    )
