"""Whatever is paused and resumed when, here and below: what a project waits for takes as long as without pauses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from hypothesis import Phase, settings
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
from orchestrator_site.history import services as history
from projects.models import Approval, Project, Step, Timer
from projects.services import advancing, control, timers
from projects.services.recovery import recover
from tests.builders import blueprint_of, child_of, look, project_of

HOUR = 3600
TOLERANCE = 120.0  # seconds: what the test itself takes; every wait and every rule counts in hours

ABOVE = """
deadline: {{after: {deadline}h, otherwise: alert}}
phases:
  - key: one
    steps:
      - {{key: below, kind: project, project: {{blueprint: below}}}}
      - {{key: rest, kind: wait, wait: {{for: {rest}h}}}}
      - {{key: ever, kind: wait, wait: {{signal: never}}}}
"""
BELOW = """
name: below
version: {version}
title: Below
phases:
  - key: one
    steps:
      - {{key: rest, kind: wait, wait: {{for: {rest}h}}}}
      - {{key: consent, kind: approval, approval: {{title: t, deadline: {consent}h, on_timeout: approve}}}}
      - {{key: ever, kind: wait, wait: {{signal: never}}}}
"""
hours = st.integers(1, 12)
versions = iter(range(1, 1_000_000))


class Clocks(RuleBasedStateMachine):
    """A model of two projects, one below the other: how many seconds each still has to wait, and who holds whom."""

    @initialize(deadline=hours, rest=hours, below=hours, consent=hours)
    def begin(self, deadline: int, rest: int, below: int, consent: int) -> None:
        blueprint_of(BELOW.format(version=next(versions), rest=below, consent=consent))
        self.above = project_of(ABOVE.format(deadline=deadline, rest=rest))
        advancing.advance(self.above.pk)
        self.below = child_of(self.above, "below")
        advancing.advance(self.below.pk)
        self.left = {
            ("above", "rest"): rest * HOUR,
            ("above", "deadline"): deadline * HOUR,
            ("below", "rest"): below * HOUR,
            ("below", "consent"): consent * HOUR,
        }
        self.above_paused = self.below_paused = self.below_held = False

    def _stands_still(self, which: str) -> bool:
        return self.above_paused if which == "above" else self.below_paused or self.below_held

    # --- what happens

    @rule(number=st.integers(1, 5))
    def time_passes(self, number: int) -> None:
        """As if so many hours had passed: every moment lies so much further back."""
        length = timedelta(hours=number)
        for project in (self.above, self.below):
            Timer.objects.filter(project=project).update(due_at=F("due_at") - length)
            Approval.objects.filter(project=project).update(deadline=F("deadline") - length)
            Project.objects.filter(pk=project.pk).update(
                directive_since=F("directive_since") - length, deadline=F("deadline") - length
            )
        for which, name in self.left:
            if not self._stands_still(which):
                self.left[which, name] -= number * HOUR
        timers.fire_due()
        self.somebody_looks()

    @rule()
    def somebody_looks(self) -> None:
        for project in (self.below, self.above):
            advancing.advance(project.pk)

    @rule()
    def recovery_passes(self) -> None:
        recover()

    @precondition(lambda self: not self.above_paused)
    @rule()
    def the_one_above_is_paused(self) -> None:
        control.pause(project_id=self.above.pk, actor=system_actor())
        self.above_paused = True
        self.below_held = not self.below_paused

    @precondition(lambda self: self.above_paused)
    @rule()
    def the_one_above_goes_on(self) -> None:
        control.resume(project_id=self.above.pk, actor=system_actor())
        self.above_paused = self.below_held = False

    @precondition(lambda self: not self.below_paused)
    @rule()
    def the_one_below_is_paused(self) -> None:
        control.pause(project_id=self.below.pk, actor=system_actor())
        self.below_paused, self.below_held = True, False

    @precondition(lambda self: self.below_paused and not self.above_paused)
    @rule()
    def the_one_below_goes_on(self) -> None:
        control.resume(project_id=self.below.pk, actor=system_actor())
        self.below_paused = False

    # --- what holds

    @invariant()
    def who_is_paused_is_as_it_was_asked(self) -> None:
        above, below = look(self.above), look(self.below)
        assert above.directive == ("pause" if self.above_paused else "run")
        assert below.directive == ("pause" if self.below_paused or self.below_held else "run")
        assert below.held_by_parent == self.below_held
        for project in (above, below):
            assert (project.drained_at is not None) == (project.directive == "pause")

    @invariant()
    def each_wait_takes_what_it_would_take_without_pauses(self) -> None:
        for which, project in (("above", self.above), ("below", self.below)):
            left = self._left_by_the_database(project)
            for (whose, name), expected in self.left.items():
                if whose != which:
                    continue
                if expected > 0:
                    assert name in left, f"{which} {name} is over {expected} s too early"
                    assert abs(left[name] - expected) < TOLERANCE, f"{which} {name}: {left[name]} s, not {expected}"
                else:
                    assert name not in left, f"{which} {name} was to be over {-expected} s ago"

    @invariant()
    def what_is_shown_is_what_fires(self) -> None:
        for approval in Approval.objects.open().filter(project__in=(self.above, self.below)):
            assert Timer.objects.get(approval=approval).due_at == approval.deadline
        above = look(self.above)
        for timer in Timer.objects.filter(project=above, kind="project"):
            assert timer.due_at == above.deadline

    @invariant()
    def a_deadline_that_passed_is_told_once(self) -> None:
        told = history.events_of(self.above.pk).filter(kind="project.overdue").count()
        assert told == (1 if self.left["above", "deadline"] <= 0 else 0)

    def _left_by_the_database(self, project: Project) -> dict[str, float]:
        """Seconds that each of the project's waits still takes, by its own clock; those that are over are not there."""
        from django.db import connection

        project = look(project)
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            now = cursor.fetchone()[0]
        present = project.directive_since if project.directive == "pause" else now
        found = {}
        for timer in Timer.objects.filter(project=project).select_related("step"):
            name = {"project": "deadline", "approval": "consent"}.get(timer.kind) or timer.step.key
            found[name] = (timer.due_at - present).total_seconds()
        waiting = set(Step.objects.filter(project=project, state="waiting").values_list("key", flat=True))
        assert {"rest", "consent"} & waiting == {"rest", "consent"} & set(found), "a step waits without its timer"
        return found

    def teardown(self) -> None:
        if hasattr(self, "above") and not look(self.above).is_over:
            control.cancel(project_id=self.above.pk, actor=system_actor())
            assert [look(each).state for each in (self.above, self.below)] == ["cancelled"] * 2
            assert not Timer.objects.filter(project__in=(self.above, self.below)).exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_pauses_take_nothing_from_a_wait_and_add_nothing_to_it() -> None:
    # Without making a failing example smaller: each try is a project in a real database.
    run_state_machine_as_test(
        Clocks,
        settings=settings(
            max_examples=15, stateful_step_count=20, deadline=None, database=None, phases=[Phase.generate]
        ),
    )
