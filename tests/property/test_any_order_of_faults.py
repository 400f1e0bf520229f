"""Whatever happens in whichever order: the rules that always hold do, and with no more faults every project ends."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
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
from projects.models import Approval, Project
from projects.models.approval import Verdict
from projects.services import advancing, approvals, control, recovery
from projects.states import ProjectState
from tests.builders import agent_that, person, project_of
from tests.faults.invariants import violations
from tests.property.model import Engine, Hand, engine_by_hand

EXAMPLES = 5


@st.composite
def blueprints(draw: st.DrawFn) -> str:
    """Blueprints of one or two phases with up to four steps, some of them lists, some phases with a question."""
    lines = ["phases:"]
    for phase in range(draw(st.integers(1, 2))):
        lines += [f"  - key: p{phase}", "    steps:"]
        for index in range(draw(st.integers(1, 4))):
            earlier = [f"s{phase}{n}" for n in range(index)]
            needs = draw(st.lists(st.sampled_from(earlier), unique=True, max_size=2)) if earlier else []
            lines.append(f"      - key: s{phase}{index}")
            lines.append(f"        agent: {draw(st.sampled_from(['model-cpu', 'model-io']))}")
            lines.append(f"        needs: [{', '.join(needs)}]")
            lines.append(f"        on_failure: {draw(st.sampled_from(['fail', 'continue', 'skip_dependents']))}")
            lines.append("        retry: {max_attempts: 2, base: 30, jitter: none}")
            if draw(st.integers(0, 3)) == 0:
                lines.append(f'        for_each: "{list(range(draw(st.sampled_from([0, 3, 6, 12]))))}"')
        if draw(st.integers(0, 3)) == 0:
            lines.append("    gate: {approval: {title: Go on, on_reject: rework}, max_iterations: 2}")
    return "\n".join(lines)


class Faults(RuleBasedStateMachine):
    """Workers, a broker and people, in any order that Hypothesis thinks of."""

    ended = 0  # examples that came to their end

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.engine: Engine = self.stack.enter_context(engine_by_hand())
        self.projects: list[Project] = []
        self.held: set[Any] = set()

    @initialize(blueprint=blueprints())
    def start(self, blueprint: str) -> None:
        self.projects.append(project_of(blueprint))

    @precondition(lambda self: len(self.projects) < 2)
    @rule(blueprint=blueprints())
    def start_another(self, blueprint: str) -> None:
        self.projects.append(project_of(blueprint))

    # --- the broker --------------------------------------------------------------------------------------------

    @precondition(lambda self: self.engine.broker.messages)
    @rule(data=st.data(), most=st.integers(1, 4), again=st.booleans())
    def a_message_is_delivered(self, data: st.DataObject, most: int, again: bool) -> None:
        place = data.draw(st.integers(0, len(self.engine.broker.messages) - 1))
        self.engine.deliver(place, most, again=again)

    @precondition(lambda self: self.engine.broker.messages)
    @rule(data=st.data())
    def a_message_is_lost(self, data: st.DataObject) -> None:
        self.engine.broker.messages.pop(data.draw(st.integers(0, len(self.engine.broker.messages) - 1)))

    @precondition(lambda self: self.engine.broker.messages)
    @rule()
    def the_broker_is_emptied(self) -> None:
        self.engine.broker.flush()

    @rule()
    def the_broker_refuses_or_takes_again(self) -> None:
        self.engine.broker.refuses = not self.engine.broker.refuses

    # --- workers -----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.engine.hands)
    @rule(data=st.data(), most=st.integers(1, 4))
    def a_worker_commits(self, data: st.DataObject, most: int) -> None:
        self.engine.complete(self._hand(data), most)

    @precondition(lambda self: self.engine.hands)
    @rule(data=st.data(), most=st.integers(1, 4))
    def an_agent_fails(self, data: st.DataObject, most: int) -> None:
        self.engine.fail(self._hand(data), ValueError("the model's agent failed"), most)

    @precondition(lambda self: self.engine.hands)
    @rule(data=st.data())
    def a_worker_dies(self, data: st.DataObject) -> None:
        self.engine.crash(self._hand(data))

    @precondition(lambda self: self.engine.zombies)
    @rule(data=st.data(), by_lock=st.booleans())
    def a_death_is_seen(self, data: st.DataObject, by_lock: bool) -> None:
        self.engine.see_death(data.draw(st.sampled_from(self.engine.zombies)), by_lock=by_lock)

    @precondition(lambda self: self.engine.zombies)
    @rule(data=st.data())
    def a_frozen_worker_wakes_up(self, data: st.DataObject) -> None:
        self.engine.wake(data.draw(st.sampled_from(self.engine.zombies)))

    @precondition(lambda self: self.engine.hands and not self.engine.broker.refuses)
    @rule(data=st.data(), most=st.integers(1, 4), wakes=st.booleans())
    def a_frozen_worker_is_replaced(self, data: st.DataObject, most: int, wakes: bool) -> None:
        hand = self._hand(data)
        self.engine.replace(hand, most)
        if wakes:
            self.engine.wake(hand)

    @rule(seconds=st.sampled_from([0.5, 3.0, 90.0]))
    def time_passes(self, seconds: float) -> None:
        self.engine.time_passes(seconds)

    @rule()
    def recovery_looks(self) -> None:
        assert not recovery.recover().errors

    @rule(data=st.data())
    def somebody_advances(self, data: st.DataObject) -> None:
        advancing.advance(data.draw(st.sampled_from(self.projects)).pk)

    # --- people ------------------------------------------------------------------------------------------------

    @rule(data=st.data(), verb=st.sampled_from(["pause", "pause", "resume", "resume", "cancel", "force"]))
    def somebody_steers(self, data: st.DataObject, verb: str) -> None:
        if verb in ("cancel", "force") and data.draw(st.integers(0, 2)):
            return  # else few would come to another end
        project = data.draw(st.sampled_from(self.projects))
        options: dict[str, Any] = {"force": True} if verb == "force" else {}
        verbs = {"pause": control.pause, "resume": control.resume, "cancel": control.cancel, "force": control.cancel}
        with suppress(RefusedInState):
            verbs[verb](project_id=project.pk, actor=system_actor(), **options)

    @precondition(lambda self: self._open())
    @rule(approve=st.booleans())
    def somebody_decides(self, approve: bool) -> None:
        self._decide(self._open()[0], Verdict.APPROVE if approve else Verdict.REJECT)

    # --- what holds --------------------------------------------------------------------------------------------

    @invariant()
    def the_rules_hold(self) -> None:
        for project in self.projects:
            found = violations(project, None, over=False, sealed=False)
            assert not found, "\n".join(found)

    def teardown(self) -> None:
        try:
            if self.projects:
                self._end()
                Faults.ended += 1
        finally:
            self.stack.close()

    def _end(self) -> None:
        for _ in range(8):
            for project in Project.objects.filter(pk__in=[p.pk for p in self.projects], directive="pause"):
                if project.state == ProjectState.RUNNING:
                    control.resume(project_id=project.pk, actor=system_actor())
            self.engine.come_to_an_end(self.projects)
            if not self._open():
                break
            for approval in self._open():
                self._decide(approval, Verdict.APPROVE)
        for hand in list(self.engine.zombies):
            self.engine.wake(hand)
            while hand in self.engine.hands:
                self.engine.complete(hand, 1)
        for project in self.projects:
            found = violations(project, None)
            assert not found, "\n".join(found)

    def _hand(self, data: st.DataObject) -> Hand:
        return data.draw(st.sampled_from(self.engine.hands))

    def _open(self) -> list[Approval]:
        return list(Approval.objects.filter(project__in=self.projects, state="open"))

    def _decide(self, approval: Approval, verdict: Verdict) -> None:
        from django.contrib.auth.models import User

        user = User.objects.filter(username="model").first() or person("model", is_superuser=True)
        approvals.decide(approval_id=approval.pk, user=user, verdict=verdict, comment="so", via="test")


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_no_order_of_faults_breaks_a_rule_or_keeps_a_project_from_its_end() -> None:
    agent_that(lambda context: None, "model-cpu")
    agent_that(lambda context: None, "model-io", queue="io")

    # Several runs of few: the first example of each is the simplest there is, in which nothing happens at all, and of
    # many Hypothesis would compare one with another, where ids and moments are new each time; where it does so all the
    # same, and finds two that begin alike and go on differently, that run is over.
    before = Faults.ended
    for _ in range(EXAMPLES):
        with suppress(FlakyStrategyDefinition):
            run_state_machine_as_test(
                Faults,
                settings=settings(
                    max_examples=8,
                    stateful_step_count=40,
                    deadline=None,
                    database=None,
                    phases=(Phase.generate,),
                    suppress_health_check=list(HealthCheck),
                ),
            )
    assert Faults.ended - before > 2 * EXAMPLES, "most runs were over before they had begun"
