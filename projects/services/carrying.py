"""Carrying: the rows of a phase's new round, with what was committed before, in this project or in an earlier run.

A carried row is a row of its own that names the one it has its result from. It was claimed by nobody, so that it has
no attempts: what was used counts once, where it was used.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import connection

from orchestrator_site import clock
from orchestrator_site.digests import digest_of
from orchestrator_site.history import services as history
from orchestrator_site.history.services import NewEvent
from projects import sql
from projects.blueprints.errors import ExpressionFailed
from projects.blueprints.schema import PhaseSpec
from projects.errors import NotRebuildable
from projects.models import Approval, Phase, Project, Step
from projects.planning.binding import Seen
from projects.planning.rewinding import NewItem, NewStep
from projects.services import planting, seeing
from projects.services.approved import is_decided
from projects.services.kinds import KINDS
from projects.states import ApprovalState, StepState


@dataclass(frozen=True, slots=True)
class Round:
    """A round to be made: its phase and number, the round that its rows are made from, and its steps.

    ``plan`` is what to do, by step key, where it is not to be read from the rows of the source.
    """

    phase: Phase
    number: int
    source: int
    steps: tuple[NewStep, ...]
    plan: PhaseSpec | None = None


class _Rows:
    """The new rows, as one statement takes them: as JSON, which is written and read many times faster than arrays."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, key: str, made: Round, parent: UUID | None, new: NewStep | NewItem) -> UUID:
        """Add a row like that of the key in the source; its id."""
        row = clock.new_id()
        self.rows.append(
            {
                "id": str(row),
                "key": key,
                "phase": str(made.phase.pk),
                "round": made.number,
                "source": made.source,
                "parent": None if parent is None else str(parent),
                "state": new.state.value,
                "kept": new.is_kept,
            }
        )
        return row


def make_rounds(project: Project, rounds: Sequence[Round], *, source: Project, actor: str) -> None:
    """Make the rows of rounds from those of ``source``, which may be the project itself, and tell what is carried.

    Raises ``NotRebuildable`` where a row that is to be carried is not there, or is not what the mark says.
    """
    rows, planned = _Rows(), list[Step]()
    needs: list[tuple[UUID, UUID]] = []
    for each in rounds:
        ids: dict[str, UUID] = {}
        specs = {spec.key: spec for spec in each.plan.steps} if each.plan is not None else {}
        for position, step in enumerate(each.steps):
            if not step.is_kept and step.key in specs:
                made = planting.step_of(project, each.phase, position, specs[step.key], round_number=each.number)
                planned.append(made)
                ids[step.key] = made.pk
                continue
            ids[step.key] = rows.add(step.key, each, None, step)
            for place, item in enumerate(step.items):
                rows.add(f"{step.key}[{place}]", each, ids[step.key], item)
        needs += [(ids[step.key], ids[need]) for step in each.steps for need in step.needs]
    if planned:
        Step.objects.bulk_create(planned, batch_size=1000)
    _insert(project, source, rows.rows)
    if needs:
        sql.execute("connect_steps", steps=[step for step, _ in needs], needs=[need for _, need in needs])
    history.append_many(_told(project, rounds, actor, source))


def carry_approvals(project: Project, rounds: Iterable[tuple[Phase, int, UUID]], *, actor: str) -> None:
    """What people had approved of phases that come back as they were then: each approval with its decisions.

    ``rounds`` name the phase as it is now, the round that was approved, and the approval, in the order of the phases.
    It is carried only if what they saw is what stands: nobody decides anew, and the moments of the decisions and the
    digests of what was seen are those of then. Raises ``NotRebuildable``.
    """
    events = []
    for phase, source, approval_id in rounds:
        old = Approval.objects.select_related("phase").prefetch_related("decisions").get(pk=approval_id)
        seen = _as_it_stands(project, phase, source, old)
        stands = replace(seen, round=phase.round, plan_version=project.plan_version)
        new = _copy(
            old,
            project=project,
            phase=phase,
            round=phase.round,
            plan_version=project.plan_version,
            evidence_digest=stands.digest,
            state=ApprovalState.APPROVED.value,
            supersedes=None,
            difference=None,
        )
        for decision in old.decisions.all():
            _copy(decision, approval=new)
        data = {"phase": phase.key, "round": new.round, "title": new.title, "from": str(old.pk)}
        digests = {"evidence_sha256": new.evidence_digest, "content_sha256": digest_of(new.content)}
        origin = {} if old.project_id == project.pk else {"project": str(old.project_id)}
        events.append(NewEvent(project.pk, "approval.carried", actor, str(new.pk), data | digests | origin))
    history.append_many(events)


def _as_it_stands(project: Project, phase: Phase, source: int, old: Approval) -> Seen:
    """What the gate shows now, if it is what was approved, by people who decided just that content."""
    then = copy(phase)
    then.round, then.base_round = source, source - phase.iteration + 1
    try:
        seen = seeing.shown(project, then, old.purpose)
    except ExpressionFailed as error:
        raise _not_carried(old, str(error)) from None
    if replace(seen, round=old.round, plan_version=old.plan_version).digest != old.evidence_digest:
        raise _not_carried(old, "what was shown is not what would be shown now")
    if not is_decided(old.project_id, old.pk, digest_of(old.content)):
        raise _not_carried(old, "its content is not what was decided")
    return seen


