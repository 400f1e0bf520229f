"""Whether there is room for a guarded step: its budgets and its concurrency key as they are in the database.

Read under lock by a claim, which then holds what was found; read without one by those who explain and those who send.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from projects import sql
from projects.models import Approval
from projects.models.budget import Measure, Scope
from projects.planning import budgeting
from projects.planning.budgeting import Account, Line, Verdict
from projects.states import ApprovalState

SOFT_LIMIT = "Soft limit"
"""Label of the evidence that says about which limit people were asked."""


@dataclass(frozen=True, slots=True)
class Wanting:
    """A guarded step that wants to start."""

    id: UUID
    project_id: UUID
    phase_id: UUID
    key: str
    round: int
    agent: str
    attempt: int
    concurrency_key: str
    concurrency_limit: int | None
    phase: str
    estimate: Mapping[str, Any]


def lock(step: UUID) -> Wanting | None:
    """A guarded step that may be claimed now, its project and its phase held as they are; None where it is not."""
    return next(iter(_wanting(sql.rows("guarded", step=step))), None)


def find(steps: Iterable[UUID]) -> list[Wanting]:
    """The guarded and ready ones of the steps, without a lock."""
    return _wanting(sql.rows("wanting", steps=list(steps)))


def weigh(step: Wanting, *, locked: bool = False, in_line: bool = True) -> Verdict:
    """Whether there is room; ``in_line`` False looks at budgets only.

    ``locked`` holds the budgets and the key until the transaction ends: no other claim counts on the same room.
    """
    accounts = accounts_of(step, locked=locked)
    line = None
    if step.concurrency_key and in_line:
        if locked:
            sql.rows("lock_key", key=step.concurrency_key)
        line = line_of(step)
    return budgeting.decide(accounts, line)


def accounts_of(step: Wanting, *, locked: bool = False) -> list[Account]:
    """The budgets that a step falls under. What is reserved is read after the lock, by another statement."""
    name = "budgets_locked" if locked else "budgets"
    budgets = sql.rows(name, project=step.project_id, phase=step.phase, agent=step.agent)
    if not budgets:
        return []
    reserved = reserved_of(step.project_id)
    return _with_answers([_account(row, step, reserved.get(row["id"], budgeting.ZERO)) for row in budgets])


def reserved_of(project_id: UUID) -> dict[int, Decimal]:
    """What running attempts have reserved, by budget."""
    return {row["budget_id"]: row["amount"] for row in sql.rows("reserved", project=project_id)}


def line_of(step: Wanting) -> Line:
    """How many steps of its key run; the places kept for others count as taken."""
    row = sql.rows("line", key=step.concurrency_key, but=step.id)[0]
    return Line(step.concurrency_key, step.concurrency_limit or 1, row["running"], row["promised"])


def wanted(estimate: Mapping[str, Any], measure: str) -> Decimal:
    """How much of a measure a step wants: a launch is one; what is not estimated is nothing."""
    if measure == Measure.LAUNCHES:
        return Decimal(1)
    return budgeting.exact(estimate.get(measure) or 0)


def whose(scope: str, name: str) -> str:
    """``the project``, ``phase draft``, ``agent writer``."""
    return "the project" if scope == Scope.PROJECT else f"{scope} {name}"


def _wanting(rows: Iterable[Mapping[str, Any]]) -> list[Wanting]:
    return [Wanting(**{**row, "estimate": _read(row["estimate"])}) for row in rows]


def _read(estimate: Any) -> Mapping[str, Any]:
    """A raw cursor gives JSON as text."""
    found = json.loads(estimate) if isinstance(estimate, str) else estimate
    return found or {}


def _account(row: Mapping[str, Any], step: Wanting, reserved: Decimal) -> Account:
    return Account(
        id=row["id"],
        measure=row["measure"],
        whose=whose(row["scope"], row["name"]),
        soft=row["soft"],
        hard=row["hard"],
        spent=row["spent"],
        reserved=reserved,
        wanted=wanted(step.estimate, row["measure"]),
        raise_by=row["raise_by"],
    )


def _with_answers(accounts: Sequence[Account]) -> list[Account]:
    """The accounts with what people said last about those above whose soft limit the step would be."""
    over = [account.id for account in accounts if account.asks and account.passes(account.soft)]
    if not over:
        return list(accounts)
    answers = (ApprovalState.OPEN, ApprovalState.APPROVED, ApprovalState.REJECTED)
    latest = Approval.objects.filter(budget__in=over, state__in=answers).order_by("budget_id", "-opened_at", "-id")
    said = {approval.budget_id: approval for approval in latest.distinct("budget_id")}
    return [_answered(account, said.get(account.id)) for account in accounts]


def _answered(account: Account, approval: Approval | None) -> Account:
    if approval is None or approval.state == ApprovalState.APPROVED:
        return account
    if approval.state == ApprovalState.OPEN:
        return replace(account, asked=True)
    return replace(account, refused_at=_asked_about(approval), refusal=_reason(approval))


def _asked_about(approval: Approval) -> Decimal:
    values = [each["value"] for each in approval.evidence if each.get("label") == SOFT_LIMIT]
    return budgeting.exact(values[0]) if values else budgeting.ZERO


def _reason(approval: Approval) -> str:
    no = approval.decisions.filter(verdict="reject").select_related("user").order_by("-decided_at").first()
    if no is None:
        return ""
    by = no.user.get_username() if no.user is not None else "the deadline"
    return f"{by} said {no.comment!r}" if no.user is not None else no.comment.rstrip(".")
