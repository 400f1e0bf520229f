"""Budgets: laid down with a project, raised by a decision or by an operator, and shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from pydantic import ValidationError

from orchestrator_site.access.actors import Actor
from orchestrator_site.errors import Forbidden
from orchestrator_site.history import services as history
from projects.blueprints.schema import Blueprint, BudgetsSpec, LimitSpec, MeasuresSpec, PhaseSpec
from projects.errors import BudgetInvalid, BudgetNotFound, RefusedInState
from projects.models import Approval, Budget, Project, Timer
from projects.models.approval import Purpose, Verdict
from projects.models.budget import Measure, Scope
from projects.planning import budgeting
from projects.services import room, turns
from projects.states import ApprovalState

Coverage = Callable[[str, str], bool]
"""Whether a step falls under any budget of its project, by the key of its phase and the name of its agent."""


@dataclass(frozen=True, slots=True)
class BudgetStanding:
    """A budget as it stands: what is spent, what running attempts have reserved, and its limits."""

    id: int
    scope: str
    name: str
    measure: str
    spent: float
    reserved: float
    soft: float | None
    hard: float | None
    raise_by: float | None

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


# --- laying down -----------------------------------------------------------------------------------------------------


def with_limits(definition: Blueprint, given: Mapping[str, Any], actor: Actor) -> Blueprint:
    """The blueprint with limits of the project given by whoever starts it: ``{"cost": {"soft": 5, "hard": 10}}``.

    What is not given is the blueprint's. To give more than the blueprint does, one needs the right to control projects.
    Raises ``BudgetInvalid``, ``Forbidden``.
    """
    present = definition.budgets or BudgetsSpec()
    limits = {name: _limit(name, each, getattr(present, name, None)) for name, each in given.items()}
    loosened = sorted(name for name, limit in limits.items() if _is_looser(limit, getattr(present, name)))
    if loosened and not actor.may("project.control"):
        raise Forbidden(f"To start with a larger budget of {', '.join(loosened)} needs the right project.control.")
    return definition.model_copy(update={"budgets": present.model_copy(update=limits)})


def lay_down(project: Project, budgets: BudgetsSpec | None, phases: Iterable[PhaseSpec]) -> None:
    """The rows of a new project's budgets."""
    rows: list[Budget] = []
    if budgets is not None:
        rows += _rows(project, Scope.PROJECT, "", budgets)
        for name, measures in budgets.agents.items():
            rows += _rows(project, Scope.AGENT, name, measures)
    for phase in phases:
        if phase.budgets is not None:
            rows += _rows(project, Scope.PHASE, phase.key, phase.budgets)
    Budget.objects.bulk_create(rows)


def coverage(project: Project) -> Coverage:
    """What the budgets of a project cover, read once: whether a step of a phase, done by an agent, falls under any."""
    found = set(Budget.objects.filter(project=project).values_list("scope", "name"))
    everything = (Scope.PROJECT.value, "") in found
    return lambda phase, agent: everything or (Scope.PHASE.value, phase) in found or (Scope.AGENT.value, agent) in found


def _limit(name: str, given: Any, present: LimitSpec | None) -> LimitSpec:
    if name not in Measure.values:
        raise BudgetInvalid(f"There is no budget of {name!r}. There are: {', '.join(Measure.values)}.")
    said = dict(given) if isinstance(given, Mapping) else {"hard": given}
    limit = _shaped(name, {**(present.model_dump() if present is not None else {}), **said})
    _check(name, limit.soft, limit.hard)
    return limit


def _shaped(name: str, limits: Mapping[str, Any]) -> LimitSpec:
    try:
        return LimitSpec.model_validate(limits)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join([name, *map(str, first["loc"])])
        raise BudgetInvalid(f"Budget {where[:100]}: {first['msg'][:1].lower()}{first['msg'][1:]}.") from None


def _check(name: str, soft: float | Decimal | None, hard: float | Decimal | None) -> None:
    if soft is None and hard is None:
        raise BudgetInvalid(f"The budget of {name} has neither a soft nor a hard limit: give one.")
    if soft is not None and hard is not None and soft > hard:
        raise BudgetInvalid(f"The soft limit of {name}, {soft:g}, lies above the hard one, {hard:g}.")


def _is_looser(limit: LimitSpec, present: LimitSpec | None) -> bool:
    if present is None:
        return False
    pairs = ((limit.soft, present.soft), (limit.hard, present.hard), (limit.raise_by, present.raise_by))
    return any(before is not None and (now is None or now > before) for now, before in pairs)


def _rows(project: Project, scope: Scope, name: str, measures: MeasuresSpec) -> Iterable[Budget]:
    for measure in Measure.values:
        limit: LimitSpec | None = getattr(measures, measure)
        if limit is not None:
            yield Budget(
                project=project,
                scope=scope,
                name=name,
                measure=measure,
                soft=_decimal(limit.soft),
                hard=_decimal(limit.hard),
                raise_by=_decimal(limit.raise_by),
            )