def _not_carried(approval: Approval, why: str) -> NotRebuildable:
    return NotRebuildable(
        f"What people approved of phase {approval.phase.key!r} ({approval.title!r}) does not hold any more: {why}. Go "
        "back to before its gate, or begin with a step of that phase, so that they are asked again."
    )


def _copy(row: Any, **changed: Any) -> Any:
    """A new row with the columns of another, the moments included, which the model would set itself."""
    model = type(row)
    columns = {f.name: getattr(row, f.name) for f in model._meta.concrete_fields if f.name != "id"}
    new = model(**{**columns, **changed})
    new.save(force_insert=True)
    moments = {f.name: columns[f.name] for f in model._meta.concrete_fields if getattr(f, "auto_now_add", False)}
    model._default_manager.filter(pk=new.pk).update(**moments)
    return new


def _insert(project: Project, source: Project, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    params: dict[str, Any] = {
        "project": project.pk,
        "source": source.pk,
        "rows": json.dumps(rows),
        "kinds": sorted(KINDS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_insertion(), params)
        if cursor.rowcount == len(rows):
            return
        cursor.execute("SELECT id FROM projects_step WHERE id = ANY(%s::uuid[])", [[row["id"] for row in rows]])
        there = {str(made) for (made,) in cursor.fetchall()}
    missing = next(row["key"] for row in rows if row["id"] not in there)
    raise NotRebuildable(
        f"Step {missing!r} of project {source.pk} is not there any more as it was then: its result cannot be carried."
    )


_OWN = frozenset(
    {"id", "project_id", "phase_id", "round", "parent_id", "created_at"}
    | {"state", "attempt", "failures", "crashes", "result", "result_blob_id", "degraded", "carried_from_id", "error"}
    | {"lease_owner", "lease_until", "timeout_at", "available_at", "published_at", "started_at", "finished_at"}
)
"""Columns that tell how a step went. All others say what to do, and go with it into every round."""


@functools.cache
def _insertion() -> str:
    """Rows like those of a source: what to do from each, and of those that are kept how it went.

    An item that is to be done again is ready for a worker, or pending where the engine does it.
    """
    alike = sorted({str(each.column) for each in Step._meta.concrete_fields} - _OWN)
    return f"""
    INSERT INTO projects_step (
           id, project_id, phase_id, round, parent_id, state, attempt, failures, crashes, created_at,
           result, result_blob_id, degraded, error, carried_from_id, started_at, finished_at, {", ".join(alike)})
    SELECT given.id, %(project)s, given.phase, given.round, given.parent,
           CASE WHEN given.state = 'ready' AND s.kind = ANY(%(kinds)s) THEN 'pending' ELSE given.state END,
           0, 0, 0, clock_timestamp(),
           CASE WHEN given.kept THEN s.result END, CASE WHEN given.kept THEN s.result_blob_id END,
           CASE WHEN given.kept THEN s.degraded END,
           CASE WHEN given.kept AND given.state <> 'waiting' THEN s.error END,
           CASE WHEN given.kept THEN s.id END,
           CASE WHEN given.kept THEN s.started_at END,
           CASE WHEN given.kept AND given.state <> 'waiting' THEN coalesce(s.finished_at, clock_timestamp()) END,
           {", ".join(f"s.{name}" for name in alike)}
      FROM json_to_recordset(%(rows)s::json)
           AS given (id uuid, key text, phase uuid, round int, source int, parent uuid, state text, kept bool)
      JOIN projects_step s ON s.project_id = %(source)s AND s.key = given.key AND s.round = given.source
     WHERE NOT given.kept OR given.state = 'waiting' OR s.state = given.state
    """  # noqa: S608 put together from the names of our own columns


def _told(project: Project, rounds: Sequence[Round], actor: str, source: Project) -> Iterator[NewEvent]:
    """An event for each outcome that is carried, so that the history alone says how every step stands."""
    origin = {} if source.pk == project.pk else {"project": str(source.pk)}
    for each in rounds:
        for step in each.steps:
            if not step.is_kept:
                continue
            yield _carried(project, each, step.key, step.state, step.sha256, actor, origin)
            for place, item in enumerate(step.items):
                state = item.state if item.is_kept else StepState.PENDING
                yield _carried(project, each, f"{step.key}[{place}]", state, item.sha256, actor, origin)


def _carried(
    project: Project,
    made: Round,
    key: str,
    state: StepState,
    sha256: str | None,
    actor: str,
    origin: Mapping[str, str],
) -> NewEvent:
    digest = {} if sha256 is None else {"result_sha256": sha256}
    data = {"round": made.number, "from_round": made.source, "state": state.value, **digest, **origin}
    return NewEvent(project.pk, "step.carried", actor, key, data)
