"""Whatever is reserved, settled, lost and tried again: never more than the hard limit, and each attempt booked once."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.db.models.functions import Now
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orchestrator_site.access.actors import system_actor
from projects.errors import RefusedInState
from projects.models import Approval, Budget, Project, Reservation, Step
from projects.models.approval import Verdict
from projects.services import advancing, approvals, budgets, claims, control, failing, guards, publishing
from projects.services.attempts import Claim, Outcome, Usage
from projects.services.recovery import recover
from projects.services.workers import this_process
from tests.builders import agent_that, approver, claim, drive, project_of

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = "abcdef"
COSTS = st.integers(0, 4)


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody reads the messages; the machine does the steps."""
    monkeypatch.setattr(publishing, "_publish", lambda signatures, steps: None)
    agent_that(lambda context: None, "spender")


class Spending(RuleBasedStateMachine):
    """Workers that claim, end, fail, die and come too late, and people who raise limits, in any order."""

    @initialize(
        estimates=st.lists(st.integers(0, 4), min_size=len(STEPS), max_size=len(STEPS)),
        soft=st.none() | st.integers(1, 8),
        room=st.integers(0, 8),
    )
    def begin(self, estimates: list[int], soft: int | None, room: int) -> None:
        steps = "\n".join(
            f"      - {{key: {key}, agent: spender, on_failure: continue, estimate: {{cost: {cost}}}, "
            "retry: {max_attempts: 3, base: 0, jitter: none}}"
            for key, cost in zip(STEPS, estimates, strict=True)
        )
        hard = max((soft or 1) + room, *estimates)
        limits = f"hard: {hard}" if soft is None else f"soft: {soft}, hard: {hard}"
        self.project: Project = drive(
            project_of(
                f"budgets: {{cost: {{{limits}}}, launches: {{hard: 12}}}}\nphases:\n  - key: one\n    steps:\n{steps}\n"
            ),
            steps=0,
        )
        self.held: dict[str, Claim] = {}
        self.late: list[Claim] = []
        self.booked: dict[str, int] = {"cost": 0, "launches": 0}
        self.estimates = dict(zip(STEPS, estimates, strict=True))

    def teardown(self) -> None:
        """What is over is nothing to recovery in the examples that follow."""
        if hasattr(self, "project"):
            with contextlib.suppress(RefusedInState):
                control.cancel(project_id=self.project.pk, actor=system_actor(), force=True)

    # --- what happens

    @rule(key=st.sampled_from(STEPS))
    def a_worker_wants_a_step(self, key: str) -> None:
        row = Step.objects.get(project=self.project, key=key)
        claimed = claim(row)
        if claimed is not None:
            assert key not in self.held, "one step ran twice at once"
            self.held[key] = claimed

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def an_attempt_ends(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.held)))
        # An agent may use less than was reserved for it; one that uses more is another promise's business.
        used = data.draw(st.integers(0, self.estimates[key]))
        claimed = self.held.pop(key)
        end = _completes if data.draw(st.booleans()) else _fails
        end(claimed, used)
        self.booked["cost"] += used
        self.booked["launches"] += 1

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_worker_dies(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.held)))
        claimed = self.held.pop(key)
        Step.objects.filter(pk=claimed.id).update(lease_until=Now() - timedelta(seconds=1))
        recover()
        self.late.append(claimed)
        self.booked["cost"] += self.estimates[key]
        self.booked["launches"] += 1

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def it_was_only_slow(self, data: st.DataObject) -> None:
        claimed = data.draw(st.sampled_from(self.late))
        assert not _completes(claimed, 3)

    @precondition(lambda self: self.late)
    @rule(data=st.data())
    def it_is_settled_again(self, data: st.DataObject) -> None:
        claimed = data.draw(st.sampled_from(self.late))
        guards.settle(claimed.id, claimed.attempt, tokens=1, cost=1.0, seconds=1.0)

    @rule(verdict=st.sampled_from(list(Verdict)))
    def people_decide(self, verdict: Verdict) -> None:
        for approval in Approval.objects.open().filter(project=self.project):
            user = approver(f"anna-{approval.pk}")
            # No further than the hard limit here: that a person may go past it is tested elsewhere.
            room = float((approval.budget.hard or 0) - (approval.budget.soft or 0))
            edits = {"raise_by": room} if verdict == Verdict.APPROVE and room > 0 else None
            approvals.decide(approval_id=approval.pk, user=user, verdict=verdict, comment="so", edits=edits, via="test")

    @rule()
    def recovery_looks(self) -> None:
        recover()
        advancing.advance(self.project.pk)

    @rule()
    def time_passes(self) -> None:
        """Whoever stands aside may try again."""
        Step.objects.filter(project=self.project, state="ready").update(available_at=None)

    # --- what holds

    @invariant()
    def never_above_the_hard_limit(self) -> None:
        for standing in self.overview():
            assert standing.hard is not None
            assert standing.spent + standing.reserved <= standing.hard, standing

    @invariant()
    def each_attempt_is_booked_once(self) -> None:
        for standing in self.overview():
            settled = Reservation.objects.filter(budget=standing.id).aggregate(n=Sum("used"))["n"] or Decimal(0)
            assert standing.spent == float(settled) == self.booked[standing.measure]

    @invariant()
    def what_runs_has_reserved_and_nothing_else_has(self) -> None:
        for standing in self.overview():
            wanted = {"cost": self.estimates, "launches": dict.fromkeys(STEPS, 1)}[standing.measure]
            assert standing.reserved == sum(wanted[key] for key in self.held)

    @invariant()
    def one_question_a_budget(self) -> None:
        if hasattr(self, "project"):
            asked = Approval.objects.open().filter(project=self.project).values_list("budget", flat=True)
            assert len(asked) == len(set(asked)) <= Budget.objects.filter(project=self.project).count()

    def overview(self) -> list[budgets.BudgetStanding]:
        return budgets.overview(self.project) if hasattr(self, "project") else []


def _completes(claimed: Claim, cost: int) -> bool:
    """Whether its end landed."""
    done = claims.complete(Outcome(claimed, '"done"', 0, 0, float(cost)), this_process())
    return claimed.id in done.landed


def _fails(claimed: Claim, cost: int) -> None:
    failing.fail(claimed, RuntimeError("it failed"), this_process().actor, Usage(0, 0, float(cost)))


@pytest.mark.slow
def test_any_order_of_claims_ends_deaths_and_decisions() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Spending,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
