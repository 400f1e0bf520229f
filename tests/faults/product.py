"""Every fault at every moment: what is broken, at which moment of a step's life or of a person's act, as data.

``FAULTS`` times ``MOMENTS`` are the scenarios, without the pairs of ``LEFT_OUT``, each of which says why.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from tests.faults.clocks import jump
from tests.faults.injectors import (
    ANYWHERE,
    dies,
    drop_redis,
    flush,
    freeze,
    hold_at,
    kill_child,
    kill_now,
    late_is_refused,
    restart_postgres,
    restart_redis,
    stall_redis,
    terminate,
)
from tests.faults.messages import before_all_others, never, on_their_way, twice
from tests.faults.moments import IN_ADVANCE_OF_A_DECISION, MOMENTS, Act, Moment
from tests.faults.people import killed_restore
from tests.faults.rounds import Round, Scenario
from tests.faults.skewed.sitecustomize import CLOCKS

CPU = "worker-cpu"


@dataclass(frozen=True)
class Fault:
    """How it is brought about at a moment; which of its scenarios run with every test run."""

    inject: Callable[[Moment, Round], None]
    within: float = 30.0
    quick: tuple[str, ...] = ()
    skipped: str = ""
    of_web: bool = False


def _breaks(act: Act) -> Callable[[Moment, Round], None]:
    """Something breaks while a process stands at the moment."""
    return lambda moment, round_: moment.stand(act, round_)


def _dies(action: str, beside: Act, moment: Moment, round_: Round) -> None:
    """A worker's process dies there; where only web comes, one beside it."""
    if moment.web:
        moment.stand(beside, round_)
    elif moment.point == "in_recovery":
        moment.stand(_nothing_more, round_, partial(_arm, action))
    else:
        dies(moment.point, action, "" if moment.point in ANYWHERE else CPU, round_)


def _web_dies(moment: Moment, round_: Round) -> None:
    """The web process dies there, and is asked again."""
    if moment.point == "in_restore":
        killed_restore(round_)
    else:
        moment.stand(_nothing_more, round_, partial(_arm, "killgroup"))


def _freezes(moment: Moment, round_: Round) -> None:
    """Who stands there is frozen for longer than its lease, and then goes on: a zombie, an agent that answers late."""
    if moment.point in WITH_LEASE:
        freeze(moment.point, round_)
    else:
        moment.stand(partial(_thaw, moment.point), round_, partial(_arm, "stop"))


def _thaw(point: str, round_: Round) -> None:
    try:
        time.sleep(3.2)
    finally:
        os.kill(round_.wait_fired(point), signal.SIGCONT)


def _arm(action: str, round_: Round, point: str, process: str) -> None:
    hold_at(point, action, round_, process)


def _nothing_more(_round: Round) -> None:
    """What was armed has happened already."""


def _refused(round_: Round) -> Iterable[str]:
    return late_is_refused(round_) if round_.scenario.moment in WITH_LEASE else ()


WITH_LEASE = ("after_claim", "in_agent", "after_effect")
NO_CLOCK = "" if CLOCKS else "time_machine or the signals that set clocks are not there"
_QUICK_CHILD = ("before_claim", "after_effect", "after_commit", "in_body", "in_advance", "in_recovery")

FAULTS: dict[str, Fault] = {
    "SIGKILL of a child": Fault(partial(_dies, "kill", kill_child), 20, quick=_QUICK_CHILD),
    "SIGKILL of a worker": Fault(partial(_dies, "killgroup", partial(kill_now, "cpu")), 20, quick=("after_commit",)),
    "SIGKILL of beat": Fault(_breaks(partial(kill_now, "beat"))),
    "SIGKILL of web": Fault(_web_dies, of_web=True),
    "Redis killed, comes back empty": Fault(_breaks(restart_redis), 40),
    "FLUSHALL of Redis": Fault(_breaks(flush), 20, quick=("in_agent", "in_advance")),
    "connections to Redis reset": Fault(_breaks(drop_redis), quick=("in_agent",)),
    "Redis stalls for 3 s": Fault(_breaks(partial(stall_redis, 3))),
    "PostgreSQL restarted at once": Fault(_breaks(restart_postgres)),
    "back ends of PostgreSQL terminated": Fault(_breaks(terminate), 20, quick=("in_body",)),
    "messages doubled": Fault(_breaks(partial(on_their_way, twice))),
    "messages reordered": Fault(_breaks(partial(on_their_way, before_all_others))),
    "messages lost": Fault(_breaks(partial(on_their_way, never, most=2))),
    "frozen for longer than the lease": Fault(_freezes, quick=("in_agent",)),
    "clocks of workers jump by 2 h": Fault(_breaks(partial(jump, ("control", "cpu", "io"))), skipped=NO_CLOCK),
    "clock of beat jumps by 2 h": Fault(_breaks(partial(jump, ("beat",))), skipped=NO_CLOCK),
    "clock of web jumps by 2 h": Fault(_breaks(partial(jump, ("web",))), skipped=NO_CLOCK, of_web=True),
}
OF_WORKERS_ALONE = (
    "before_claim",
    "after_claim",
    "in_agent",
    "after_effect",
    "after_commit",
    "in_body",
    "in_recovery",
)
LEFT_OUT: dict[tuple[str, str], str] = {
    (fault, moment): "Web is not there: it neither does steps nor recovers them, and no worker asks it anything."
    for fault in ("SIGKILL of web", "clock of web jumps by 2 h")
    for moment in OF_WORKERS_ALONE
}


def scenarios() -> Iterable[Scenario]:
    """The product, fault by fault."""
    for name, fault in FAULTS.items():
        for key, usual in MOMENTS.items():
            if (name, key) in LEFT_OUT:
                continue
            moment = IN_ADVANCE_OF_A_DECISION if fault.of_web and key == "in_advance" else usual
            yield Scenario(
                name,
                key,
                partial(fault.inject, moment),
                moment.blueprint,
                moment.ends,
                within=fault.within,
                quick=key in fault.quick,
                web=moment.web,
                expect=_refused if name.startswith("frozen") else _nothing_else,
                skipped=fault.skipped,
            )


def _nothing_else(_round: Round) -> Iterable[str]:
    return ()
