"""The processes that make up the site: web, workers, beat and Flower.

In the order of the stop, the doors close first (web, beat, Flower), so that no new work comes, then the
workers end what they have in hand. What they cannot end in time is put back, and is safe in PostgreSQL in any
case.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

from orchestrator_site.conf import CONTROL_QUEUE, PRIORITIES
from orchestrator_site.embedded import ports
from orchestrator_site.embedded.role import Role
from orchestrator_site.embedded.secrets import kept_secret

FLOWER_USER = "phasegate"
WORKERS = ("control", "cpu", "io")

_DOORS, _WORKERS = 0, 1  # stages of the stop
_IO_THREADS = 16
# Celery warns root of pickled messages; ours are JSON, and nothing else is accepted.
_UNWARNED = {"PYTHONWARNINGS": "ignore::UserWarning:celery.platforms"}
_ANSWER = 0.5  # seconds for a worker to say that it is there
_GRACE = 15.0  # seconds: the soft shutdown of settings, and some to put back what is left


def web(host: str = "127.0.0.1", port: int = 8000) -> Role:
    """The site itself: pages, API, live connections."""
    argv = _module("uvicorn", "orchestrator_site.asgi:application", "--host", host, "--port", str(port))
    here = "::1" if host == "::" else "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - compared only
    return Role(
        "web",
        (*argv, "--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "5"),
        env={"PHASEGATE_PROCESS": "web"},
        stage=_DOORS,
        ready=functools.partial(ports.listens, here, port),
    )


def workers(*names: str) -> list[Role]:
    """The named workers, or all: ``control`` (advance, recover), ``cpu`` (processes), ``io`` (threads)."""
    made = {
        # By itself, so that recovery is never behind the work that it is to recover.
        "control": _worker("control", [CONTROL_QUEUE], "prefork", 1),
        "cpu": _worker("cpu", _queues("cpu"), "prefork", cores()),
        "io": _worker("io", _queues("io"), "threads", _IO_THREADS),
    }
    return [made[name] for name in names or WORKERS]


def beat() -> Role:
    """The clock that wakes recovery and deadlines: one for the whole site."""
    argv = _celery("beat", "--scheduler", "orchestrator_site.beat:Scheduler", "--pidfile=")
    return Role("beat", (*argv, "--loglevel", "WARNING"), env={"PHASEGATE_PROCESS": "beat"}, stage=_DOORS)


def flower(var: Path, port: int = 5555) -> Role:
    """Flower, for this machine only. Secrets go by environment: everyone can read a command line."""
    argv = _celery("flower", "--address=127.0.0.1", f"--port={port}", "--logging=error")
    env = {
        "PHASEGATE_PROCESS": "flower",
        "FLOWER_BASIC_AUTH": f"{FLOWER_USER}:{flower_password(var)}",
        "FLOWER_COOKIE_SECRET": kept_secret(var / "flower.cookie"),
    }
    return Role("flower", argv, env=env, stage=_DOORS, ready=functools.partial(ports.listens, "127.0.0.1", port))


def flower_password(var: Path) -> str:
    """The password of Flower, made once."""
    return kept_secret(var / "flower.password", 15)


def site(var: Path, *, host: str, port: int, flower_port: int | None) -> list[Role]:
    """Every process of the site; without Flower where ``flower_port`` is None."""
    doors = [web(host, port), beat()]
    if flower_port is not None:
        doors.append(flower(var, flower_port))
    return [*workers(), *doors]


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _worker(name: str, queues: list[str], pool: str, concurrency: int) -> Role:
    # Django's checks import every page of the site; who starts the processes has run them.
    argv = _celery("worker", "-Q", ",".join(queues), "-n", f"{name}@%h", "--pool", pool)
    argv += ("-c", str(concurrency), "--without-gossip", "--without-mingle", "--loglevel", "WARNING")
    return Role(
        name,
        argv,
        # A plain SIGTERM would have Celery wait for its tasks without end.
        env={"PHASEGATE_PROCESS": f"worker-{name}", "REMAP_SIGTERM": "SIGQUIT", **_UNWARNED},
        stage=_WORKERS,
        grace=_GRACE,
        ready=functools.partial(_answers, name),
    )


def _answers(name: str) -> bool:
    """Whether that worker answers; one that is asked to end before it does may not hear it."""
    from celery.utils.nodenames import gethostname
    from kombu.exceptions import OperationalError
    from redis.exceptions import RedisError

    from orchestrator_site.celery import app

    try:
        return bool(app.control.ping(destination=[f"{name}@{gethostname()}"], timeout=_ANSWER))
    except (OperationalError, RedisError):  # the broker itself may be coming up again
        return False


def _queues(pool: str) -> list[str]:
    return [f"{pool}.{priority}" for priority in PRIORITIES]


def _celery(*arguments: str) -> tuple[str, ...]:
    return _module("celery", "--quiet", "--skip-checks", "-A", "orchestrator_site", *arguments)


def _module(*arguments: str) -> tuple[str, ...]:
    """By the interpreter, not by the script in ``bin``, whose first line breaks where the path has spaces."""
    return (sys.executable, "-m", *arguments)
