"""What is broken, at which moment, in the middle of what, and what must hold then.

A scenario is data. Its injector is a function of a ``Round``: it begins a project, breaks something at the moment, and
says how often its fault happened. What must hold of every project stands in ``invariants``; ``expect`` names more.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator_site.access.actors import system_actor
from orchestrator_site.history import services as history
from projects.models import Approval, Decision, Project, Step
from projects.services import control
from tests.faults.arena import Arena, Unsteady, patiently

FAN_OUT_AND_JOIN = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 8}}
      - {key: each, agent: counted, needs: [list], for_each: results.list.items, params: {n: "${item}"}}
      - {key: first, agent: counted, needs: [each]}
      - {key: second, agent: counted-io, needs: [first]}
  - key: two
    steps:
      - {key: left, agent: counted}
      - {key: right, agent: counted}
      - {key: join, agent: counted, needs: [left, right]}
"""
PACKED = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 60}}
      - key: each
        agent: counted-brief
        needs: [list]
        for_each: results.list.items
        max_parallel: 60
        params: {seconds: 0}
      - {key: join, agent: counted, needs: [each]}
"""
LONG_LIST = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 30}}
      - {key: each, agent: counted, needs: [list], for_each: results.list.items, params: {seconds: 0.05}}
      - {key: join, agent: counted-io, needs: [each]}
"""
POISON = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 12}}
      - key: each
        agent: poisoned
        needs: [list]
        for_each: results.list.items
        on_failure: continue
        params: {n: "${item}", poison: %d, seconds: 0.001}
      - {key: join, agent: counted, needs: [each]}
"""
SLOW_LIST = """
phases:
  - key: one
    steps:
      - {key: list, agent: counts, params: {n: 40}}
      - {key: each, agent: counted-slow, needs: [list], for_each: results.list.items, params: {seconds: 0.5}}
"""
ASKING = """
phases:
  - key: draft
    steps:
      - {key: a, agent: counted}
    gate: {approval: {title: Go on}}
  - key: then
    steps:
      - {key: b, agent: counted}
      - {key: c, agent: counted-io, needs: [b]}
"""
PATIENT = """
phases:
  - key: one
    steps:
      - {key: a, agent: counted-patient, params: {seconds: 14}}
      - {key: b, agent: counted, needs: [a]}
