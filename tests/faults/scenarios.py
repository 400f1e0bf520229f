"""What is broken, at which moment, in the middle of what, and what must hold then.

A scenario is data. What must hold of every project stands in ``invariants``; ``expect`` names more.
"""

from __future__ import annotations

import importlib.util
import signal
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from typing import Any

from tests.faults.injectors import (
    ANYWHERE,
    POISONED_ITEM,
    clock_is_right_again,
    clock_jumps,
    deafen_redis,
    dies,
    dies_in_recovery,
    doubled,
    drop_redis,
    flush,
    freeze,
    freeze_whole_worker,
    handed_back,
    held,
    kill_child,
    kill_role,
    late_is_refused,
    lose_reply,
    lost,
    nothing,
    poison,
    poisoned_once,
    reordered,
    reset_postgres,
    restart_postgres,
    restart_redis,
    slow_redis,
    stall_postgres,
    stall_redis,
    stop_in_step,
    tell_to_stop,
    terminate,
    two_beats,
    under_way,
    with_queue,
    without,
)
from tests.faults.people import (
    cancelled,
    decided_while,
    forced_over_the_api,
    killed_restore,
    paused,
    two_decide,
    web_dies_at,
    web_dies_at_decision,
    web_dies_at_start,
)
from tests.faults.plans import (
    ASKING,
    BUNDLED,
    ENDLESS_LIST,
    FAN_OUT_AND_JOIN,
    LONG_LIST,
    PACKED,
    PACKED_LONG,
    PATIENT,
    POISON,
    SLOW_LIST,
)
from tests.faults.rounds import Round, Scenario