def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else budgeting.exact(value)


# --- raising ---------------------------------------------------------------------------------------------------------


def after_decision(approval: Approval) -> None:
    """What follows of a decision on a budget, in the transaction of the decision; nothing for any other approval."""
    if approval.purpose != Purpose.BUDGET or approval.budget_id is None:
        return
    approval.refresh_from_db(fields=["state", "content"])
    if approval.state == ApprovalState.OPEN:
        return
    if approval.state == ApprovalState.APPROVED:
        _raise(approval)
    turns.after_decision(approval.project_id)


def _locked() -> QuerySet[Budget]:
    """Budgets, each locked by itself: the order of the model would join the project, and lock that after the budget."""
    return Budget.objects.select_for_update(of=("self",), no_key=True).order_by("pk")


def _raise(approval: Approval) -> None:
    budget = _locked().get(approvals=approval.pk)
    by = budgeting.exact(approval.content.get("raise_by") or 0)
    person = approval.decisions.filter(verdict=Verdict.APPROVE, user__isnull=False).exclude(via="auto").exists()
    before = _limits_of(budget)
    budget.soft, budget.hard = budgeting.raised(budget.soft, budget.hard, by, past_hard=person)
    budget.save(update_fields=["soft", "hard"])
    _note(budget, "budget.raised", "system", before, approval=str(approval.pk))


def change(
    *,
    project: Project,
    budget_id: int,
    actor: Actor,
    reason: str = "",
    limits: Mapping[str, float | None],
) -> BudgetStanding:
    """Set ``soft``, ``hard`` or ``raise_by`` of a budget; steps that wait for it try anew, and open questions lapse.

    None takes a limit away, but not both of them. Raises ``BudgetNotFound``, ``BudgetInvalid``, ``RefusedInState``
    where the project is over.
    """
    with transaction.atomic():
        # As a decision does it: the approval first, and then the budget.
        list(
            Approval.objects.open()
            .select_for_update(of=("self",), no_key=True)
            .filter(budget=budget_id, project=project)
        )
        budget = _locked().filter(pk=budget_id, project=project).first()
        if budget is None:
            raise BudgetNotFound(f"Project {project.pk} has no budget {budget_id}.")
        project.refresh_from_db(fields=["state"])
        if project.is_over:
            raise RefusedInState(f"Project {project.pk} is {project.state}: its budgets count no more.")
        before = _limits_of(budget)
        _shaped(budget.measure, limits)
        for name, value in limits.items():
            setattr(budget, name, _decimal(value))
        _check(budget.measure, budget.soft, budget.hard)
        budget.save(update_fields=["soft", "hard", "raise_by"])
        _note(budget, "budget.changed", actor.name, before, reason=reason)
        for approval in Approval.objects.open().filter(budget=budget):
            _void(approval, actor)
        turns.after_decision(project.pk)
    return next(each for each in overview(project) if each.id == budget.pk)


def _void(approval: Approval, actor: Actor) -> None:
    """What was asked has changed: a step that still needs more asks again."""
    if Approval.objects.open().filter(pk=approval.pk).update(state=ApprovalState.VOID, finished_at=Now()):
        Timer.objects.agree_with_approval(approval.pk)
        data = {"title": approval.title, "because": "the limit was changed"}
        history.append(approval.project_id, "approval.voided", actor=actor.name, subject=str(approval.pk), data=data)


def _limits_of(budget: Budget) -> dict[str, float | None]:
    return {name: _float(getattr(budget, name)) for name in ("soft", "hard", "raise_by")}


def _note(budget: Budget, kind: str, actor: str, before: Mapping[str, Any], **data: Any) -> None:
    told = {"scope": budget.scope, "name": budget.name, "before": before, "after": _limits_of(budget), **data}
    history.append(budget.project_id, kind, actor=actor, subject=budget.measure, data=told)


# --- showing ---------------------------------------------------------------------------------------------------------


def overview(project: Project) -> list[BudgetStanding]:
    """Every budget of a project as it stands: the project's, phases', agents'."""
    budgets = list(Budget.objects.filter(project=project).order_by("id"))
    reserved = room.reserved_of(project.pk) if budgets else {}
    return [_standing(budget, reserved.get(budget.pk, budgeting.ZERO)) for budget in budgets]


def _standing(budget: Budget, reserved: Decimal) -> BudgetStanding:
    return BudgetStanding(
        id=budget.pk,
        scope=budget.scope,
        name=budget.name,
        measure=budget.measure,
        spent=float(budget.spent),
        reserved=float(reserved),
        soft=_float(budget.soft),
        hard=_float(budget.hard),
        raise_by=_float(budget.raise_by),
    )


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
