"""The message bus: publish, subscribe, consume, ask."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from orchestrator_site.bus import encoding
from orchestrator_site.bus.asking import Address, Inbox, answering
from orchestrator_site.bus.consuming import Consumer, Tally
from orchestrator_site.bus.errors import BusMisconfigured, BusUnavailable, MessageUnreadable
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.graves import DeadLetter, Graveyard
from orchestrator_site.bus.ledger import Ledger
from orchestrator_site.bus.names import Names
from orchestrator_site.bus.redelivery import Policy
from orchestrator_site.bus.subscriptions import Handler, Subscription, Subscriptions
from orchestrator_site.bus.topics import checked_pattern
from orchestrator_site.bus.wire import Limits, Outgoing, Wire, is_redis
from orchestrator_site.clock import new_id
from orchestrator_site.observability.broker import redis_url

H = TypeVar("H", bound=Handler)
T = TypeVar("T")

_PAUSES = (0.1, 0.4)  # seconds between the tries of publishing
_IN_ONE_GO = 10_000  # events that are encoded before any is sent


@dataclass(frozen=True, slots=True)
class Options:
    """How a bus works.

    ``dedup_window`` in seconds that an event is remembered as handled; ``batch`` events that are marked, and given to
    batch handlers, at once, and messages that are taken ahead; the rest as in ``Policy`` and ``Limits``.
    """

    prefix: str = "phasegate.bus"
    dedup_window: float = 3600.0
    batch: int = 200
    policy: Policy = field(default_factory=Policy)
    limits: Limits = field(default_factory=Limits)


class Bus:
    """Events over one broker. Publishing is safe from any thread, and in processes forked from this one."""

    def __init__(self, url: str, *, ledger_url: str = "", options: Options | None = None) -> None:
        """``url`` of the broker as kombu reads it; ``ledger_url`` of a Redis, which a broker that is one is itself.

        Nothing is connected yet. Raises ``BusMisconfigured``.
        """
        ledger_url = ledger_url or (url if is_redis(url) else "")
        if not is_redis(ledger_url):
            raise BusMisconfigured(
                "A bus over another broker than Redis needs a Redis for what was handled: LEDGER_URL."
            )
        self.options = options or Options()
        self.names = Names(self.options.prefix)
        self.subscriptions = Subscriptions()
        self._url = url
        self._ledger = Ledger.at(redis_url(ledger_url), self.names.prefix, self.options.dedup_window)
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.RLock()
        self._wire = self._new_wire()
        self._declared: set[tuple[str, str]] = set()
        self._consumers: set[Consumer] = set()
        self._threads = threading.local()

    def _new_wire(self) -> Wire:
        return Wire(self._url, self.names, self.options.limits)

    # --- publishing --------------------------------------------------------------------------------------------

    def publish(self, event: Event) -> None:
        """Send an event to every group that has subscribed to its topic; returns when the broker has it.

        Raises ``EventInvalid``, and ``BusUnavailable`` after some tries: publishing the same event again is safe.
        """
        self.publish_many([event])

    def publish_many(self, events: Iterable[Event]) -> int:
        """Send events, many in a message, in their order as far as they go the same way; how many.

        Not all or nothing: a death in the middle leaves the first ones sent. Publishing the same events again is
        safe, for groups know them by their ids. Raises as ``publish``.
        """
        given = list(events)
        for first in range(0, len(given), _IN_ONE_GO):
            some = given[first : first + _IN_ONE_GO]
            bodies = encoding.encode_each(some)
            pairs = [(event.topic, body) for event, body in zip(some, bodies, strict=True)]
            self._over_the_wire(lambda wire, pairs=pairs: wire.publish(pairs))  # type: ignore[misc]
        return len(given)

    def send(self, to: str, kind: str, data: Any = None, **attributes: Any) -> Event:
        """Send a message to ``agent:NAME``, or to one of ``capability:NAME`` or ``role:NAME``; gives it back.

        Raises ``TopicInvalid``, and as ``publish``.
        """
        event = Event(kind, data, topic=Address.parse(to).topic, **attributes)
        self.publish(event)
        return event

    def request(self, to: str, kind: str, data: Any = None, *, timeout: float = 30.0, **attributes: Any) -> Any:
        """Send a request as ``send`` does, wait ``timeout`` seconds at most, and give what was answered.

        Raises ``NoReply``, ``RequestFailed`` where whoever was asked has failed, and as ``send``.
        """
        inbox = self._inbox()
        request = Event(kind, data, topic=Address.parse(to).topic, reply_to=inbox.queue, **attributes)
        try:
            return inbox.ask(request, self.publish, timeout)
        except OSError as error:
            self._threads.inbox = None
            raise BusUnavailable(f"The broker was lost while a reply was waited for: {error}.") from error

    def _inbox(self) -> Inbox:
        self._after_fork()
        found: Inbox | None = getattr(self._threads, "inbox", None)
        if found is None:
            found = self._threads.inbox = Inbox(self._new_wire(), self.names)
        return found

    def _over_the_wire(self, work: Callable[[Wire], T]) -> T:
        """Do something on the publishing connection, made anew where it is broken."""
        self._after_fork()
        with self._lock:
            for pause in (*_PAUSES, None):
                try:
                    self._declare_known()
                    return work(self._wire)
                except self._wire.errors as error:
                    self._wire.drop()
                    self._declared.clear()
                    if pause is None:
                        raise BusUnavailable(f"The message broker does not answer: {error}.") from error
                    time.sleep(pause)
        raise AssertionError("unreachable")

    def _declare_known(self) -> None:
        """The queues of groups known here exist before anything is sent, so that it waits for them."""
        for group in self.subscriptions.groups():
            new = [each for each in self.subscriptions.patterns(group) if (group, each) not in self._declared]
            if new:
                self._wire.declare(group, new)
                self._declared.update((group, each) for each in new)

    def _after_fork(self) -> None:
        if self._process != os.getpid():
            self._wire.forget()
            self._begin()

    # --- subscribing -------------------------------------------------------------------------------------------

    def subscribe(self, pattern: str, *, group: str, batch: bool = False) -> Callable[[H], H]:
        """Have a function handle the events of a pattern (``*`` one word, ``#`` any number) for a group.

        Each event goes to one process of each group. With ``batch`` the function takes a list of events. What it
        raises has the event delivered again, ``EventRefused`` buries it at once. Raises ``TopicInvalid``.
        """

        def subscribed(handler: H) -> H:
            self.subscriptions.add(group, Subscription(pattern, handler, batch))
            return handler

        return subscribed

    def answers(self, to: str) -> Callable[[Callable[[Event], Any]], Callable[[Event], Any]]:
        """Have a function answer what is sent to an address; what it gives or raises is the reply."""
        address = Address.parse(to)

        def subscribed(handler: Callable[[Event], Any]) -> Callable[[Event], Any]:
            handle = answering(handler, lambda reply: self._put(reply), self.names)
            self.subscriptions.add(address.group, Subscription(address.topic, handle))
            return handler

        return subscribed

    def _put(self, message: Outgoing) -> None:
        self._over_the_wire(lambda wire: wire.put([message]))

    def declare(self) -> None:
        """Have the queues of all groups known here, so that events wait for them from now on."""
        self._over_the_wire(lambda _: None)

    def unsubscribe(self, pattern: str, *, group: str) -> None:
        """Have no more events of a pattern go to a group; those that wait already are still delivered."""
        self._over_the_wire(lambda wire: wire.unbind(group, checked_pattern(pattern)))

    def remove_group(self, group: str) -> None:
        """Remove a group's queue and its dead letters with all that is in them."""
        for queue in (self.names.queue(group), self.names.dead(group)):
            self._over_the_wire(lambda wire, queue=queue: wire.delete(queue))  # type: ignore[misc]

    def depth(self, group: str) -> int:
        """How many messages wait for a group; one may hold many events."""
        return self._over_the_wire(lambda wire: wire.depth(self.names.queue(group))) or 0

    # --- consuming ---------------------------------------------------------------------------------------------

    def consume(
        self,
        groups: str | Iterable[str] = (),
        *,
        batch: int | None = None,
        seconds: float | None = None,
        most: int | None = None,
        until_empty: bool = False,
    ) -> Tally:
        """Handle what comes for some groups, all that are subscribed here by default, in this thread.

        Returns after ``seconds``, after ``most`` events, with ``until_empty`` when nothing is left, and on ``stop``;
        it outlasts the broker's absence. Raises ``GroupUnknown``.
        """
        self._after_fork()
        consumer = Consumer(
            self._new_wire(),
            self._ledger,
            self.names,
            self.subscriptions,
            self.options.policy,
            groups=self.subscriptions.known([groups] if isinstance(groups, str) else groups),
            batch=batch or self.options.batch,
            visibility=self.options.limits.visibility,
        )
        self._consumers.add(consumer)
        try:
            return consumer.run(seconds=seconds, most=most, until_empty=until_empty)
        finally:
            self._consumers.discard(consumer)

    def stop(self) -> None:
        """Have every ``consume`` of this process finish the event in hand and return. For signal handlers too."""
        for consumer in list(self._consumers):
            consumer.stop()

    def tail(self, pattern: str, *, seconds: float | None = None) -> Iterator[Event]:
        """The events of a pattern that are published from now on, beside all groups; nothing is kept for later."""
        wire, queue = self._new_wire(), self.names.temporary(new_id())
        until = None if seconds is None else time.monotonic() + seconds
        try:
            wire.declare_temporary(queue, [checked_pattern(pattern)])
            wire.listen([queue], prefetch=100)
            while until is None or time.monotonic() < until:
                for _, message in wire.receive(0.25 if until is None else min(0.25, until - time.monotonic())):
                    wire.ack([message])
                    yield from _readable(message)
        finally:
            with contextlib.suppress(*wire.errors):
                wire.stop_listening()
                wire.delete(queue)
            wire.close()

    # --- dead letters ------------------------------------------------------------------------------------------

    def dead_letters(self, group: str, *, most: int = 100) -> list[DeadLetter]:
        """What no handler of a group could do anything with, the oldest first."""
        return self._over_the_wire(lambda wire: self._graveyard(wire).letters(group, most))

    def redrive(self, group: str, ids: Collection[str] | None = None) -> int:
        """Have dead letters, all or some, delivered to their group again; how many."""
        return self._over_the_wire(lambda wire: self._graveyard(wire).redrive(group, ids))

    def drop_dead_letters(self, group: str, ids: Collection[str] | None = None) -> int:
        """Remove dead letters, all or some, for good; how many."""
        return self._over_the_wire(lambda wire: self._graveyard(wire).drop(group, ids))

    def _graveyard(self, wire: Wire) -> Graveyard:
        return Graveyard(wire, self._ledger, self.names)

    def close(self) -> None:
        """Stop consuming and let go of the broker."""
        self.stop()
        with self._lock:
            self._wire.close()
            inbox: Inbox | None = getattr(self._threads, "inbox", None)
            if inbox is not None:
                with contextlib.suppress(Exception):
                    inbox.close()
                self._threads.inbox = None


def _readable(message: Any) -> list[Event]:
    body = message.body.encode() if isinstance(message.body, str) else message.body
    try:
        found = encoding.decode(body, message.content_type or "")
    except MessageUnreadable:
        return []
    return [each for each in found if isinstance(each, Event)]
