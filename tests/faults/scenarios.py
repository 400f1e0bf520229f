"""What is broken, at which moment, in the middle of what, and what must hold then.

A scenario is data. What must hold of every project stands in ``invariants``; ``expect`` names more. Every fault at
every moment stands in ``product``, and here what is beyond that.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from typing import Any

from tests.faults import product
from tests.faults.clocks import jump
from tests.faults.injectors import (
    ANYWHERE,
    POISONED_ITEM,
    deafen_redis,
    dies,
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
    nothing,
    poison,
    poisoned_once,
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
    without,
)
from tests.faults.messages import doubled, lost, reordered, with_queue
from tests.faults.people import (
    cancelled,
    decided_while,
    forced_over_the_api,
    paused,
    two_decide,
    web_dies_at,
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
)
from tests.faults.product import CPU, NO_CLOCK
from tests.faults.rounds import Round, Scenario

FURTHER = ("after_agent", "before_commit", "before_publish", "after_publish")
"""Moments of a step's life beyond those at which every fault is played."""


def _deaths() -> Iterable[Scenario]:
    """Processes that die, or are told to stop."""
    for moment in FURTHER:
        process = "" if moment in ANYWHERE else CPU
        yield Scenario(
            "SIGKILL of a child", moment, partial(dies, moment, "kill", process), quick=moment == "before_commit"
        )
        yield Scenario("SIGKILL of a worker", moment, partial(dies, moment, "killgroup", CPU))
    yield Scenario("SIGKILL of a child", "in_batch", partial(dies, "in_batch", "kill", CPU), PACKED, quick=True)
    for moment in ("after_claim", "after_effect", "after_commit"):
        yield Scenario("SIGKILL of the io worker", moment, partial(dies, moment, "killgroup", "worker-io"))
    yield Scenario("SIGKILL of a worker", "in_batch", partial(dies, "in_batch", "killgroup", CPU), PACKED)
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
    for moment in ("before_commit", "before_publish"):
        yield Scenario("FLUSHALL of Redis", moment, partial(held, moment, flush))
    yield Scenario("FLUSHALL of Redis", "three times under way", partial(under_way, flush, times=3), LONG_LIST)
    for name, act in (("Redis killed, comes back empty", restart_redis), ("connections to Redis reset", drop_redis)):
        yield Scenario(name, "before_publish", partial(held, "before_publish", act), within=40)
    yield Scenario("Redis stalls for 8 s", "under way", partial(under_way, partial(stall_redis, 8)), within=60)
    yield Scenario("connections to Redis go deaf", "under way", partial(under_way, deafen_redis), within=90)
    yield Scenario("100 ms to Redis and back", "under way", partial(under_way, slow_redis), within=60)


def _postgres() -> Iterable[Scenario]:
    """PostgreSQL dies, stalls and breaks off."""
    yield Scenario(
        "back ends of PostgreSQL terminated", "before_commit", partial(held, "before_commit", terminate), quick=True
    )
    yield Scenario(
        "back ends of PostgreSQL terminated", "three times under way", partial(under_way, terminate, times=3), LONG_LIST
    )
    yield Scenario("back ends of PostgreSQL terminated", "in_batch", partial(held, "in_batch", terminate), PACKED)
    yield Scenario(
        "PostgreSQL restarted at once", "before_commit", partial(held, "before_commit", restart_postgres), within=30
    )
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
    """Clocks that jump and stay so."""
    for hours in (2, -2):
        yield Scenario(
            f"clock of a worker jumps by {hours:+} h",
            "under way",
            partial(under_way, partial(jump, ("cpu",), hours=hours)),
            LONG_LIST,
            within=60,
            skipped=NO_CLOCK,
        )


SCENARIOS: tuple[Scenario, ...] = tuple(
    chain(
        *(product.scenarios(), _deaths(), _redis(), _postgres(), _messages(), _bundles()),
        *(_beat_and_control(), _people(), _controls(), _clocks()),
    )
)