_QUICK_CHILD = {"before_claim", "after_effect", "before_commit", "after_commit", "in_body", "in_batch", "in_advance"}
_NO_CLOCK = "" if importlib.util.find_spec("time_machine") else "the package time_machine is not installed"
CPU = "worker-cpu"
MOMENTS = (
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


def _deaths() -> Iterable[Scenario]:
    """Processes that die, or are told to stop."""
    for moment in MOMENTS:
        process = "" if moment in ANYWHERE else CPU
        yield Scenario(
            "SIGKILL of a child", moment, partial(dies, moment, "kill", process), quick=moment in _QUICK_CHILD
        )
    yield Scenario("SIGKILL of a child", "in_batch", partial(dies, "in_batch", "kill", CPU), PACKED, quick=True)
    yield Scenario("SIGKILL of a child", "in_body", partial(dies, "in_body", "kill", ""), quick=True)
    yield Scenario("SIGKILL of a child", "in_recovery", partial(dies_in_recovery, "kill"), quick=True)
    for moment in MOMENTS:
        yield Scenario(
            "SIGKILL of a worker", moment, partial(dies, moment, "killgroup", CPU), quick=moment == "after_commit"
        )
    for moment in ("after_claim", "after_effect", "after_commit"):
        yield Scenario("SIGKILL of the io worker", moment, partial(dies, moment, "killgroup", "worker-io"))
    yield Scenario("SIGKILL of a worker", "in_batch", partial(dies, "in_batch", "killgroup", CPU), PACKED)
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


def _redis() -> Iterable[Scenario]:
    """Redis dies, forgets, stalls and breaks off."""
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


def _postgres() -> Iterable[Scenario]:
    """PostgreSQL dies, stalls and breaks off."""
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


def _messages() -> Iterable[Scenario]:
    """Messages that come twice, late or never, workers that are frozen, steps that kill."""
    yield Scenario("messages doubled", "in the queues", partial(with_queue, doubled), LONG_LIST, quick=True)
    yield Scenario("messages reordered", "in the queues", partial(with_queue, reordered), LONG_LIST)
    yield Scenario("messages lost", "in the queues", partial(with_queue, lost), LONG_LIST)
    # Of packed legs two are at work and one waits, for a moment.
    yield Scenario("messages doubled", "in the queues, packed", partial(with_queue, doubled, least=1), PACKED_LONG)

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


def _bundles() -> Iterable[Scenario]:
    """Something breaks while the legs of many projects are done side by side."""

    def bundle(name: str, moment: str, inject: Callable[[Round], None], **more: Any) -> Scenario:
        return Scenario(name, f"{moment}, a bundle", inject, BUNDLED, together=12, **more)

    for moment in ("in_agent", "after_effect", "before_commit", "after_commit", "in_batch"):
        yield bundle("SIGKILL of a child", moment, partial(dies, moment, "kill", CPU), quick=moment == "in_batch")
    for moment in ("in_agent", "before_commit", "in_batch"):
        yield bundle("SIGKILL of a worker", moment, partial(dies, moment, "killgroup", CPU))
    for moment in ("in_batch", "before_commit", "after_commit"):
        yield bundle("back ends of PostgreSQL terminated", moment, partial(held, moment, terminate))
    yield bundle("PostgreSQL restarted at once", "in_batch", partial(held, "in_batch", restart_postgres), within=30)
    yield bundle("FLUSHALL of Redis", "in_batch", partial(held, "in_batch", flush))
    yield bundle("connections to Redis reset", "in_batch", partial(held, "in_batch", drop_redis), within=30)
    yield bundle("frozen for longer than the lease", "in_batch", partial(freeze, "in_batch"), expect=late_is_refused)
    yield bundle("reply of PostgreSQL lost", "commit", partial(lose_reply, b"WITH given AS"))
    yield bundle("SIGTERM of a worker", "under way", partial(tell_to_stop, signal.SIGTERM, "cpu"), within=30)


def _beat_and_control() -> Iterable[Scenario]:
    """Beat and the control worker: too many of them, or none."""
    yield Scenario("two beats", "and FLUSHALL", two_beats, LONG_LIST)
    yield Scenario("no beat", "and a child killed", partial(without, "beat", kill_child), LONG_LIST)
    yield Scenario("no beat for a minute", "and FLUSHALL", partial(without, "beat", flush, seconds=60), within=30)
    yield Scenario("no control worker", "and nothing else", partial(without, "control", nothing), within=40)
    yield Scenario(
        "no control worker", "and a child killed", partial(without, "control", kill_child), LONG_LIST, within=40
    )


def _people() -> Iterable[Scenario]:
    """Something breaks while people start, decide and steer."""
    yield Scenario("SIGKILL of web", "in_start", web_dies_at_start, web=True)
    yield Scenario("SIGKILL of web", "in_decision", partial(web_dies_at_decision, "in_decision"), ASKING, web=True)
    yield Scenario(
        "SIGKILL of web", "in_advance of a decision", partial(web_dies_at_decision, "in_advance"), ASKING, web=True
    )
    yield Scenario("SIGKILL of web", "in_pause", partial(web_dies_at, "pause", "in_pause"), SLOW_LIST, web=True)
    yield Scenario(
        "SIGKILL of web", "in_cancel", partial(web_dies_at, "cancel", "in_cancel"), ENDLESS_LIST, "cancelled", web=True
    )
    yield Scenario(
        "SIGKILL of web",
        "after_cancel",
        partial(web_dies_at, "cancel", "after_cancel"),
        ENDLESS_LIST,
        "cancelled",
        web=True,
    )
    yield Scenario("two decide at once", "yes and yes, or no", two_decide, ASKING, "", web=True)
    yield Scenario("FLUSHALL of Redis", "before a decision", partial(decided_while, flush), ASKING, web=True)
    yield Scenario(
        "back ends of PostgreSQL terminated", "before a decision", partial(decided_while, terminate), ASKING, web=True
    )


def _controls() -> Iterable[Scenario]:
    """Pauses and cancels, with something broken beside them."""
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


def _clocks() -> Iterable[Scenario]:
    """Clocks that jump, and a restore that is killed."""
    for hours in (2, -2):
        yield Scenario(
            f"clock of a worker jumps by {hours:+} h",
            "under way",
            partial(clock_jumps, hours),
            LONG_LIST,
            within=60,
            expect=clock_is_right_again,
            skipped=_NO_CLOCK,
        )
    yield Scenario("SIGKILL of web", "in_restore", killed_restore, web=True)


SCENARIOS: tuple[Scenario, ...] = tuple(
    chain(
        *(_deaths(), _redis(), _postgres(), _messages(), _bundles()),
        *(_beat_and_control(), _people(), _controls(), _clocks()),
    )
)
