"""How things are broken while people start, decide and steer: more functions of a round."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from orchestrator_site.access.actors import system_actor
from projects.models import Approval, Decision, Project
from projects.services import control
from tests.faults.arena import Unsteady, patiently
from tests.faults.injectors import kinds
from tests.faults.rounds import Broken, Round


def web_dies_at_start(round_: Round) -> None:
    """The web process dies while it starts a project; the client, which has no answer, sends the same again."""
    from projects.blueprints.load import load_text
    from projects.services.registration import register_blueprint

    name = f"web-{round_.rng.getrandbits(40):x}"
    register_blueprint(loaded=load_text(f"name: {name}\nversion: 1\ntitle: Web\n{round_.scenario.blueprint}"))
    round_.arm("in_start", "killgroup", 0, "web")
    status, answer = round_.ask_until_answered("projects", {"blueprint": name, "key": name}, name)
    if status not in (200, 201):
        raise Unsteady(f"POST projects: {status} {answer}")
    made = list(Project.objects.filter(blueprint__name=name))
    round_.projects += made
    if len(made) != 1:
        raise Broken([f"I2 one request made {len(made)} projects"])
    if made[0].state == "pending":
        control.start(project_id=made[0].pk, actor=system_actor())


def waits(round_: Round) -> tuple[Project, Approval]:
    project = round_.begin()
    round_.wait(lambda: Approval.objects.filter(project=project, state="open").exists(), "nobody was asked")
    return project, Approval.objects.get(project=project)


def two_decide(round_: Round) -> None:
    """Two requests at the same moment, one yes and one no: one is first, and the other learns so."""
    _project, approval = waits(round_)
    gate = threading.Barrier(2)
    said: list[int] = []

    def decide(approve: bool) -> None:
        body = {"approve": approve, "comment": "so", "evidence_digest": approval.evidence_digest}
        gate.wait()
        said.append(round_.ask(f"approvals/{approval.pk}/decisions", body)[0])

    verdicts = [True, round_.rng.random() < 0.5]
    threads = [threading.Thread(target=decide, args=(verdict,)) for verdict in verdicts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    round_.broke()
    if sorted(said) not in ([200, 409], [201, 409]):
        raise Broken([f"I6 two decisions at once were answered {said}"])
    if Decision.objects.filter(approval=approval).count() != 1:
        raise Broken(["I6 not one decision"])


def decided_while(act: Callable[[Round], None], round_: Round) -> None:
    """Something breaks between a decision and what follows of it."""
    _, approval = waits(round_)
    round_.ask_until_answered(f"projects/{approval.pk}/pause", {})  # refused; and web has a connection now
    act(round_)
    time.sleep(0.3)
    body = {"approve": True, "evidence_digest": approval.evidence_digest}
    status, answer = round_.ask(f"approvals/{approval.pk}/decisions", body)
    if status not in (200, 201):
        raise Broken([f"I15 the decision was answered {status} {answer}, though servers were there again"])


def paused(act: Callable[[Round], None], round_: Round) -> None:
    """A pause in the middle, something that breaks meanwhile, and a resumption: nothing starts in between."""
    project = round_.begin()
    round_.wait_done(project, round_.rng.uniform(0.05, 0.5))
    if not steer(control.pause, project):
        return
    act(round_)
    time.sleep(1.5)
    steer(control.resume, project)


def steer(verb: Callable[..., Project], project: Project, **options: Any) -> bool:
    from projects.errors import RefusedInState

    try:
        patiently(lambda: verb(project_id=project.pk, actor=system_actor(), **options))
    except RefusedInState:
        return False
    return True


def web_dies_at(verb: str, point: str, round_: Round) -> None:
    """The web process dies while it pauses or cancels; the request is sent again."""
    project = round_.begin()
    round_.wait_done(project, 0.02)
    round_.arm(point, "killgroup", 0, "web")
    status, answer = round_.ask_until_answered(f"projects/{project.pk}/{verb}", {"reason": "test"})
    if status not in (200, 202, 409):
        raise Unsteady(f"{verb}: {status} {answer}")
    if verb == "pause":
        time.sleep(0.5)
        steer(control.resume, project)


def cancelled(force: bool, act: Callable[[Round], None], round_: Round) -> None:
    """A cancel in the middle, and something that breaks: it ends as cancelled, and nothing starts after it."""
    project = round_.begin()
    round_.wait_done(project, round_.rng.uniform(0.02, 0.4))
    if steer(control.cancel, project, force=force):
        act(round_)


def forced_over_the_api(round_: Round) -> None:
    """A forced cancel over the API, which holds the project, meets a worker that commits a step and wants the next."""
    project = round_.begin()
    round_.ask_until_answered(f"projects/{project.pk}/resume", {})  # refused; and web is warm now
    round_.arm("in_cancel", "sleep=0.7", 0, "web")
    before = round_.arena.log_of("cpu").count("deadlock detected")
    status, answer = round_.ask(f"projects/{project.pk}/cancel", {"force": True, "reason": "test"})
    round_.broke()
    time.sleep(1.5)
    deadlocks = round_.arena.log_of("cpu").count("deadlock detected") - before
    if status != 202 or deadlocks:
        raise Broken([f"I15 the cancel was answered {status} {answer}; {deadlocks} deadlocks"])


def killed_restore(round_: Round) -> None:
    """Web is killed while it takes a completed project back to its start, and is asked again with the same key."""
    project = round_.begin()
    round_.wait(lambda: round_.arena.look(project).is_over, "the project to be completed", 40)
    round_.ask_until_answered(f"projects/{project.pk}/resume", {})  # refused; and web is warm now
    round_.arm("in_restore", "kill", 0, "web")
    address, key = f"projects/{project.pk}/checkpoints/1/restore", f"restore-{project.pk}"
    status, answer = round_.ask(address, {"reason": "test"}, key)
    round_.broke()
    if status:
        raise Broken([f"I15 the restore was answered {status} {answer}, and web was to be killed in it"])
    if round_.arena.look(project).state != "completed" or "project.restored" in kinds(project):
        raise Broken(["I14 half of a restore is there"])
    status, answer = round_.ask_until_answered(address, {"reason": "test"}, key)
    if status != 202 or kinds(project).count("project.restored") != 1:
        raise Broken([f"I15 the restore was answered {status} {answer}; {kinds(project).count('project.restored')}"])
