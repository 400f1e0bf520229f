"""Builders of what tests need: people, projects of a few lines of YAML, and an engine driven by hand.

``drive`` does what workers do, in this process and one step at a time, so that a test of behaviour sees each state on
the way; tests that claim durability use real workers instead (``tests/faults``).
"""

from __future__ import annotations

import textwrap
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from agents.definition import _registered, agent
from orchestrator_site.access.actors import Actor, actor_of, system_actor
from projects.blueprints.load import load_text
from projects.models import Approval, Project, Step
from projects.services import advancing, claims, control, creating, execution, intake, results
from projects.services.attempts import Claim, Outcome
from projects.services.registration import register_blueprint
from projects.services.workers import WorkerProcess, this_process

_versions = iter(range(1, 1_000_000))


def agent_that(function: Callable[[Any], Any], name: str, *, queue: str = "cpu") -> str:
    """Register a function as an agent for a test; a later test may give the name to another."""
    _registered.pop(name, None)
    agent(name, queue=queue)(function)
    return name


@contextmanager
def by_force() -> Iterator[None]:
    """Write rows as nothing of the product can: a state that no crash leaves, or none that is known of."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            cursor.execute("SET session_replication_role = DEFAULT")


def until_somebody_waits(seconds: float = 10) -> None:
    """Wait until another connection waits for a row that this one, or a third, holds."""
    ends = time.monotonic() + seconds
    with connection.cursor() as cursor:
        while time.monotonic() < ends:
            cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("nobody waits for a row")


def person(username: str, *, groups: Iterable[str] = (), may: Iterable[str] = (), **fields: Any) -> User:
    """A user with the groups and the permissions named."""
    user = User.objects.create_user(username, password="correct horse", **fields)
    user.groups.set([Group.objects.get_or_create(name=name)[0] for name in groups])
    user.user_permissions.set(Permission.objects.filter(codename__in=list(may)))
    return user


def approver(username: str = "anna", *groups: str, **fields: Any) -> User:
    """Somebody with the right to decide approvals and no other."""
    return person(username, groups=groups, may=["decide_approval"], **fields)


def project_of(
    yaml: str,
    inputs: dict[str, Any] | None = None,
    *,
    actor: Actor | None = None,
    started: bool = True,
    documents: Iterable[tuple[str, bytes]] = (),
    **options: Any,
) -> Project:
    """A project of a blueprint that is written in the test; name and version are added where they are not there."""
    text = textwrap.dedent(yaml)
    if "name:" not in text.split("phases:")[0]:
        text = f"name: under-test\nversion: {next(_versions)}\ntitle: Under test\n{text}"
    created = creating.create_project(
        blueprint=register_blueprint(loaded=load_text(text)),
        inputs=inputs,
        actor=actor or system_actor(),
        documents=[intake.Given(name, content) for name, content in documents],
        **options,
    )
    if started:
        control.start(project_id=created.project.pk, actor=actor or system_actor())
    return look(created.project)


def look(project: Project) -> Project:
    """The project as it is in the database now."""
    return Project.objects.get(pk=project.pk)


def drive(project: Project, *, steps: int = 10_000) -> Project:
    """Advance, and run what is ready one step at a time, until nothing is or ``steps`` have been run."""
    advancing.advance(project.pk)
    while steps > 0 and (ready := ready_steps(project) or _ready_in_a_moment(project)):
        run(ready[0])
        advancing.advance(project.pk)
        steps -= 1
    return look(project)


def run(*steps: Step) -> execution.LegEnd:
    """What a worker does with the message of a leg."""
    return execution.run_leg(steps[0].project_id, [each.pk for each in steps])


def in_two_hands(work: Callable[[], object]) -> None:
    """The same work by two workers at the same moment."""
    both = threading.Barrier(2)

    def one() -> None:
        both.wait()
        try:
            work()
        finally:
            connection.close()

    hands = [threading.Thread(target=one) for _ in range(2)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()


def claim(step: Step, worker: WorkerProcess | None = None) -> Claim | None:
    """What a worker does first."""
    return claims.claim(step.project_id, step.pk, worker or this_process())


def do(claim: Claim) -> None:
    """What a worker does with a step that it has claimed: call the agent, and write down what became of it."""
    execution._do(claim, this_process(), execution.LegEnd([]), execution.commit)


def finish(claim: Claim, result: str = '"done"') -> None:
    """What a worker does last, with what the agent returned as JSON."""
    execution.commit(Outcome(claim, result, 0, 0, 0.0), this_process(), execution.LegEnd([]))


def ready_steps(project: Project) -> list[Step]:
    """What could be claimed now, in order."""
    ready = Step.objects.filter(project=project, state="ready", published_at__isnull=False)
    return list(ready.filter(Q(available_at=None) | Q(available_at__lte=Now())).order_by("phase", "position"))


def _ready_in_a_moment(project: Project) -> list[Step]:
    """What a retry of some milliseconds holds back: a fast test would otherwise end before it is due."""
    soon = Now() + timedelta(seconds=0.05)
    while Step.objects.filter(project=project, state="ready", available_at__range=(Now(), soon)).exists():
        time.sleep(0.005)
    return ready_steps(project)


def states(project: Project) -> dict[str, str]:
    """The states of the latest round's steps, by key."""
    rows = Step.objects.filter(project=project).order_by("round").values_list("key", "state")
    return dict(rows)


def result(project: Project, key: str) -> Any:
    """The result of a step's latest round."""
    return results.of(Step.objects.filter(project=project, key=key).order_by("-round")[0])


def step(project: Project, key: str) -> Step:
    """A step of the latest round."""
    return Step.objects.filter(project=project, key=key).order_by("-round")[0]


def kinds(project: Project) -> list[str]:
    """The kinds of a project's events, in order."""
    from orchestrator_site.history import services as history

    return list(history.events_of(project.pk).order_by("id").values_list("kind", flat=True))


def open_approval(project: Project) -> Approval:
    """The approval that a project waits for."""
    return Approval.objects.get(project=project, state="open")


def as_actor(user: User) -> Actor:
    """What services take for a user."""
    return actor_of(user, via="test")


def ids(steps: Iterable[Step]) -> list[UUID]:
    """Their ids."""
    return [each.pk for each in steps]


def child_of(project: Project, key: str) -> Project:
    """The project that a step has started."""
    return Project.objects.get(parent_step__project=project, parent_step__key=key)


def later(project: Project, seconds: float) -> None:
    """Have the clocks of a project be where they are so many seconds later, and do what is due then.

    What the database holds of moments is moved back: waits, retries and deadlines, when a pause and attempts began.
    """
    from datetime import timedelta

    from django.db.models import F

    from projects.models import Attempt, Timer
    from projects.services import timers

    length = timedelta(seconds=seconds)
    Timer.objects.filter(project=project).update(due_at=F("due_at") - length)
    Approval.objects.filter(project=project).update(deadline=F("deadline") - length)
    Step.objects.filter(project=project).update(available_at=F("available_at") - length)
    Attempt.objects.filter(step__project=project).update(started_at=F("started_at") - length)
    Project.objects.filter(pk=project.pk).update(
        deadline=F("deadline") - length, directive_since=F("directive_since") - length
    )
    timers.fire_due()


def blueprint_of(yaml: str) -> str:
    """Register a blueprint that is written in the test; its name."""
    text = textwrap.dedent(yaml)
    return register_blueprint(loaded=load_text(text)).name
