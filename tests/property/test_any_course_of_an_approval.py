"""Whatever people, deadlines and operators do in whatever order: an approval is decided once, on what was seen."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
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

from orchestrator_site.digests import digest_of
from orchestrator_site.errors import PhasegateError
from orchestrator_site.history import services as history
from projects.models import Approval, Decision, Phase, Project, Step
from projects.models.approval import Verdict
from projects.services import advancing, approvals, control
from projects.states import APPROVAL, ApprovalState
from tests.builders import agent_that, approver, as_actor, drive, look, person, project_of, ready_steps, run

TEAM = ("anna", "ben", "carl")
CLOSED = APPROVAL.terminal


class Approving(RuleBasedStateMachine):
    """One gate with its people, through the services; ``price`` is what the evidence shows."""

    people: dict[str, Any] = {}

    @initialize(
        quorum=st.integers(1, 3),
        on_timeout=st.sampled_from(["reject", "approve", "escalate"]),
        on_reject=st.sampled_from(["fail", "rework"]),
        on_exhausted=st.sampled_from(["fail", "escalate"]),
    )
    def begin(self, quorum: int, on_timeout: str, on_reject: str, on_exhausted: str) -> None:
        exhausted = "escalate" if on_exhausted == "escalate" and on_reject == "rework" else "fail"
        escalates = on_timeout == "escalate" or exhausted == "escalate"
        to = "escalate_to: {groups: [board], deadline: 2h}" if escalates else "description: none"
        self.price = 1
        self.price_at_start: int | None = None
        self.ended_as: dict[Any, str] = {}
        self.voters: dict[Any, set[str]] = {}
        self.project = drive(
            project_of(
                f"""
                variables: {{price: 1}}
                phases:
                  - key: draft
                    steps: [{{key: text, agent: echo, params: {{say: "${{rework.round}}"}}}}]
                    gate:
                      max_iterations: {2 if on_reject == "rework" else 1}
                      on_exhausted: {exhausted}
                      approval:
                        title: Approve it
                        approvers: {{groups: [team], quorum: {quorum}}}
                        evidence: {{Price: "${{variables.price}}"}}
                        form: {{type: object, properties: {{note: {{type: string}}}}}}
                        deadline: 1h
                        on_timeout: {on_timeout}
                        on_reject: {on_reject}
                        {to}
                  - key: publish
                    steps: [{{key: out, agent: echo, params: {{say: "${{approvals.draft}}"}}}}]
                """
            )
        )

    # --- what may happen

    @rule(
        name=st.sampled_from([*TEAM, "bea", "otto"]),
        verdict=st.sampled_from(list(Verdict)),
        edits=st.sampled_from([{}, {"note": "edited"}]),
        late=st.booleans(),
        saw=st.sampled_from(["now", "asked", "unsaid"]),
    )
    def somebody_decides(self, name: str, verdict: Verdict, edits: dict[str, Any], late: bool, saw: str) -> None:
        """On the latest question or, from an old page, on the first; having seen the content as it is, or as it was."""
        asked = Approval.objects.filter(project=self.project).order_by("opened_at")
        approval = asked.first() if late else asked.last()
        if approval is None:
            return
        user = self.people[name]
        before = (approval.state, approval.approvals, approval.decisions.count())
        asked_content = digest_of(approval.asked_content)
        seen_content = {"now": approval.content_digest, "asked": asked_content, "unsaid": None}[saw]
        may = Approval.objects.decidable_by(user).filter(pk=approval.pk).exists()
        try:
            approvals.decide(
                approval_id=approval.pk,
                user=user,
                verdict=verdict,
                comment="because",
                edits=edits,
                seen_digest=approval.evidence_digest,
                seen_content=seen_content,
                via="test",
            )
        except PhasegateError:
            approval.refresh_from_db()
            assert (approval.state, approval.approvals, approval.decisions.count()) == before, "a refusal changed it"
            return
        assert may
        assert approval.content_digest == (seen_content or asked_content), "somebody decided on what they did not see"
        assert before[0] == ApprovalState.OPEN
        assert approval.evidence == [{"label": "Price", "value": self.price}] or approval.purpose == "limit"
        voters = self.voters.setdefault(approval.pk, set())
        assert name not in voters, "a person counted twice"
        voters.add(name)

    @rule()
    def the_deadline_passes(self) -> None:
        for approval in Approval.objects.open().filter(project=self.project):
            Approval.objects.filter(pk=approval.pk).update(deadline=Now() - timedelta(seconds=1))
            approval.refresh_from_db()
            approvals.time_out(approval)

    @rule(price=st.integers(1, 3))
    def the_price_changes(self, price: int) -> None:
        with transaction.atomic():
            Project.objects.lock_for_control(self.project.pk)
            Project.objects.filter(pk=self.project.pk).update(variables={"price": price})
            advancing.recheck_approvals(self.project.pk)
        self.price = price

    @rule()
    def somebody_looks(self) -> None:
        advancing.advance(self.project.pk)

    @rule()
    def a_worker_works(self) -> None:
        advancing.advance(self.project.pk)
        for step in ready_steps(self.project)[:1]:
            run(step)
            if step.key == "out" and self.price_at_start is None and step_started(self.project):
                self.price_at_start = self.price
        advancing.advance(self.project.pk)

    @precondition(lambda self: look(self.project).state == "running")
    @rule(what=st.sampled_from(["pause", "resume"]))
    def an_operator_steers(self, what: str) -> None:
        with contextlib.suppress(PhasegateError):
            getattr(control, what)(project_id=self.project.pk, actor=as_actor(self.people["root"]))

    @precondition(lambda self: look(self.project).state == "running")
    @rule(really=st.integers(0, 5))
    def an_operator_cancels(self, really: int) -> None:
        if really == 0:
            control.cancel(project_id=self.project.pk, actor=as_actor(self.people["root"]))

    # --- what must hold

    @invariant()
    def one_question_at_a_time(self) -> None:
        if hasattr(self, "project"):
            assert Approval.objects.open().filter(project=self.project).count() <= 1

    @invariant()
    def decided_once(self) -> None:
        """What is closed stays as it is; what was approved may only become void."""
        for pk, state in self._approvals("pk", "state"):
            before = self.ended_as.get(pk)
            assert before in (None, state) or (before, state) == ("approved", "void")
            if state in CLOSED:
                self.ended_as[pk] = state

    @invariant()
    def each_person_counts_once(self) -> None:
        for pk, state, count, quorum in self._approvals("pk", "state", "approvals", "quorum"):
            decisions = Decision.objects.filter(approval=pk)
            people = decisions.filter(verdict="approve", user__isnull=False)
            assert people.values("user").distinct().count() == people.count() == count
            assert count <= quorum
            assert decisions.filter(verdict="reject").count() <= 1
            if state == "approved":
                assert count == quorum or decisions.filter(via="deadline", verdict="approve").exists()
            if state == "rejected":
                assert decisions.filter(verdict="reject").count() == 1

    @invariant()
    def nothing_follows_before_it_is_approved_nor_on_anything_else(self) -> None:
        if not hasattr(self, "project") or not step_started(self.project):
            return
        latest = Approval.objects.filter(project=self.project).order_by("opened_at").last()
        assert latest is not None
        assert latest.state == "approved"
        assert {"label": "Price", "value": self.price_at_start} in latest.evidence
        assert Phase.objects.get(project=self.project, key="draft").state == "completed"
        assert Step.objects.filter(project=self.project, key="out", attempt__gt=0).count() == 1

    @invariant()
    def what_is_over_asks_nobody(self) -> None:
        if hasattr(self, "project") and look(self.project).is_over:
            assert not Approval.objects.open().filter(project=self.project).exists()

    @invariant()
    def every_end_of_a_question_is_in_the_history(self) -> None:
        for pk, state in self._approvals("pk", "state"):
            told = history.events_of(self.project.pk, subject=str(pk)).values_list("kind", flat=True)
            wanted = {"approved": "approval.approved", "rejected": "approval.rejected", "void": "approval.voided"}
            assert state not in wanted or list(told).count(wanted[state]) == 1

    def _approvals(self, *names: str) -> list[Any]:
        if not hasattr(self, "project"):
            return []
        return list(Approval.objects.filter(project=self.project).values_list(*names))


def step_started(project: Project) -> bool:
    return Step.objects.filter(project=project, key="out", attempt__gt=0).exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.django_db(transaction=True)
def test_any_course_of_an_approval() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")
    Approving.people = {name: approver(name, "team") for name in TEAM} | {
        "bea": approver("bea", "board"),
        "otto": person("otto"),
        "root": person("root", is_superuser=True),
    }
    run_state_machine_as_test(
        Approving,
        settings=settings(
            max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
