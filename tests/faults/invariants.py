"""What must hold of a project after any fault, read from the database and from the outside world."""

from __future__ import annotations

from collections import Counter

from orchestrator_site.history import services as history
from projects.models import Attempt, Project, Step
from projects.services.contexts import idempotency_key
from projects.states import STEP


def check(project: Project, calls: Counter[str], *, effects: bool = True) -> None:
    """Every step over and committed once, every effect there, no lease left, attempts and events in agreement."""
    steps = list(Step.objects.filter(project=project))
    completions = Counter(
        history.events_of(project.pk)
        .filter(kind="step.completed", data__has_key="attempt")
        .values_list("subject", "data__round")
    )
    assert all(count == 1 for count in completions.values()), f"committed twice: {completions}"
    for step in steps:
        assert step.state in STEP.terminal, f"{step.key} is {step.state}"
        assert step.lease_owner is None
        if step.kind != "agent" or (step.state == "completed" and step.spec and step.spec.get("for_each")):
            continue
        attempts = list(Attempt.objects.filter(step=step).order_by("number"))
        assert [attempt.number for attempt in attempts] == list(range(1, step.attempt + 1))
        assert not [attempt for attempt in attempts if attempt.outcome == "running"], f"{step.key} left one running"
        if step.state == "completed":
            assert [a.outcome for a in attempts].count("completed") == 1
            assert attempts[-1].outcome == "completed"
            if effects and step.agent.startswith("counted"):
                assert calls[idempotency_key(step.pk)] >= 1, f"{step.key} is completed without its effect"
