"""Guarded steps: those that start only where every budget and limit that they fall under has room.

A guarded step is never taken by the fast claim and never rides behind another in a leg. Its claim is a transaction
that looks at its budgets and its concurrency key, and either takes the step with a reservation, or leaves it ready
with the reason why it waits, or fails it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from orchestrator_site.conf import conf
from orchestrator_site.history import services as history
from projects import sql
from projects.blueprints.schema import BudgetsSpec
from projects.models import Approval, Attempt, Project, Step, Timer
from projects.models.approval import Purpose
from projects.models.timer import TimerKind
from projects.planning import budgeting
from projects.planning.binding import Seen
from projects.planning.budgeting import Account, Ask, Queue, Refuse, Room, Verdict, Wait, amount
from projects.planning.causes import moment
from projects.services import approvals, notifying, publishing, room, turns
from projects.services.registration import definition_of
from projects.services.room import SOFT_LIMIT, Wanting
from projects.states import StepState

if TYPE_CHECKING:
    from projects.services.workers import WorkerProcess

SYSTEM = "system"
EXPLAINED = 20
"""Guarded steps of which a list of causes tells what room they wait for: each costs a few queries."""


def claim(project: UUID, step: UUID, worker: WorkerProcess) -> list[dict[str, Any]]:
    """Claim a guarded step where there is room for it; no row where there is none, or where it is not guarded.

    One transaction. Project and phase are held as they are, then the budgets in the order of their numbers, then the
    concurrency key, then the step: the order that keeps claims, decisions, settlements and steering from waiting for
    one another in a circle.
    """
    with transaction.atomic():
        wanting = room.lock(step)
        if wanting is None or wanting.project_id != project:
            return []
        verdict = room.weigh(wanting, locked=True)
        if isinstance(verdict, Ask):
            verdict = _ask(wanting, verdict)
        if isinstance(verdict, Room):
            return _take(wanting, verdict, worker)
        _leave(wanting, verdict)
    return []


def settle(
    step: UUID,
    attempt: int,
    tokens: int | None = None,
    cost: float | None = None,
    seconds: float | None = None,
) -> None:
    """Book what an attempt used, in the transaction that ends it; after its commit others may go.

    What is None is not known, because the worker died: what was reserved counts as used, and the time until now. An
    attempt is booked once: a second call finds nothing to settle. To be called only where the end has *landed*, so that
    a late result books nothing twice.
    """
    sql.rows(
        "settle",
        step=step,
        attempt=attempt,
        tokens=_known(tokens),
        cost=_known(cost),
        seconds=_known(seconds),
    )
    ended = Step.objects.filter(pk=step, guarded=True).values_list("project_id", "concurrency_key").first()
    if ended is not None:
        turns.after_end(*ended)


def hold(steps: Iterable[UUID]) -> None:
    """Lock the budgets of several attempts before they are settled one after another in this transaction."""
    sql.rows("hold_budgets", steps=list(steps))


def hold_if_free(steps: Iterable[UUID]) -> set[UUID]:
    """The same for those who look after many; which of the attempts cannot be settled now, as somebody has a budget."""
    return {row["id"] for row in sql.rows("hold_budgets_if_free", steps=list(steps))}


def why(step: Step) -> str | None:
    """Why a guarded step that is ready does not start, in a sentence; None where nothing of this keeps it."""
    return sentences(None, [step]).get(step.pk)


def sentences(_: Project | None, steps: Iterable[Step]) -> dict[UUID, str]:
    """The same of several, by their ids, for those who tell causes; at most ``EXPLAINED`` of them.

    Of those whose moment is to come only if they stand aside: others wait for another attempt.
    """
    asked = list(steps)
    aside = set(Timer.objects.filter(step__in=asked, kind=TimerKind.ROOM).values_list("step_id", flat=True))
    found = room.find([step.pk for step in asked if step.available_at is None or step.pk in aside][:EXPLAINED])
    holders = _holders({wanting.concurrency_key for wanting in found} - {""})
    told = {wanting.id: _in_words(wanting, room.weigh(wanting), holders) for wanting in found}
    return {pk: sentence for pk, sentence in told.items() if sentence is not None}


def _known(used: float | None) -> Decimal | None:
    return None if used is None else budgeting.exact(used)


# --- taking it -------------------------------------------------------------------------------------------------------


def _take(step: Wanting, found: Room, worker: WorkerProcess) -> list[dict[str, Any]]:
    rows = sql.rows(
        "claim",
        project=step.project_id,
        step=step.id,
        worker=worker.id,
        lease=conf().lease_seconds,
        actor=worker.actor,
        guarded=True,
    )
    if rows and found.amounts:
        sql.execute(
            "reserve",
            step=step.id,
            attempt=rows[0]["attempt"],
            budgets=[budget for budget, _ in found.amounts],
            amounts=[wanted for _, wanted in found.amounts],
        )
    if rows and turns.forget(step.id):
        # It had stood aside: there may be room for another of those that did.
        turns.after_end(step.project_id, "")
    return rows


# --- leaving it ------------------------------------------------------------------------------------------------------


def _leave(step: Wanting, verdict: Verdict) -> None:
    if isinstance(verdict, Refuse):
        _fail(step, verdict)
    else:
        turns.stand_aside(step.id)
    if step.concurrency_key and not isinstance(verdict, Queue):
        # A place may have been kept for it that it cannot take.
        turns.after_end(step.project_id, step.concurrency_key)


def _fail(step: Wanting, verdict: Refuse) -> None:
    error = {"code": verdict.code, "message": verdict.reason}
    failed = Step.objects.filter(pk=step.id, state=StepState.READY).update(
        state=StepState.FAILED, error=error, finished_at=Now()
    )
    if failed:
        turns.forget(step.id)
        data = {"attempt": step.attempt, "round": step.round, "error": error}
        history.append(step.project_id, "step.failed", actor=SYSTEM, subject=step.key, data=data)
        publishing.wake(step.project_id)


# --- asking ----------------------------------------------------------------------------------------------------------


def _ask(step: Wanting, verdict: Ask) -> Verdict:
    """Open what has not been asked yet; what follows if it was answered beforehand."""
    project = Project.objects.select_related("blueprint", "owner").get(pk=step.project_id)
    if not verdict.new or not Step.objects.filter(pk=step.id, state=StepState.READY).exists():
        return verdict
    budgets = definition_of(project.blueprint).budgets or BudgetsSpec()
    for account in verdict.new:
        approval = _open(project, step, account, budgets)
        if project.auto_approve:
            approvals.approve_beforehand(approval, project)
    return room.weigh(step, locked=True) if project.auto_approve else verdict


def _open(project: Project, step: Wanting, account: Account, budgets: BudgetsSpec) -> Approval:
    title = f"Raise the budget: {account.title}"
    description = (
        f"{step.key} waits, because the {account.title} would pass its soft limit. Approve to raise the limit and let "
        f"it go on; reject, and what needs more than the limit fails."
    )
    content = {"raise_by": float(budgeting.proposal(account))}
    evidence = _evidence(step, account)
    digest = Seen(title[:200], description, content, evidence, project.plan_version, step.round).digest
    approval = Approval.objects.create(
        project=project,
        phase_id=step.phase_id,
        purpose=Purpose.BUDGET,
        step_id=step.id,
        budget_id=account.id,
        round=step.round,
        title=title[:200],
        description=description,
        groups=list(budgets.approvers.groups),
        quorum=budgets.approvers.quorum,
        form=_form(account),
        content=content,
        asked_content=content,
        evidence=evidence,
        evidence_digest=digest,
        plan_version=project.plan_version,
        deadline=None if budgets.deadline is None else Now() + timedelta(seconds=budgets.deadline),
    )
    data = {"phase": step.phase, "round": step.round, "title": title, "evidence_sha256": digest, "step": step.key}
    history.append(project.pk, "approval.opened", actor=SYSTEM, subject=str(approval.pk), data=data)
    Timer.objects.agree_with_approval(approval.pk)
    notifying.notify(project.pk, "asked")
    return approval


def _evidence(step: Wanting, account: Account) -> list[dict[str, Any]]:
    facts = {
        "Step": step.key,
        "Agent": step.agent,
        "Spent": float(account.spent),
        "Reserved by steps that run": float(account.reserved),
        "The step wants": float(account.wanted) if account.wanted else "nothing is estimated",
        SOFT_LIMIT: float(account.soft or 0),
        "Hard limit": None if account.hard is None else float(account.hard),
    }
    return [{"label": label, "value": value} for label, value in facts.items()]


def _form(account: Account) -> dict[str, Any]:
    past = f" Above the hard limit, {amount(account.hard)}, that is raised as much." if account.hard is not None else ""
    by = {
        "type": "number",
        "title": "Raise the soft limit by",
        "minimum": 0.000001,
        "maximum": float(budgeting.MOST),
        "description": f"The {account.title}, now {amount(account.soft or budgeting.ZERO)}.{past}",
    }
    return {"type": "object", "required": ["raise_by"], "properties": {"raise_by": by}}


# --- explaining ------------------------------------------------------------------------------------------------------


def _holders(keys: set[str]) -> Mapping[str, str]:
    """Which step of which project has had a place of each key for the longest; by its id alone, as not everybody who
    waits for it may see that project. One query."""
    if not keys:
        return {}
    running = Attempt.objects.filter(finished_at=None, step__lease_owner__isnull=False, step__concurrency_key__in=keys)
    rows = running.order_by("-started_at").values_list(
        "step__concurrency_key", "step__key", "step__project_id", "started_at"
    )
    return {key: f"{step} of project {project.hex[-8:]} since {moment(at)}" for key, step, project, at in rows}


def _in_words(step: Wanting, verdict: Verdict, holders: Mapping[str, str]) -> str | None:
    match verdict:
        case Ask(accounts):
            return _asks(step, accounts)
        case Wait(account):
            return (
                f"{step.key} waits for running steps to end: of the {account.title}, at most "
                f"{amount(account.hard or budgeting.ZERO)}, {_used(account)}."
            )
        case Queue(key, limit):
            steps = "step" if limit == 1 else "steps"
            held = f"; it is held by {holders[key]}, which is to end" if key in holders else ""
            return f"{step.key} waits for a place: at most {limit} {steps} of the key {key!r} run at once{held}."
        case Refuse(_, reason):
            return f"{step.key} is about to fail: {reason}"
        case _:
            return None


def _asks(step: Wanting, accounts: Iterable[Account]) -> str:
    parts = []
    for account in accounts:
        approval = Approval.objects.open().filter(budget=account.id).first()
        facts = f"of the {account.title}, {_used(account)} of {amount(account.soft or budgeting.ZERO)}"
        if approval is None:
            parts.append(facts)
            continue
        who = ", ".join(approval.groups) or "anyone with the right to decide"
        parts.append(f"{facts}; {who} can raise it, asked since {approval.opened_at:%Y-%m-%d %H:%M} UTC")
    return f"{step.key} waits for a raise of the budget: {'; '.join(parts)}."


def _used(account: Account) -> str:
    reserved = f" and {amount(account.reserved)} reserved" if account.reserved else ""
    return f"{amount(account.spent)} spent{reserved}"
