"""kombu's Redis transport, made to lose nothing and to take many at once.

kombu's own has four ways that a bus cannot live with (seen in kombu 5.7, ``kombu/transport/redis.py``): a message
is popped first and noted as unacked in a second round trip, so that a kill in between loses it; the copies of a
message for several queues share one delivery tag and one ``unacked`` hash, so that the first group's ack takes away
the protection of the others' copies; what is restored is routed anew, to the queues of all groups; and each message
costs three round trips. Here taking is one script, tags are given with it, what comes back comes back to its own
queue, and acknowledgements go together. See ``redis_scripts`` for how a queue looks in Redis.

Bindings stand where kombu has them. A sender keeps them, and pushes by a script that compares their version: so
routing costs no round trip, and a group that has subscribed misses nothing that is sent after.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from queue import Empty
from typing import Any
from uuid import uuid4

import redis
from kombu.transport import redis as kombu_redis
from kombu.transport import virtual
from kombu.utils.json import dumps, loads

from orchestrator_site.bus.names import TEMPORARY, is_temporary
from orchestrator_site.bus.redis_ears import Ears
from orchestrator_site.bus.redis_scripts import PUSH, RELEASE, RENEW, RESTORE, TAKE
from orchestrator_site.bus.topics import matches

UNREADABLE = "application/octet-stream"
"""The media type under which an item that is not kombu's JSON is delivered."""

Packing = Callable[[list[bytes]], Iterable[tuple[str, bytes, int]]]
"""Makes messages of encoded events: for each its media type, its body, and how many events are in it."""

_RELOAD = 5.0  # seconds after which bindings are read again, so that those of dead temporary queues go
_ALIVE = 30_000  # milliseconds that a temporary queue outlives the last sign of its owner
_MOST_ROUTES = 10_000  # topics whose way is remembered
_PUSH_ITEMS, _PUSH_BYTES = 1000, 1 << 20  # of one script: others wait while Redis runs it
_TAKE_BYTES = 1 << 20
_RESTORED_AT_ONCE = 500


class RoutesChanged(Exception):
    """Somebody has bound or unbound a queue since the bindings were read."""


class QoS(kombu_redis.QoS):
    """Acknowledging, with the noting down left to the script that takes."""

    channel: Any
    _delivered: Any
    _flush: Callable[[], None]

    def append(self, message: Any, delivery_tag: str) -> None:
        """Remember it in this process; Redis knows already."""
        virtual.QoS.append(self, message, delivery_tag)

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge with the next ``Channel.flush``."""
        self.channel.settled.append(delivery_tag)
        virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Give it back to its queue, to be taken next; or acknowledge."""
        if requeue:
            self.channel.release([delivery_tag])
            virtual.QoS.ack(self, delivery_tag)
        else:
            self.ack(delivery_tag)

    def restore_by_tag(self, tag: str, client: Any = None, leftmost: bool = False) -> None:
        """Give it back to its queue."""
        self.channel.release([tag])

    def restore_unacked(self, client: Any = None) -> None:
        """Give back everything that is not settled, the oldest to be taken first."""
        self._flush()
        self.channel.release(list(reversed(self._delivered)))
        self._delivered.clear()


