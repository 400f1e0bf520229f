"""The engine with everything around it made by hand: messages in a list, workers that die, time that is told to pass.

The statements, the services and the database are the product's own. What a worker does is taken apart into claiming
and committing, so that anything may happen in between.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from celery.canvas import Signature, _chain, _chord
from django.db import connection
from kombu.exceptions import OperationalError

from projects.models import Approval, Project, Step, Worker
from projects.planning import packing
from projects.services import advancing, claims, doorbell, execution, fanout, paces, publishing, recovery, taking_back
from projects.services.attempts import NOTHING, Claim, Outcome
from projects.services.workers import WorkerProcess

_pids = itertools.count(5_000_000)  # no process has such a number


@dataclass
class Chord:
    """A join that the broker counts: where a message is lost, it never comes."""

    left: int
    body: Any


@dataclass
class Message:
    """What the broker carries: a task, what follows in its chain, and the join that it counts for."""

    task: str
    steps: tuple[UUID, ...]
    said: dict[str, Any]
    then: tuple[Any, ...] = ()
    chord: Chord | None = None
    queue: str = ""

    @property
    def project(self) -> UUID:
        return UUID(str(self.said["project"]))


@dataclass
class Broker:
    """A broker that does nothing by itself."""

    messages: list[Message] = field(default_factory=list)
    refuses: bool = False
    emptied: bool = False

    def publish(self, signature: Any, then: tuple[Any, ...] = (), chord: Chord | None = None) -> None:
        if self.refuses:
            raise OperationalError("the model's broker refuses")
        if isinstance(signature, _chord):
            join = Chord(len(signature.tasks), signature.body)
            for each in signature.tasks:
                self.publish(each, chord=join)
        elif isinstance(signature, _chain):
            first, *rest = signature.tasks
            self.publish(first, tuple(rest), chord)
        else:
            steps = tuple(UUID(step) for step in signature.args[0]) if signature.task == "projects.run_leg" else ()
            said = dict(signature.kwargs) or {"project": signature.args[0] if signature.args else None}
            queue = str(signature.options.get("queue", ""))
            self.messages.append(Message(signature.task, steps, said, then, chord, queue))

    def done(self, message: Message) -> None:
        """What Celery does at the end of a task: the next of its chain, or its part in the join."""
        with suppress(OperationalError):  # as after the end of a task whose worker cannot reach the broker
            if message.then:
                self.publish(message.then[0], message.then[1:], message.chord)
            elif message.chord is not None:
                message.chord.left -= 1
                if message.chord.left == 0:
                    self.publish(message.chord.body)

    def flush(self) -> None:
        """Everything is gone, and recovery can see that it is."""
        for message in self.messages:
            if message.chord is not None:
                message.chord.left = 10**6
        self.messages.clear()
        self.emptied = True


@dataclass(eq=False)
class Hand:
    """A worker process with a message in its hands, and the steps that it has claimed of it."""

    worker: WorkerProcess
    message: Message
    waiting: list[UUID]
    end: execution.LegEnd = field(default_factory=lambda: execution.LegEnd([]))
    claimed: list[Claim] = field(default_factory=list)
    done: list[Claim] = field(default_factory=list)
    well: bool = True

    @property
    def follows(self) -> bool:
        """Whether the list goes on after this leg without a look: all of it was done, and it bounds nothing itself."""
        return bool(self.done) and self.well and not self.end.look and self.message.said["packed"] == "spread"

    @property
    def packed(self) -> bool:
        return self.message.said.get("packed", "no") != "no"

    @property
    def hand_over(self) -> UUID | None:
        given = self.message.said.get("hand_over")
        return UUID(given) if given and not self.waiting else None

    def claim(self, most: int) -> None:
        """Claim the next step, or several of a packed leg; passing over what is not to be had."""
        project = self.message.project
        if self.packed:
            got = claims.complete_batch([], self.worker, dict.fromkeys(self.waiting, project), most).claimed
            self._took(got)
            if not got:
                self.end.look, self.waiting = self.end.look or bool(self.waiting), []
            return
        while self.waiting and not self.claimed:
            got_one = claims.claim(project, self.waiting.pop(0), self.worker)
            self.claimed = [got_one] if got_one else []
            self.end.look = self.end.look or got_one is None

    def complete(self, most: int) -> list[UUID]:
        """Commit what was claimed, claiming the next in the same statement; what landed."""
        given = [Outcome(claim, '{"n": 1}', 1, 1, 0.0) for claim in self.claimed]
        held = {claim.id: claim.attempt for claim in self.claimed}
        rows = Step.objects.filter(pk__in=held, state="running").values_list("pk", "attempt")
        ours = {step for step, attempt in rows if held[step] == attempt}
        self.claimed = []
        if self.packed:
            beside = dict.fromkeys(self.waiting, self.message.project)
            committed = claims.complete_batch([(each, None) for each in given], self.worker, beside, most)
        else:
            following = self.waiting[0] if self.waiting else None
            committed = claims.complete(given[0], self.worker, following, self.hand_over)
        assert committed.landed == ours, "I4 what landed is not what was still held, by its attempt number"
        execution.refuse_those_late(given, committed, self.worker, self.end)
        self._took(committed.claimed)
        return list(committed.landed)

    def fail(self, error: Exception) -> None:
        """What is written down where an agent raises, for the first of what was claimed."""
        self.well = False
        execution.fail_and_note(self.claimed.pop(0), error, self.worker, self.end, NOTHING)

    def _took(self, got: tuple[Claim, ...]) -> None:
        taken = {claim.id for claim in got}
        self.claimed += got
        self.done = self.done + list(got) if self.packed else []
        self.waiting = [step for step in self.waiting if step not in taken]


class Engine:
    """The engine in the hands of a test."""

    def __init__(self) -> None:
        self.broker = Broker()
        self.hands: list[Hand] = []
        self.zombies: list[Hand] = []

    def deliver(self, place: int, most: int, *, again: bool = False) -> None:
        """A worker takes a message; ``again``: and it comes another time."""
        message = self.broker.messages[place] if again else self.broker.messages.pop(place)
        if message.task != "projects.run_leg":
            if message.task == "projects.advance":
                advancing.advance(message.project)
            elif message.task == "projects.recover":
                recovery.recover()
            return
        worker = WorkerProcess()
        worker.pid, worker.pools = next(_pids), ["cpu"]
        worker.beat_once()
        hand = Hand(worker, message, list(message.steps))
        self.hands.append(hand)
        hand.claim(most)
        self._go_on(hand, most)

    def complete(self, hand: Hand, most: int) -> None:
        hand.complete(most)
        self._go_on(hand, most)

    def fail(self, hand: Hand, error: Exception, most: int) -> None:
        hand.fail(error)
        self._go_on(hand, most)

    def crash(self, hand: Hand) -> None:
        """The worker is gone from one moment to the next; it may have been frozen only, and come back."""
        self.hands.remove(hand)
        self.zombies.append(hand)

    def see_death(self, hand: Hand, *, by_lock: bool) -> None:
        """Others see that its lock is free, or its lease runs out."""
        if by_lock:
            with connection.cursor() as cursor:
                cursor.execute("SELECT clock_timestamp() - interval '1 s'")
                (before,) = cursor.fetchone()
            Worker.objects.filter(pk=hand.worker.id).update(
                lock_key=hand.worker.lock_key, locked_at=before, suspected_at=before
            )
            taking_back.take_back_from_the_dead(except_for=WorkerProcess().id)
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE projects_step SET lease_until = clock_timestamp() - interval '1 s' WHERE lease_owner = %s",
                [hand.worker.id],
            )

    def wake(self, hand: Hand) -> None:
        """A frozen worker goes on as if nothing had been: what was taken from it meanwhile is refused."""
        self.zombies.remove(hand)
        self.hands.append(hand)
        if hand.claimed:
            self.complete(hand, 1)
        else:
            self._go_on(hand, 1)

    def replace(self, hand: Hand, most: int) -> None:
        """A worker is frozen, others take back what it held and begin it anew."""
        self.crash(hand)
        self.see_death(hand, by_lock=False)
        recovery.recover()
        for _ in range(min(8, len(self.broker.messages))):
            self.deliver(0, most)

    def time_passes(self, seconds: float) -> None:
        """Every moment in the rows lies so much further back; leases, which heartbeats renew, do not."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE projects_step SET published_at = published_at - make_interval(secs => %(s)s), "
                "available_at = available_at - make_interval(secs => %(s)s) WHERE finished_at IS NULL",
                {"s": seconds},
            )

    def come_to_an_end(self, projects: list[Project], passes: int = 60) -> int:
        """No fault any more: recovery, and workers that do what comes; after how many passes all are over or ask."""
        self.broker.refuses = False
        for hand in self.zombies:
            self.see_death(hand, by_lock=False)
        for number in range(passes):
            if all(Project.objects.get(pk=project.pk).is_over or self._asks(project) for project in projects):
                return number
            self.time_passes(120)
            recovery.recover()
            for _ in range(1000):
                if not self.broker.messages and not self.hands:
                    break
                while self.hands:
                    self.complete(self.hands[0], 3)
                if self.broker.messages:
                    self.deliver(0, 3)
        raise AssertionError(f"not over after {passes} passes of recovery")

    def _asks(self, project: Project) -> bool:
        return Approval.objects.filter(project=project, state="open").exists()

    def _go_on(self, hand: Hand, most: int) -> None:
        if not hand.claimed and hand.waiting:
            hand.claim(most)
        if hand.claimed:
            return
        self.hands.remove(hand)
        self._end(hand)

    def _follow(self, hand: Hand) -> bool:
        return fanout.follow(hand.done[-1], hand.message.queue)

    def _end(self, hand: Hand) -> None:
        """What the task does after its leg."""
        for step, after in hand.end.again:
            publishing.send_again(step, after)
        followed = hand.follows and self._follow(hand)
        if not followed and (hand.message.said.get("wakes", True) or hand.end.look):
            advancing.advance(hand.message.project)
        self.broker.done(hand.message)


@contextmanager
def engine_by_hand() -> Iterator[Engine]:
    """An engine whose messages go nowhere but to the model's broker."""
    made = Engine()

    def apply(signature: Any, *_: Any, **__: Any) -> None:
        made.broker.publish(signature)

    with pytest.MonkeyPatch.context() as patch:
        for kind in (Signature, _chain, _chord):
            patch.setattr(kind, "apply_async", apply)
        patch.setattr(packing, "UNKNOWN", 2)  # legs of which short lists have several
        patch.setattr(paces, "lanes_of", lambda _pool: 2)  # which otherwise depends on when it is asked
        patch.setattr(doorbell, "was_emptied", lambda: made.broker.emptied)
        patch.setattr(doorbell, "set_up", lambda: setattr(made.broker, "emptied", False))
        yield made
