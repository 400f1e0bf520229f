"""Taking events from the groups' queues and having them handled: at least once, and once where nothing dies.

The way of an event: taken, looked up in the ledger, handled, marked, acknowledged. Whatever is interrupted before the
mark is delivered again; after the mark it is passed over. A message that comes back is opened with care: its events
are handled and marked one by one, each counted before it begins, so that the one which takes the process down is
found out and buried, and those beside it are not.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis.exceptions import RedisError

from orchestrator_site import faults
from orchestrator_site.bus.errors import EventRefused, MessageUnreadable
from orchestrator_site.bus.graves import grave_of
from orchestrator_site.bus.ledger import Ledger
from orchestrator_site.bus.names import Names
from orchestrator_site.bus.parcels import Hand, Item, Parcel, Remnant
from orchestrator_site.bus.redelivery import (
    NO_HANDLER,
    UNREADABLE,
    Again,
    Bury,
    Policy,
    after_failure,
    before_delivery,
)
from orchestrator_site.bus.subscriptions import Subscription, Subscriptions
from orchestrator_site.bus.wire import Wire

logger = logging.getLogger(__name__)

_LOOK = 0.5  # seconds after which a consumer that waits looks whether it is to stop
_MARK = 0.2  # seconds of handling after which what is done is marked, so that a death repeats little
_RECONNECT = (0.1, 0.2, 0.5, 1.0, 2.0)  # seconds


@dataclass(slots=True)
class Tally:
    """What a consumer has done: events, except for ``failures``, which counts deliveries."""

    handled: int = 0
    duplicates: int = 0
    failures: int = 0
    buried: int = 0

    @property
    def settled(self) -> int:
        """Events that are done with, one way or another."""
        return self.handled + self.duplicates + self.buried


class Consumer:
    """Works for some groups, in one thread, until it is told to stop."""

    def __init__(
        self,
        wire: Wire,
        ledger: Ledger,
        names: Names,
        subscriptions: Subscriptions,
        policy: Policy,
        *,
        groups: Sequence[str],
        batch: int,
        visibility: float,
    ) -> None:
        self._wire, self._ledger, self._names = wire, ledger, names
        self._subscriptions, self._policy = subscriptions, policy
        self._groups, self._batch, self._visibility = list(groups), batch, visibility
        self._group_of = {names.queue(group): group for group in groups}
        self._stop = threading.Event()
        self._hand = Hand()
        self._later: list[tuple[float, int, Item]] = []
        self._order = itertools.count()
        self._done: list[Item] = []
        self._tried: list[Item] = []
        self._marked_at = 0.0
        self._listening = False
        self._broken = 0
        self.tally = Tally()

    def stop(self) -> None:
        """Finish the event in hand, give the others back, and return from ``run``. For signals and other threads."""
        self._stop.set()

    def run(self, *, seconds: float | None = None, most: int | None = None, until_empty: bool = False) -> Tally:
        """Consume for so long, or until so many events are settled, or until nothing is left; else until ``stop``."""
        until = None if seconds is None else time.monotonic() + seconds
        try:
            with self._renewing():
                while not self._over(until, most):
                    if not self._turn(until) and until_empty and not self._later:
                        break
        finally:
            self._leave()
        return self.tally

    def _over(self, until: float | None, most: int | None) -> bool:
        late = until is not None and time.monotonic() >= until
        return self._stop.is_set() or late or (most is not None and self.tally.settled >= most)

    def _turn(self, until: float | None) -> bool:
        """What is due, and what has arrived; whether there was anything. A broken connection is made anew."""
        try:
            if not self._listening:
                self._listen()
            self._retry_what_is_due()
            arrived = self._wire.receive(self._patience(until))
            for group, parcels in self._by_group(arrived).items():
                self._work(group, parcels)
        except self._troubles() as error:
            self._reconnect(error)
            return True
        self._broken = 0
        return bool(arrived)

    def _patience(self, until: float | None) -> float:
        now = time.monotonic()
        ends = [now + _LOOK, *([until] if until is not None else []), *([self._later[0][0]] if self._later else [])]
        return max(0.0, min(ends) - now)

    # --- the connection ----------------------------------------------------------------------------------------

    def _troubles(self) -> tuple[type[BaseException], ...]:
        return (*self._wire.errors, RedisError)

    def _listen(self) -> None:
        for group in self._groups:
            self._wire.declare(group, self._subscriptions.patterns(group))
        self._wire.listen(self._group_of, self._batch)
        self._listening = True

    def _reconnect(self, error: BaseException) -> None:
        """Whatever was in hand comes back from the broker; what was marked is passed over then."""
        pause = _RECONNECT[min(self._broken, len(_RECONNECT) - 1)]
        logger.warning("The bus has lost its connection (%s); it tries again in %s s.", error, pause)
        self._broken += 1
        self._listening = False
        self._hand, self._later, self._done, self._tried = Hand(), [], [], []
        self._wire.drop()
        self._stop.wait(pause)

    def _leave(self) -> None:
        """Mark what is done, give back what is not."""
        with contextlib.suppress(*self._troubles()):
            self._mark()
            self._wire.stop_listening()
            self._wire.release(self._hand.messages())
        self._wire.close()

    @contextlib.contextmanager
    def _renewing(self) -> Iterator[None]:
        """Have the broker know all the while that what is in hand is worked on, however long a handler takes."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(self._visibility / 3):
                with contextlib.suppress(Exception):  # the consumer meets the same trouble, and deals with it
                    self._wire.renew(self._hand.messages())

        thread = threading.Thread(target=renew, name="bus-renewing", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(5)

    # --- what has arrived --------------------------------------------------------------------------------------

    def _by_group(self, arrived: Iterable[tuple[str, Any]]) -> dict[str, list[Parcel]]:
        groups: dict[str, list[Parcel]] = {}
        for queue, message in arrived:
            parcel = Parcel(self._group_of[queue], message)
            self._hand.take(parcel)
            groups.setdefault(parcel.group, []).append(parcel)
        return groups

    def _work(self, group: str, parcels: Sequence[Parcel]) -> None:
        """New messages together; those that come back one by one."""
        self._marked_at = time.monotonic()
        items: list[Item] = []
        for parcel in parcels:
            if parcel.returned:
                self._open_with_care(parcel)
            else:
                items += self._opened(parcel)
        fresh = self._fresh(group, items)
        for first in range(0, len(fresh), self._batch):
            if not self._stop.is_set():
                self._handle(group, fresh[first : first + self._batch])
        self._mark()

    def _opened(self, parcel: Parcel) -> list[Item]:
        """The events of a message that can be read; what cannot is buried."""
        try:
            items, remnants = parcel.opened()
        except MessageUnreadable as error:
            self._bury_whole(parcel, UNREADABLE, error)
            return []
        for each in remnants:
            self._bury(each, UNREADABLE, MessageUnreadable(each.content.why))
        return items

    def _fresh(self, group: str, items: Sequence[Item]) -> list[Item]:
        """Those that were not handled yet, each once."""
        known = self._ledger.handled(group, [item.event.id for item in items])
        fresh: list[Item] = []
        repeated: list[Item] = []
        for item in items:
            (repeated if item.event.id in known else fresh).append(item)
            known.add(item.event.id)
        self.tally.duplicates += len(repeated)
        self._settle(repeated)
        return fresh

    def _open_with_care(self, parcel: Parcel) -> None:
        """A message that somebody may have died of: of opening it, or of one of its events."""
        if self._stop.is_set():
            return
        tries = self._ledger.begun(parcel.group, parcel.digest, repeated=True)
        verdict = before_delivery(tries, self._policy)
        if isinstance(verdict, Bury):
            self._bury_whole(parcel, verdict.reason, None)
            return
        items = self._opened(parcel)
        self._ledger.forget(parcel.group, parcel.digest)
        for item in self._fresh(parcel.group, items):
            if not self._stop.is_set():
                self._handle_with_care(item, repeated=True)
                self._mark()

    # --- handling ----------------------------------------------------------------------------------------------

    def _handle(self, group: str, items: Sequence[Item]) -> None:
        """Have new events handled, those of one set of handlers together."""
        by_handlers: dict[tuple[int, ...], tuple[list[Subscription], list[Item]]] = {}
        ways: dict[str, list[Subscription]] = {}
        for item in items:
            topic = item.event.topic
            handlers = ways.get(topic)
            if handlers is None:
                handlers = ways[topic] = self._subscriptions.handlers(group, topic)
            by_handlers.setdefault(tuple(map(id, handlers)), (handlers, []))[1].append(item)
        for handlers, some in by_handlers.values():
            if not handlers:
                self._bury_all(some, NO_HANDLER)
            elif any(each.batch for each in handlers):
                self._handle_together(handlers, some)
            else:
                self._handle_each(handlers, some)

    def _handle_each(self, handlers: Sequence[Subscription], items: Sequence[Item]) -> None:
        for item in items:
            if self._stop.is_set():
                return
            error = _tried(handlers, [item])
            if error is None:
                self._done.append(item)
            else:
                self._failed(item, error, self._ledger.begun(item.parcel.group, item.event.id))
            if time.monotonic() - self._marked_at > _MARK:
                self._mark()

    def _handle_together(self, handlers: Sequence[Subscription], items: Sequence[Item]) -> None:
        """One that fails makes the whole batch fail: then each is tried by itself, and the failing one is found."""
        if _tried(handlers, items) is None:
            self._done += items
        else:
            self._handle_each(handlers, items)

    def _handle_with_care(self, item: Item, *, repeated: bool = False) -> None:
        """One delivery that is counted before it begins."""
        group, event = item.parcel.group, item.event
        deliveries = self._ledger.begun(group, event.id, repeated=repeated)
        verdict = before_delivery(deliveries, self._policy)
        if isinstance(verdict, Bury):
            self._bury(item, verdict.reason, None)
            return
        handlers = self._subscriptions.handlers(group, event.topic)
        if not handlers:
            self._bury(item, NO_HANDLER, None)
            return
        error = _tried(handlers, [item])
        if error is None:
            self._tried.append(item)
        else:
            self._failed(item, error, deliveries)

    def _failed(self, item: Item, error: Exception, deliveries: int) -> None:
        self.tally.failures += 1
        follows = after_failure(deliveries, self._policy, refused=isinstance(error, EventRefused))
        logger.warning(
            "Event %s failed for group %s, delivery %d: %s", item.event.id, item.parcel.group, deliveries, error
        )
        if isinstance(follows, Again):
            heapq.heappush(self._later, (time.monotonic() + follows.after, next(self._order), item))
        else:
            self._bury(item, follows.reason, error, deliveries)

    def _retry_what_is_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic() and not self._stop.is_set():
            _, _, item = heapq.heappop(self._later)
            for fresh in self._fresh(item.parcel.group, [item]):
                self._handle_with_care(fresh)
            self._mark()

    # --- settling ----------------------------------------------------------------------------------------------

    def _mark(self) -> None:
        """Note what was handled, and then acknowledge: in this order, whatever dies in between."""
        done, tried = self._done, self._tried
        if done or tried:
            faults.point("bus.handled")
            groups: dict[str, tuple[list[Any], list[Any]]] = {}
            for item in done:
                groups.setdefault(item.parcel.group, ([], []))[0].append(item.event.id)
            for item in tried:
                groups.setdefault(item.parcel.group, ([], []))[1].append(item.event.id)
            for group, (ids, counted) in groups.items():
                self._ledger.mark(group, [*ids, *counted], tried=counted)
            faults.point("bus.marked")
            self.tally.handled += len(done) + len(tried)
            self._done, self._tried = [], []
            self._settle([*done, *tried])
        self._marked_at = time.monotonic()

    def _settle(self, items: Sequence[Item | Remnant]) -> None:
        over = self._hand.settled(items)
        if over:
            self._wire.ack(over)

    def _bury(self, item: Item | Remnant, reason: str, error: Exception | None, deliveries: int = 0) -> None:
        """To the dead letters, and only then from the queue: a death in between leaves it in both."""
        content = item.event if isinstance(item, Item) else item.content
        self._wire.put([grave_of(self._names, item.parcel, content, reason, error, deliveries)])
        self.tally.buried += 1
        self._settle([item])

    def _bury_all(self, items: Sequence[Item], reason: str) -> None:
        for item in items:
            self._bury(item, reason, None)

    def _bury_whole(self, parcel: Parcel, reason: str, error: Exception | None) -> None:
        self._wire.put([grave_of(self._names, parcel, None, reason, error, 0)])
        self.tally.buried += 1
        self._wire.ack(self._hand.over(parcel))


def _tried(handlers: Sequence[Subscription], items: Sequence[Item]) -> Exception | None:
    """Call each handler; what the first that failed has raised."""
    try:
        for each in handlers:
            if each.batch:
                each.handler([item.event for item in items])
            else:
                for item in items:
                    each.handler(item.event)
    except Exception as error:
        return error
    return None