class Channel(kombu_redis.Channel):
    """A channel of the bus on Redis."""

    QoS = QoS
    connection: Any
    keyprefix_binding_permanent: str
    unacked_restore_interval: float
    do_restore = False  # what is in hand is given back on purpose, or comes back in its time; not while Python exits
    body_encoding = "utf-8"  # not base64: what we send is JSON

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.settled: list[str] = []
        self._version = ""
        self._loaded_at = float("-inf")
        self._swept_at = float("-inf")
        self._routes: dict[str, tuple[str, ...]] = {}
        self._table: list[tuple[str, str]] = []
        self._ears: Ears | None = None
        super().__init__(*args, **kwargs)

    @cached_property
    def server(self) -> Any:
        """A client without kombu's prefixing: the scripts are given whole names."""
        return redis.Redis(connection_pool=self.pool)

    @cached_property
    def _scripts(self) -> dict[str, Any]:
        scripts = {"push": PUSH, "take": TAKE, "release": RELEASE, "restore": RESTORE, "renew": RENEW}
        return {name: self.server.register_script(text) for name, text in scripts.items()}

    def _key(self, name: str) -> str:
        return f"{self.global_keyprefix}{name}"

    # --- sending -----------------------------------------------------------------------------------------------

    def basic_publish(self, message: Any, exchange: str, routing_key: str, **_: Any) -> None:
        """Send one prepared message to the queues that its topic leads to."""
        item = self._item(message, exchange, routing_key)
        if not exchange:
            self._push("", [(routing_key, item)])
            return
        while True:
            with contextlib.suppress(RoutesChanged):
                self._push(exchange, [(queue, item) for queue in self.routes(exchange, routing_key)])
                return

    def publish_packed(self, exchange: str, events: Sequence[tuple[str, bytes]], pack: Packing) -> None:
        """Send events, each with its topic, those that go the same way together in messages that ``pack`` makes.

        A message reaches all of its queues or none. Where a binding changes in between, what is left is sorted anew.
        """
        left = events
        while left:
            ways: dict[tuple[str, ...], list[tuple[str, bytes]]] = {}
            for event in left:
                ways.setdefault(self.routes(exchange, event[0]), []).append(event)
            for way in [way for way in ways if not way]:  # also that nobody wants it must be true when it is sent
                if not self._pushed(exchange, []):
                    break
                del ways[way]
            else:
                for way in list(ways):
                    sent = self._push_way(exchange, way, ways[way], pack)
                    ways[way] = ways[way][sent:]
                    if ways[way]:
                        break
            left = [event for events_left in ways.values() for event in events_left]

    def _push_way(self, exchange: str, way: tuple[str, ...], events: Sequence[tuple[str, bytes]], pack: Packing) -> int:
        """Send events to the same queues; how many were sent before a binding changed."""
        sent = 0
        pairs: list[tuple[str, str]] = []
        size = within = 0
        for media_type, body, count in pack([body for _, body in events]):
            message = self.prepare_message(body.decode(), content_type=media_type, content_encoding="utf-8")
            item = self._item(message, exchange, events[sent + within][0])
            if pairs and (len(pairs) + len(way) > _PUSH_ITEMS or size + len(item) * len(way) > _PUSH_BYTES):
                if not self._pushed(exchange, pairs):
                    return sent
                sent, pairs, size, within = sent + within, [], 0, 0
            pairs += [(queue, item) for queue in way]
            size += len(item) * len(way)
            within += count
        return sent + within if self._pushed(exchange, pairs) else sent

    def _pushed(self, exchange: str, pairs: Sequence[tuple[str, str]]) -> bool:
        try:
            self._push(exchange, pairs)
        except RoutesChanged:
            return False
        return True

    def _item(self, message: Any, exchange: str, routing_key: str) -> str:
        self._inplace_augment_message(message, exchange, routing_key)
        return str(dumps(message))

    def routes(self, exchange: str, topic: str) -> tuple[str, ...]:
        """The queues that a topic leads to, as the bindings were when they were last read."""
        if time.monotonic() - self._loaded_at > _RELOAD:
            self._load(exchange)
        found = self._routes.get(topic)
        if found is None:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            wanted = {queue for pattern, queue in self._table if matches(pattern, topic)}
            found = self._routes[topic] = tuple(sorted(wanted))
        return found

    def _push(self, exchange: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Also with nothing to push: that nobody wants an event is to be as true as who wants it."""
        keys = [self._version_key(exchange), *(self._key(queue) for queue, _ in pairs)]
        arguments = [self._version if exchange else "", TEMPORARY, *(item for _, item in pairs)]
        if self._scripts["push"](keys=keys, args=arguments) == -1:
            self._load(exchange)
            raise RoutesChanged

    # --- bindings ----------------------------------------------------------------------------------------------

    def _version_key(self, exchange: str) -> str:
        return self._key(f"_bus.version.{exchange}")

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        if is_temporary(queue):
            self.keep_alive([queue])
        kombus: Any = super()
        kombus._queue_bind(exchange, routing_key, pattern, queue)
        self._new_version(exchange)

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *args: Any, **kwargs: Any) -> None:
        super()._delete(queue, exchange, routing_key, pattern, *args, **kwargs)
        self._new_version(exchange)

    def queue_unbind(
        self, queue: str, exchange: str | None = None, routing_key: str = "", arguments: Any = None, **_: Any
    ) -> None:
        """Take a binding away, from Redis too, which kombu forgets."""
        named = exchange or ""
        self.state.binding_delete(queue, named, routing_key)
        self._forget_binding(named, routing_key, queue)
        self._new_version(named)

    def _forget_binding(self, exchange: str, routing_key: str, queue: str) -> None:
        member = self.sep.join([routing_key, self._pattern(exchange, routing_key, queue), queue])
        for key in (self.keyprefix_queue, self.keyprefix_binding_permanent):
            self.server.srem(self._key(key % (exchange,)), member)

    def _new_version(self, exchange: str) -> None:
        # After the change: whoever has read the bindings before it routes by an older version, and is told so.
        self.server.set(self._version_key(exchange), uuid4().hex)
        self._loaded_at = float("-inf")

    def _load(self, exchange: str) -> None:
        """Read the version, and then the bindings: the other way round a change in between would go unseen."""
        version = self.server.get(self._version_key(exchange))
        if version is None:
            self._bind_again(exchange)
            version = self.server.get(self._version_key(exchange)) or b""
        self._version = version.decode()
        table = [(row[0], row[2]) for row in self.get_table(exchange)]
        gone = self._gone({queue for _, queue in table if is_temporary(queue)})
        for pattern, queue in table:
            if queue in gone:
                self._forget_binding(exchange, pattern, queue)
        self._table = [(pattern, queue) for pattern, queue in table if queue not in gone]
        self._routes.clear()
        self._loaded_at = time.monotonic()

    def _gone(self, temporary: set[str]) -> set[str]:
        """Those temporary queues whose owner has been silent for too long."""
        queues = sorted(temporary)
        with self.server.pipeline(transaction=False) as pipeline:
            for queue in queues:
                pipeline.exists(f"{self._key(queue)}:alive")
            return {queue for queue, alive in zip(queues, pipeline.execute(), strict=True) if not alive}

    def _bound(self) -> list[tuple[str, str, str]]:
        """What this connection has bound: queue, exchange, pattern."""
        bindings: Any = self.state.bindings
        return [tuple(binding) for binding in bindings]

    def _pattern(self, exchange: str, routing_key: str, queue: str) -> str:
        """kombu's expression for a pattern: a part of the binding's name in Redis, which is all we need it for."""
        kind: Any = self.typeof(exchange)
        return str(kind.prepare_bind(queue, exchange, routing_key, None)[1] or "")

    def _bind_again(self, exchange: str) -> None:
        """Redis was emptied: write down again what this process has bound, and a version even where it has not."""
        for queue, bound_to, routing_key in self._bound():
            if bound_to == exchange:
                self._queue_bind(exchange, routing_key, self._pattern(exchange, routing_key, queue), queue)
        self.server.set(self._version_key(exchange), uuid4().hex, nx=True)

    # --- taking ------------------------------------------------------------------------------------------------

    def drain_events(self, timeout: float | None = None, callback: Any = None) -> None:
        """Deliver what there is, waiting up to ``timeout`` seconds for something. Raises ``Empty``."""
        queues = list(dict.fromkeys(self._active_queues))
        self.flush()
        self._sweep(queues)
        if self._take_of_all(queues):
            return
        if self.qos.can_consume():
            self._listening().wait([self._key(queue) for queue in queues], timeout)
            if self._take_of_all(queues):
                return
        elif timeout:
            time.sleep(timeout)
        raise Empty

    def _take_of_all(self, queues: Sequence[str]) -> int:
        """Every queue gets its turn: the one that was served first is the last next time."""
        taken = 0
        for place, queue in enumerate(queues):
            room = self._room()
            if room <= 0:
                break
            items = self.take(queue, room)
            for tag, item in items:
                self.connection._deliver(_payload(tag, item, queue), queue)
            if items and not taken:
                self._active_queues = [*queues[place + 1 :], *queues[: place + 1]]
            taken += len(items)
        return taken

    def _room(self) -> int:
        room = self.qos.can_consume_max_estimate()
        return 1000 if room is None else int(room)

    def take(self, queue: str, most: int) -> list[tuple[str, bytes]]:
        """Up to so many items of a queue, each with its tag."""
        keys = [self._key(queue), *(self._key(key) for key in (self.unacked_key, self.unacked_index_key, "_bus.tag"))]
        found = self._scripts["take"](keys=keys, args=[most, _TAKE_BYTES])
        return [(tag.decode(), item) for tag, item in zip(found[::2], found[1::2], strict=True)]

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for tag, item in self.take(queue, 1):
            return _payload(tag, item, queue)
        raise Empty

    def _listening(self) -> Ears:
        if self._ears is None:
            self._ears = Ears(self.pool)
        return self._ears

    def _sweep(self, queues: Sequence[str]) -> None:
        """Now and then: bring back what was abandoned, and see whether Redis was emptied."""
        if time.monotonic() - self._swept_at < self.unacked_restore_interval:
            return
        keys = [self._key(self.unacked_key), self._key(self.unacked_index_key)]
        while self._scripts["restore"](keys=keys, args=[int(self.visibility_timeout * 1000), _RESTORED_AT_ONCE]):
            pass
        self.keep_alive(queue for queue in queues if is_temporary(queue))
        for exchange in {bound_to for _, bound_to, _ in self._bound()}:
            if not self.server.exists(self._version_key(exchange)):
                self._bind_again(exchange)
        self._swept_at = time.monotonic()

    def keep_alive(self, queues: Iterable[str]) -> None:
        """Say that the owner of temporary queues is here."""
        for queue in queues:
            self.server.set(f"{self._key(queue)}:alive", 1, px=_ALIVE)

    # --- settling ----------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Have Redis forget what was acknowledged. Lost with its process it is delivered again."""
        if not self.settled:
            return
        with self.server.pipeline(transaction=True) as pipeline:
            pipeline.hdel(self._key(self.unacked_key), *self.settled)
            pipeline.zrem(self._key(self.unacked_index_key), *self.settled)
            pipeline.execute()
        self.settled.clear()

    def release(self, tags: Sequence[str]) -> None:
        """Give back what was taken; the last tag is the first to be taken again."""
        if tags:
            keys = [self._key(self.unacked_key), self._key(self.unacked_index_key)]
            self._scripts["release"](keys=keys, args=list(tags))

    def renew(self, tags: Sequence[str]) -> None:
        """Say that these are still worked on. May be called from another thread."""
        if tags:
            self._scripts["renew"](keys=[self._key(self.unacked_index_key)], args=list(tags))

    def close(self) -> None:
        """Flush, give back, and let go."""
        if not self.closed:
            self.flush()
        if self._ears is not None:
            self._ears.close()
        super().close()


class Transport(kombu_redis.Transport):
    """kombu's Redis transport with this channel. Its connections consume by one channel each."""

    Channel = Channel

    def drain_events(self, connection: Any, timeout: float | None = None, **_: Any) -> None:
        """As every transport: deliver something, or raise ``TimeoutError``."""
        for channel in list(self.channels or ()):
            if channel._consumers:
                try:
                    channel.drain_events(timeout=timeout)
                except Empty:
                    raise TimeoutError from None
                return
        raise TimeoutError


def _payload(tag: str, item: bytes, queue: str) -> dict[str, Any]:
    """kombu's message of an item; one that is not kombu's JSON is given as bytes, to be buried with its reason."""
    times, mark, rest = item.partition(b"!") if item[:1].isdigit() else (b"0", b"", item)
    if not mark or not times.isdigit():
        times, rest = b"0", item
    try:
        payload: dict[str, Any] = loads(rest.decode())
        properties, headers = payload["properties"], payload["headers"]
        properties["delivery_info"]["redelivered"] = times != b"0"
    except (ValueError, TypeError, KeyError, UnicodeDecodeError):
        body = rest.decode("utf-8", "backslashreplace")
        properties, headers = {"delivery_info": {"exchange": "", "routing_key": queue}, "body_encoding": None}, {}
        payload = {"body": body, "content-type": UNREADABLE, "content-encoding": "utf-8"}
        payload |= {"properties": properties, "headers": headers}
        properties["delivery_info"]["redelivered"] = times != b"0"
    headers["x-delivery-count"] = int(times)
    properties["delivery_tag"] = tag
    return payload
