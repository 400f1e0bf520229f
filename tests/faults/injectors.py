"""How things are broken: functions of a round that begin a project and break something at the moment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable

from orchestrator_site.history import services as history
from projects.models import Project, Step
from tests.faults.arena import Unsteady, patiently
from tests.faults.plans import LONG_LIST, POISON
from tests.faults.rounds import Round

ONCE = {"in_body", "in_advance", "in_recovery", "after_publish", "before_publish"}
"""Points that a project passes once at least, or once only; of the others one of the first four is taken."""
ANYWHERE = ("in_advance", "before_publish", "after_publish", "in_body")


def dies(point: str, action: str, process: str, round_: Round) -> None:
    """A process dies at the named point."""
    hold_at(point, action, round_, process)
    round_.begin()


def hold_at(point: str, action: str, round_: Round, process: str = "") -> None:
    """Arm what happens to the process that comes to a point; the seed chooses at which of its first passes."""
    # A project of this size has one step for the io worker; of the others, the seed chooses at which it happens.
    passes = 1 if process in ("worker-io", "web") or point in ONCE else 4
    round_.arm(point, action, passes, process or _somewhere(point, round_))


def _somewhere(point: str, round_: Round) -> str:
    """Which worker it happens in: each looks at the project once at least. Of other points whichever comes first."""
    return round_.rng.choice(("worker-control", "worker-cpu", "worker-io")) if point == "in_advance" else ""


def held(point: str, act: Callable[[Round], None], round_: Round, process: str = "", seconds: float = 0.8) -> None:
    """Something breaks while a process stands at the named point."""
    hold_at(point, f"sleep={seconds}", round_, process)
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
    round_.begin()
    pid = round_.wait_fired(point)
    try:
        if round_.rng.random() < 0.5:
            round_.wait(lambda: all(map(over, round_.projects)), "nobody took over from the frozen worker")
        else:
            round_.wait(
                lambda: any("step.taken_back" in kinds(each) for each in round_.projects), "nobody took the step back"
            )
    finally:
        os.kill(pid, signal.SIGCONT)
    round_.wait(lambda: any("step.late_result" in kinds(each) for each in round_.projects), "no late result was noted")


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
    if not any("step.late_result" in kinds(project) for project in round_.projects):
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
    kill_now(name, round_)


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


def kill_now(name: str, round_: Round) -> None:
    """A whole process is killed, and started again by whoever looks after it."""
    round_.arena.site.kill(name)
    round_.broke()


def kill_child(round_: Round) -> None:
    round_.arena.site.kill_child("cpu", round_.rng.randrange(2))
    round_.broke()


def nothing(round_: Round) -> None:
    round_.broke()


def handed_back(round_: Round) -> Iterable[str]:
    for project in round_.projects:
        if "step.handed_back" not in kinds(project):
            yield "the step was not handed back"