"""


class Round:
    """One run of a scenario: what was begun, what was armed, and when it broke."""

    def __init__(self, arena: Arena, scenario: Scenario, seed: int) -> None:
        self.arena = arena
        self.scenario = scenario
        self.rng = random.Random(seed)
        self.projects: list[Project] = []
        self.fired = 0
        self.broken_at: float | None = None
        self.supervised = True
        self._armed: list[str] = []

    def begin(self, blueprint: str | None = None, inputs: dict[str, Any] | None = None) -> Project:
        """A project, on its way."""
        project = self.arena.begin(blueprint or self.scenario.blueprint, inputs)
        self.projects.append(project)
        return project

    def arm(self, point: str, action: str, passes: int = 0, process: str = "") -> None:
        """Have a fault happen at the named point: at one of the first ``passes`` of whichever process comes."""
        at = f"@{self.rng.randint(1, passes)}" if passes > 1 else ""
        draft = self.arena.faults / f"{point}.draft"
        draft.write_text(f"{action}{at} {process}".strip())
        draft.rename(self.arena.faults / point)
        if not action.startswith("sleep"):  # which only holds a process where something else is to break
            self._armed.append(point)

    def wait_fired(self, point: str, seconds: float = 20) -> int:
        """Wait for an armed fault; the number of the process that had it."""
        file = self.arena.faults / f"{point}.fired"
        until = time.monotonic() + seconds
        while not (file.exists() and file.read_text()):
            self.look_after(until, f"the fault at {point} did not happen")
        return int(file.read_text())

    def wait_done(self, project: Project, share: float) -> None:
        """Wait until so large a share of the project's steps is completed, or the project is over."""
        until = time.monotonic() + 30
        while not patiently(lambda: self._share(project) >= share or Project.objects.get(pk=project.pk).is_over):
            self.look_after(until, "the project did not come so far")

    def wait(self, holds: Callable[[], bool], what: str, seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while not patiently(holds):
            self.look_after(until, what)

    def look_after(self, until: float, otherwise: str) -> None:
        """A moment's wait, in which dead processes are started again."""
        if time.monotonic() > until:
            raise Unsteady(otherwise)
        if self.supervised:
            self.arena.supervise()
        time.sleep(0.02)

    def broke(self, times: int = 1) -> None:
        """Note that the fault has happened now."""
        self.fired += times
        self.broken_at = self.broken_at or time.monotonic()

    def count_armed(self) -> None:
        """Note the faults that were armed and have happened."""
        for point in set(self._armed):
            file = self.arena.faults / f"{point}.fired"
            if file.exists():
                self.fired += 1
                ago = time.time() - file.stat().st_ctime
                moment = time.monotonic() - ago
                self.broken_at = min(self.broken_at or moment, moment)

    def steps(self, project: Project, key: str) -> Step:
        return patiently(lambda: Step.objects.filter(project=project, key=key).order_by("-round")[0])

    def _share(self, project: Project) -> float:
        states = list(Step.objects.filter(project=project).values_list("state", flat=True))
        planned = max(len(states), 12 if "for_each" in self.scenario.blueprint else 1)
        return sum(state == "completed" for state in states) / planned

    # --- over the API ----------------------------------------------------------------------------------------------

    def ask(self, path: str, body: dict[str, Any], key: str = "", seconds: float = 10) -> tuple[int, Any]:
        """POST to the web process; status and answer. Status 0: the connection broke, nobody knows what happened."""
        headers = {"Authorization": f"Api-Key {self.arena.key()}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        url = f"http://127.0.0.1:{self.arena.site.web_port}/api/v2/orchestrator/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310 our own
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"{}")
        except (OSError, ValueError):
            return 0, None

    def ask_until_answered(self, path: str, body: dict[str, Any], key: str = "") -> tuple[int, Any]:
        """The same, sent again for as long as the connection breaks, as a client with an Idempotency-Key may."""
        until = time.monotonic() + 40
        while True:
            status, answer = self.ask(path, body, key)
            if status not in (0, 500, 502, 503):
                return status, answer
            self.look_after(until, f"{path} was never answered")
            time.sleep(0.2)


@dataclass(frozen=True)
class Scenario:
    """Something that breaks, at a moment, in the middle of a project."""

    name: str
    moment: str
    inject: Callable[[Round], None]
    blueprint: str = FAN_OUT_AND_JOIN
    ends: str = "completed"
    within: float = 20.0
    quick: bool = False
    web: bool = False
    expect: Callable[[Round], Iterable[str]] = field(default=lambda _round: ())
    skipped: str = ""
    xfail: str = ""

    @property
    def address(self) -> str:
        """Its name on the command line."""
        return f"{self.name}, {self.moment}".replace("_", " ")


# --- injectors ----------------------------------------------------------------------------------------------------

PASSES = {"in_batch": 4, "in_body": 1, "in_advance": 2, "after_publish": 1, "before_publish": 1}
ANYWHERE = ("in_advance", "before_publish", "after_publish", "in_body")


def dies(point: str, action: str, process: str, round_: Round) -> None:
    """A process dies at the named point."""
    # A project of this size has one step for the io worker; of the others, the seed chooses at which it happens.
    round_.arm(point, action, 1 if process == "worker-io" else PASSES.get(point, 4), process)
    round_.begin()


def dies_in_recovery(action: str, round_: Round) -> None:
    """A child dies in its agent, and who takes its step back dies too."""
    round_.arm("in_recovery", action)
    round_.arm("in_agent", "kill", 4, "worker-cpu")
    round_.begin()
    round_.wait_fired("in_recovery")


def held(point: str, act: Callable[[Round], None], round_: Round, process: str = "", seconds: float = 0.8) -> None:
    """Something breaks while a process stands at the named point."""
    round_.arm(point, f"sleep={seconds}", PASSES.get(point, 4), process)
    round_.begin()
    round_.wait_fired(point)
    act(round_)


def under_way(act: Callable[[Round], None], round_: Round, times: int = 1) -> None:
    """Something breaks at moments chosen by the seed while a project is under way."""
    project = round_.begin()
    for share in sorted(round_.rng.uniform(0.05, 0.75) for _ in range(times)):
        round_.wait_done(project, share)
        act(round_)


def flush(round_: Round) -> None:
    round_.arena.flush_redis()
    round_.broke()


def restart_redis(round_: Round) -> None:
    round_.arena.restart_redis_empty(round_.rng.uniform(0.1, 1.5))
    round_.broke()


def drop_redis(round_: Round) -> None:
    round_.broke(round_.arena.redis.reset())


def stall_redis(seconds: float, round_: Round) -> None:
    round_.broke(round_.arena.redis.black_hole())
    time.sleep(seconds)
    round_.arena.redis.carry_on()


def deafen_redis(round_: Round) -> None:
    """Links that carry nothing any more and that nobody closes."""
    round_.broke(round_.arena.redis.black_hole())


def slow_redis(round_: Round) -> None:
    round_.arena.redis.latency = 0.1
    round_.broke()


def terminate(round_: Round) -> None:
    round_.broke(patiently(round_.arena.terminate_backends))


def restart_postgres(round_: Round) -> None:
    round_.arena.restart_postgres(round_.rng.uniform(0.1, 1.0))
    round_.broke()


def reset_postgres(round_: Round) -> None:
    round_.broke(round_.arena.postgres.reset())


def stall_postgres(seconds: float, round_: Round) -> None:
    round_.broke(round_.arena.postgres.black_hole())
    time.sleep(seconds)
    round_.arena.postgres.carry_on()


def lose_reply(text: bytes, round_: Round) -> None:
    """The server does the statement and commits, and the client's connection breaks before it learns so."""
    project = round_.begin()
    round_.wait_done(project, round_.rng.uniform(0.05, 0.5))
    round_.arena.postgres.lose_reply(text)
    round_.wait(lambda: not round_.arena.postgres.waits_to_lose or over(project), "no such statement came")
    if not round_.arena.postgres.waits_to_lose:
        round_.broke()


def over(project: Project) -> bool:
    return Project.objects.get(pk=project.pk).is_over


def with_queue(change: Callable[[list[bytes], random.Random], list[bytes]], round_: Round) -> None:
    """The messages that wait in the queues are others than before."""
    project = round_.begin()
    until = time.monotonic() + 20
    while not sum(map(len, round_.arena.queued().values())) >= 3:
        round_.look_after(until, "no messages waited")
    with round_.arena.broker() as client:
        for name, messages in round_.arena.queued().items():
            changed = change(list(messages), round_.rng)
            pipe = client.pipeline()
            pipe.delete(name)
            if changed:
                pipe.rpush(name, *changed)
            pipe.execute()
            round_.broke(max(1, abs(len(changed) - len(messages))))
    del project


def doubled(messages: list[bytes], rng: random.Random) -> list[bytes]:
    return messages * rng.randint(2, 5)


def reordered(messages: list[bytes], rng: random.Random) -> list[bytes]:
    return rng.sample(messages, len(messages))


def lost(_messages: list[bytes], _rng: random.Random) -> list[bytes]:
    return []


def poisoned_once(_round: Round) -> Iterable[str]:
    """Only the poison step fails, each innocent completes, and none is thought poison for having stood beside it."""
    (project,) = _round.projects
    for step in Step.objects.filter(project=project, parent__isnull=False):
        if (step.state == "failed") != (step.item == POISONED_ITEM):
            yield f"step {step.key} is {step.state}: {step.error}"
    failed = Step.objects.filter(project=project, state="failed")
    if [step.error["code"] for step in failed] != ["poison_step"]:
        yield f"failed: {[(step.key, step.error) for step in failed]}"


POISONED_ITEM = 7


def poison(round_: Round) -> None:
    round_.begin(POISON % POISONED_ITEM)
    round_.broke(3)


def freeze(point: str, round_: Round) -> None:
    """A process is frozen for longer than its lease and then goes on: a zombie."""
    round_.arm(point, "stop", 3, "worker-cpu")
    project = round_.begin()
    pid = round_.wait_fired(point)
    try:
        if round_.rng.random() < 0.5:
            round_.wait(lambda: over(project), "nobody took over from the frozen worker")
        else:
            time.sleep(3.2)
    finally:
        os.kill(pid, signal.SIGCONT)
    round_.wait(lambda: "step.late_result" in kinds(project), "the late result was not noted")


def freeze_whole_worker(round_: Round) -> None:
    """The whole worker is frozen while another one lives, and wakes up after its lease."""
    round_.arena.wanted.add("cpu two")
    try:
        round_.arena.heal()
        project = round_.begin(LONG_LIST)
        round_.wait_done(project, 0.2)
        round_.arena.site.send("cpu", signal.SIGSTOP)
        round_.broke()
        time.sleep(4)
        round_.arena.site.send("cpu", signal.SIGCONT)
        round_.wait(lambda: over(project), "not over")
    finally:
        round_.arena.wanted.discard("cpu two")


def kinds(project: Project) -> list[str]:
    return list(history.events_of(project.pk).order_by("id").values_list("kind", flat=True))


def late_is_refused(round_: Round) -> Iterable[str]:
    for project in round_.projects:
        if "step.late_result" not in kinds(project):
            yield "I4 the zombie's result left no step.late_result"


def tell_to_stop(number: signal.Signals, name: str, round_: Round) -> None:
    """A worker is told to stop in the middle of its work, as a deployment does, and started again."""
    project = round_.begin()
    round_.wait_done(project, round_.rng.uniform(0.1, 0.6))
    began = time.monotonic()
    round_.arena.site.end(name, number, 30)
    round_.broke()
    if time.monotonic() - began > 16:
        raise Unsteady("the worker took longer to stop than it is given")


def stop_in_step(number: signal.Signals, round_: Round) -> None:
    """Told to stop in the middle of a long step: it is handed back, and no lease has to run out."""
    project = round_.begin()
    round_.wait(lambda: round_.steps(project, "a").state == "running", "the step did not start")
    round_.arena.site.end("cpu", number, 30)
    round_.broke()


def kill_role(name: str, round_: Round) -> None:
    project = round_.begin()
    round_.wait_done(project, round_.rng.uniform(0.05, 0.7))
    round_.arena.site.kill(name)
    round_.broke()


def without(name: str, act: Callable[[Round], None], round_: Round, seconds: float = 0) -> None:
    """A process is away for as long as the project takes, and something else breaks meanwhile."""
    round_.arena.wanted.discard(name)
    try:
        round_.arena.site.kill(name)
        round_.broke()
        time.sleep(seconds)
        under_way(act, round_)
        round_.wait(lambda: over(round_.projects[0]), f"not over without {name}", 40)
    finally:
        round_.arena.wanted.add(name)


def two_beats(round_: Round) -> None:
    round_.arena.wanted.add("beat two")
    try:
        round_.arena.supervise()
        time.sleep(4)
        round_.broke()
        under_way(flush, round_, 2)
        round_.wait(lambda: over(round_.projects[0]), "not over with two beats", 40)
    finally:
        round_.arena.wanted.discard("beat two")


def kill_child(round_: Round) -> None:
    round_.arena.site.kill_child("cpu", round_.rng.randrange(2))
    round_.broke()


# --- by people -------------------------------------------------------------------------------------------------------


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


def web_dies_at_decision(point: str, round_: Round) -> None:
    """The web process dies while a person decides; they press the button again."""
    _, approval = waits(round_)
    round_.arm(point, "killgroup", 0, "web")
    body = {"approve": True, "evidence_digest": approval.evidence_digest}
    status, answer = round_.ask_until_answered(f"approvals/{approval.pk}/decisions", body)
    if status not in (200, 201, 409):
        raise Unsteady(f"decision: {status} {answer}")


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
    if not _steer(control.pause, project):
        return
    act(round_)
    time.sleep(1.5)
    _steer(control.resume, project)


def _steer(verb: Callable[..., Project], project: Project, **options: Any) -> bool:
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
        _steer(control.resume, project)


def cancelled(force: bool, act: Callable[[Round], None], round_: Round) -> None:
    """A cancel in the middle, and something that breaks: it ends as cancelled, and nothing starts after it."""
    project = round_.begin()
    round_.wait_done(project, round_.rng.uniform(0.02, 0.4))
    if _steer(control.cancel, project, force=force):
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


SKEWED = Path(__file__).parent / "skewed"


def clock_jumps(hours: float, round_: Round) -> None:
    """In the middle of a list the worker is replaced by one whose clock is wrong by hours."""
    project = round_.begin()
    round_.wait_done(project, 0.2)
    site = round_.arena.site
    site.kill("cpu")
    site.start("cpu", PYTHONPATH=f"{SKEWED}{os.pathsep}{Path.cwd()}", SKEW_SECONDS=str(hours * 3600))
    round_.broke()


def clock_is_right_again(round_: Round) -> Iterable[str]:
    """Nothing to complain of; the next round has a worker whose clock is right."""
    round_.arena.site.kill("cpu")
    return ()


def nothing(round_: Round) -> None:
    round_.broke()


class Broken(Exception):
    """Something that must hold does not, found by an injector itself."""

    def __init__(self, found: list[str]) -> None:
        super().__init__("; ".join(found))
        self.found = found


# --- the matrix ------------------------------------------------------------------------------------------------------

_QUICK_CHILD = {"before_claim", "after_effect", "before_commit", "after_commit", "in_body", "in_batch", "in_advance"}
_NO_CLOCK = "" if importlib.util.find_spec("time_machine") else "the package time_machine is not installed"


def _all() -> Iterable[Scenario]:
    cpu = "worker-cpu"
    moments = (
        "before_claim",
        "after_claim",
        "in_agent",
        "after_effect",
        "after_agent",
        "before_commit",
        "after_commit",
        "in_advance",
        "before_publish",
        "after_publish",
    )
    for moment in moments:
        process = "" if moment in ANYWHERE else cpu
        yield Scenario(
            "SIGKILL of a child", moment, partial(dies, moment, "kill", process), quick=moment in _QUICK_CHILD
        )
    yield Scenario("SIGKILL of a child", "in_batch", partial(dies, "in_batch", "kill", cpu), PACKED, quick=True)
    yield Scenario("SIGKILL of a child", "in_body", partial(dies, "in_body", "kill", ""), quick=True)
    yield Scenario("SIGKILL of a child", "in_recovery", partial(dies_in_recovery, "kill"), quick=True)
    for moment in moments:
        yield Scenario(
            "SIGKILL of a worker", moment, partial(dies, moment, "killgroup", cpu), quick=moment == "after_commit"
        )
    for moment in ("after_claim", "after_effect", "after_commit"):
        yield Scenario("SIGKILL of the io worker", moment, partial(dies, moment, "killgroup", "worker-io"))
    yield Scenario("SIGKILL of a worker", "in_batch", partial(dies, "in_batch", "killgroup", cpu), PACKED)
    yield Scenario("SIGKILL of the control worker", "in_body", partial(dies, "in_body", "killgroup", ""))
    yield Scenario("SIGKILL of a worker", "in_recovery", partial(dies_in_recovery, "killgroup"))
    yield Scenario("SIGKILL of beat", "under way", partial(kill_role, "beat"))
    yield Scenario("SIGKILL of a worker", "under way", partial(kill_role, "cpu"), LONG_LIST)
    yield Scenario(
        "SIGTERM of a worker", "under way", partial(tell_to_stop, signal.SIGTERM, "cpu"), LONG_LIST, within=30
    )
    yield Scenario(
        "SIGQUIT of a worker", "under way", partial(tell_to_stop, signal.SIGQUIT, "cpu"), LONG_LIST, within=30
    )
    yield Scenario("SIGTERM of the io worker", "under way", partial(tell_to_stop, signal.SIGTERM, "io"), within=30)
    yield Scenario(
        "SIGTERM of a worker", "in_agent", partial(stop_in_step, signal.SIGTERM), PATIENT, within=45, expect=handed_back
    )

    for moment in (
        "before_claim",
        "in_agent",
        "before_commit",
        "after_commit",
        "in_body",
        "in_advance",
        "before_publish",
    ):
        quick = moment in ("in_agent", "in_advance")
        yield Scenario("FLUSHALL of Redis", moment, partial(held, moment, flush), quick=quick)
    yield Scenario("FLUSHALL of Redis", "three times under way", partial(under_way, flush, times=3), LONG_LIST)
    for moment in ("before_claim", "in_agent", "in_advance", "before_publish", "in_body"):
        yield Scenario("Redis killed, comes back empty", moment, partial(held, moment, restart_redis), within=40)
    for moment in ("in_agent", "before_publish", "after_commit"):
        yield Scenario(
            "connections to Redis reset",
            moment,
            partial(held, moment, drop_redis),
            within=30,
            quick=moment == "in_agent",
        )
    yield Scenario("Redis stalls for 3 s", "under way", partial(under_way, partial(stall_redis, 3)), within=30)
    yield Scenario("Redis stalls for 8 s", "under way", partial(under_way, partial(stall_redis, 8)), within=60)
    yield Scenario("connections to Redis go deaf", "under way", partial(under_way, deafen_redis), within=90)
    yield Scenario("100 ms to Redis and back", "under way", partial(under_way, slow_redis), within=60)

    for moment in ("before_claim", "after_claim", "in_agent", "before_commit", "after_commit", "in_advance", "in_body"):
        quick = moment in ("before_commit", "in_body")
        yield Scenario("back ends of PostgreSQL terminated", moment, partial(held, moment, terminate), quick=quick)
    yield Scenario(
        "back ends of PostgreSQL terminated", "three times under way", partial(under_way, terminate, times=3), LONG_LIST
    )
    yield Scenario("back ends of PostgreSQL terminated", "in_batch", partial(held, "in_batch", terminate), PACKED)
    for moment in ("after_claim", "in_agent", "before_commit", "after_commit", "in_advance"):
        yield Scenario("PostgreSQL restarted at once", moment, partial(held, moment, restart_postgres), within=30)
    yield Scenario("connections to PostgreSQL reset", "before_commit", partial(held, "before_commit", reset_postgres))
    yield Scenario(
        "PostgreSQL stalls for 4 s, twice the lease",
        "under way",
        partial(under_way, partial(stall_postgres, 4)),
        within=30,
    )
    replies = {
        "claim": b"WITH allowed AS",
        "commit of a step": b"WITH done AS ( UPDATE projects_step SET state = 'completed'",
        "commit of a batch": b"WITH given AS",
        "COMMIT of a transaction": b"COMMIT",
    }
    for what, text in replies.items():
        blueprint = PACKED if "batch" in what else FAN_OUT_AND_JOIN
        yield Scenario("reply of PostgreSQL lost", what, partial(lose_reply, text), blueprint, quick="step" in what)

    yield Scenario("messages doubled", "in the queues", partial(with_queue, doubled), LONG_LIST, quick=True)
    yield Scenario("messages reordered", "in the queues", partial(with_queue, reordered), LONG_LIST)
    yield Scenario("messages lost", "in the queues", partial(with_queue, lost), LONG_LIST)
    yield Scenario("messages doubled", "in the queues, packed", partial(with_queue, doubled), PACKED)

    yield Scenario(
        "frozen for longer than the lease", "in_agent", partial(freeze, "in_agent"), expect=late_is_refused, quick=True
    )
    yield Scenario(
        "frozen for longer than the lease", "before_commit", partial(freeze, "before_commit"), expect=late_is_refused
    )
    yield Scenario(
        "frozen for longer than the lease", "in_batch", partial(freeze, "in_batch"), PACKED, expect=late_is_refused
    )
    yield Scenario("a worker frozen for longer than the lease", "under way", freeze_whole_worker, LONG_LIST)
    yield Scenario(
        "poison step", "in a packed leg", poison, POISON % POISONED_ITEM, expect=poisoned_once, quick=True, within=30
    )

    yield Scenario("two beats", "and FLUSHALL", two_beats, LONG_LIST)
    yield Scenario("no beat", "and a child killed", partial(without, "beat", kill_child), LONG_LIST)
    yield Scenario("no beat for a minute", "and FLUSHALL", partial(without, "beat", flush, seconds=60), within=30)
    yield Scenario("no control worker", "and nothing else", partial(without, "control", nothing), within=40)
    yield Scenario(
        "no control worker", "and a child killed", partial(without, "control", kill_child), LONG_LIST, within=40
    )

    yield Scenario("SIGKILL of web", "in_start", web_dies_at_start, web=True)
    yield Scenario("SIGKILL of web", "in_decision", partial(web_dies_at_decision, "in_decision"), ASKING, web=True)
    yield Scenario(
        "SIGKILL of web", "in_advance of a decision", partial(web_dies_at_decision, "in_advance"), ASKING, web=True
    )
    yield Scenario("SIGKILL of web", "in_pause", partial(web_dies_at, "pause", "in_pause"), SLOW_LIST, web=True)
    yield Scenario(
        "SIGKILL of web", "in_cancel", partial(web_dies_at, "cancel", "in_cancel"), SLOW_LIST, "cancelled", web=True
    )
    yield Scenario(
        "SIGKILL of web",
        "after_cancel",
        partial(web_dies_at, "cancel", "after_cancel"),
        SLOW_LIST,
        "cancelled",
        web=True,
    )
    yield Scenario("two decide at once", "yes and yes, or no", two_decide, ASKING, "", web=True)
    yield Scenario("FLUSHALL of Redis", "before a decision", partial(decided_while, flush), ASKING, web=True)
    yield Scenario(
        "back ends of PostgreSQL terminated", "before a decision", partial(decided_while, terminate), ASKING, web=True
    )

    yield Scenario("pause and resume", "under way", partial(paused, nothing), LONG_LIST, quick=True)
    yield Scenario("SIGKILL of a child", "while paused", partial(paused, kill_child), LONG_LIST)
    yield Scenario("FLUSHALL of Redis", "while paused", partial(paused, flush), LONG_LIST)
    yield Scenario("cancel", "under way", partial(cancelled, False, nothing), LONG_LIST, "cancelled", quick=True)
    yield Scenario("forced cancel", "under way", partial(cancelled, True, nothing), LONG_LIST, "cancelled")
    yield Scenario(
        "SIGKILL of a child", "after a cancel", partial(cancelled, False, kill_child), LONG_LIST, "cancelled"
    )
    yield Scenario("FLUSHALL of Redis", "after a cancel", partial(cancelled, False, flush), LONG_LIST, "cancelled")

    yield Scenario(
        "forced cancel over the API",
        "meets a commit",
        forced_over_the_api,
        "phases: [{key: one, steps: ["
        + ", ".join(f"{{key: s{n}, agent: counted, needs: [{f's{n - 1}' if n else ''}]}}" for n in range(200))
        + "]}]",
        "cancelled",
        web=True,
    )
    for hours in (2, -2):
        yield Scenario(
            f"clock of a worker jumps by {hours:+} h",
            "under way",
            partial(clock_jumps, hours),
            LONG_LIST,
            expect=clock_is_right_again,
            skipped=_NO_CLOCK,
        )
    yield Scenario("SIGKILL of web", "in_restore", killed_restore, web=True)


def handed_back(round_: Round) -> Iterable[str]:
    for project in round_.projects:
        if "step.handed_back" not in kinds(project):
            yield "the step was not handed back"


SCENARIOS: tuple[Scenario, ...] = tuple(_all())
