"""One connection to the broker, by kombu: all that the bus asks of a broker, and where brokers differ.

Redis gets the transport of ``redis_transport``; RabbitMQ gets quorum queues, publisher confirms that are awaited
together, and a dead letter exchange as the net below our own dead letters; whatever else kombu speaks is used as kombu
has it. A wire belongs to one thread at a time; only ``renew`` may come from another.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import kombu
from kombu.exceptions import OperationalError

from orchestrator_site.bus import encoding
from orchestrator_site.bus.confirming import Confirms
from orchestrator_site.bus.names import Names, is_temporary

_REDIS = {"redis", "rediss", "redis+socket", "unix"}
_AMQP = {"amqp", "amqps", "pyamqp"}
_TEMPORARY_SECONDS = 60.0  # that RabbitMQ keeps a temporary queue without its owner
PERSISTENT = 2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for one queue."""

    queue: str
    body: bytes
    media_type: str
    headers: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a wire keeps to: seconds until what was taken counts as abandoned (Redis), and the size of packs."""

    visibility: float = 60.0
    pack_events: int = 500
    pack_bytes: int = 256 * 1024


def is_redis(url: str) -> bool:
    """Whether the broker of this URL is Redis."""
    return urlsplit(url).scheme in _REDIS


class Wire:
    """A connection, made when it is first needed."""

    def __init__(self, url: str, names: Names, limits: Limits) -> None:
        self._url, self._names, self._limits = url, names, limits
        self._redis = is_redis(url)
        self._amqp = urlsplit(url).scheme in _AMQP
        self._connection: kombu.Connection | None = None
        self._channel: Any = None
        self._confirms: Confirms | None = None
        self._consumers: list[kombu.Consumer] = []
        self._arrived: list[tuple[str, Any]] = []
        self._exchange = kombu.Exchange(names.exchange, type="topic", durable=True)

    # --- connecting --------------------------------------------------------------------------------------------

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        """What a broken connection raises: after it, ``drop`` and begin anew."""
        connection = self._connection or self._made()
        return (*connection.connection_errors, *connection.channel_errors, OperationalError, OSError)

    def channel(self) -> Any:
        """The channel, with the exchange declared."""
        if self._channel is None:
            self._connection = self._connection or self._made()
            channel = self._connection.channel()
            if self._amqp:
                self._confirms = Confirms(channel)
            self._exchange(channel).declare()
            self._channel = channel
        return self._channel

    def drop(self) -> None:
        """Leave a connection that broke. What was taken comes back: on Redis at once, where it answers."""
        if self._redis and self._channel is not None:
            with contextlib.suppress(Exception):
                self._channel.qos.restore_unacked()
        connection, self._connection, self._channel, self._consumers = self._connection, None, None, []
        self._confirms = None
        self._arrived.clear()
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.collect(socket_timeout=1.0)

    def forget(self) -> None:
        """Leave the connection to the process that we were forked from."""
        self._connection = self._channel = self._confirms = None
        self._consumers = []

    def close(self) -> None:
        """End in order: what was taken and is not settled is given back."""
        connection, self._connection, self._channel, self._consumers = self._connection, None, None, []
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.release()

    def _made(self) -> kombu.Connection:
        options: dict[str, Any] = {}
        if self._redis:
            options = {
                "global_keyprefix": f"{self._names.prefix}:",
                "visibility_timeout": self._limits.visibility,
                "unacked_restore_interval": min(5.0, self._limits.visibility / 4),
                "socket_timeout": 5,
                "socket_connect_timeout": 3,
                "socket_keepalive": True,
                "max_connections": 50,
            }
        elif self._amqp:
            options = {"read_timeout": 30, "write_timeout": 30}
        connection = kombu.Connection(self._url, transport_options=options, connect_timeout=3)
        if self._redis:
            connection.transport_cls = "orchestrator_site.bus.redis_transport:Transport"
        return connection

    # --- queues ------------------------------------------------------------------------------------------------

    def declare(self, group: str, patterns: Iterable[str]) -> None:
        """Have the queues of a group, bound to these patterns beside those that it is bound to already."""
        channel = self.channel()
        dead = self._names.dead(group)
        # Classic: a quorum queue counts what is only looked at, and drops it after some looks.
        self._queue(dead, {"x-queue-type": "classic"}).bind(channel).declare()
        beneath = {"x-queue-type": "quorum", "x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead}
        queue = self._queue(self._names.queue(group), beneath).bind(channel)
        queue.declare()
        for pattern in patterns:
            queue.bind_to(self._exchange, routing_key=pattern)

    def declare_temporary(self, queue: str, patterns: Iterable[str]) -> None:
        """Have a queue that goes when its owner does."""
        channel = self.channel()
        if self._redis:
            channel.keep_alive([queue])
        made = kombu.Queue(queue, durable=False, auto_delete=False, expires=_TEMPORARY_SECONDS if self._amqp else None)
        bound = made.bind(channel)
        bound.declare()
        for pattern in patterns:
            bound.bind_to(self._exchange, routing_key=pattern)

    def unbind(self, group: str, pattern: str) -> None:
        """Have no more of a pattern come to a group."""
        self.channel().queue_unbind(self._names.queue(group), self._names.exchange, pattern)

    def delete(self, queue: str) -> None:
        """Remove a queue with all that is in it, and what was bound to it."""
        channel, exchange = self.channel(), self._names.exchange
        if self._redis:  # kombu removes there what this very connection has declared, and no more
            for pattern, _, bound in channel.get_table(exchange):
                if bound == queue:
                    channel.queue_unbind(queue, exchange, pattern)
            channel.queue_purge(queue)
        else:
            channel.queue_delete(queue)

    def depth(self, queue: str) -> int | None:
        """How many messages wait in a queue; None where there is none, which Redis cannot tell from an empty one."""
        channel = self.channel()
        if self._redis:  # kombu asks for the queue without the prefix, and so never finds one (5.7)
            return int(channel._size(queue))
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except self.errors as error:
            if getattr(error, "reply_code", None) != 404:
                raise
            self._channel = None  # the broker closes the channel on which it was asked
            return None

    def _queue(self, name: str, arguments: dict[str, Any]) -> kombu.Queue:
        return kombu.Queue(name, durable=True, queue_arguments=arguments if self._amqp else None)

    # --- sending -----------------------------------------------------------------------------------------------

    def publish(self, events: Sequence[tuple[str, bytes]]) -> None:
        """Send encoded events, each with its topic; returns when the broker has them."""
        channel, exchange = self.channel(), self._names.exchange
        if self._redis:
            channel.publish_packed(exchange, events, self._packs)
            return
        topics: dict[str, list[bytes]] = {}
        for topic, body in events:
            topics.setdefault(topic, []).append(body)
        for topic, bodies in topics.items():
            for media_type, body, _ in self._packs(bodies):
                self._send(self._message(body, media_type, {}), exchange, topic)
        self._confirmed()

    def put(self, messages: Iterable[Outgoing]) -> None:
        """Send messages each to its one queue; returns when the broker has them."""
        self.channel()
        for each in messages:
            self._send(self._message(each.body, each.media_type, dict(each.headers)), "", each.queue)
        self._confirmed()

    def _packs(self, bodies: Sequence[bytes]) -> Iterable[tuple[str, bytes, int]]:
        return encoding.packs(bodies, most=self._limits.pack_events, most_bytes=self._limits.pack_bytes)

    def _message(self, body: bytes, media_type: str, headers: dict[str, Any]) -> Any:
        content: Any = body if self._amqp else body.decode("utf-8", "backslashreplace")
        return self._channel.prepare_message(
            content,
            content_type=media_type,
            content_encoding="utf-8",
            headers=headers,
            properties={"delivery_mode": PERSISTENT},
        )

    def _send(self, message: Any, exchange: str, routing_key: str) -> None:
        self._channel.basic_publish(message, exchange=exchange, routing_key=routing_key)
        if self._confirms is not None:
            self._confirms.sent()

    def _confirmed(self) -> None:
        if self._confirms is not None:
            self._confirms.wait()

    # --- taking ------------------------------------------------------------------------------------------------

    def listen(self, queues: Iterable[str], prefetch: int) -> None:
        """Take from these queues, with so many messages at most unsettled: of all on Redis, of each elsewhere."""
        channel = self.channel()
        for name in queues:
            # They are declared already; a consumer that declares would have to know their arguments.
            queue = kombu.Queue(name, durable=not is_temporary(name), no_declare=True)
            arrive = functools.partial(self._arrive, name)
            consumer = kombu.Consumer(channel, [queue], on_message=arrive, auto_declare=False)
            consumer.qos(prefetch_count=prefetch)
            consumer.consume()
            self._consumers.append(consumer)

    def _arrive(self, queue: str, message: Any) -> None:
        self._arrived.append((queue, message))

    def receive(self, timeout: float) -> list[tuple[str, Any]]:
        """Messages that have arrived, each with its queue, waiting up to ``timeout`` seconds for the first."""
        connection = self._connection or self._made()
        with contextlib.suppress(TimeoutError):
            connection.drain_events(timeout=max(timeout, 0.001))
            while self._amqp:  # one message a call: take what else is there, which the prefetch bounds
                connection.drain_events(timeout=0.001)
        arrived = list(self._arrived)
        self._arrived.clear()
        return arrived

    def get(self, queue: str) -> Any | None:
        """One message of a queue, or None."""
        return kombu.Queue(queue, no_declare=True).bind(self.channel()).get()

    def ack(self, messages: Iterable[Any]) -> None:
        """Have the broker forget them."""
        for message in messages:
            message.ack()
        if self._redis and self._channel is not None:
            self._channel.flush()

    def release(self, messages: Iterable[Any]) -> None:
        """Give them back, the first to be taken first again."""
        for message in reversed(list(messages)):
            message.requeue()

    def renew(self, messages: Iterable[Any]) -> None:
        """Say that they are still worked on: on Redis nobody else tells that we live."""
        channel = self._channel
        if self._redis and channel is not None:
            channel.renew([message.delivery_tag for message in messages])

    def stop_listening(self) -> None:
        """Take no more; what has arrived and is not settled stays ours until it is released."""
        consumers, self._consumers = self._consumers, []
        for consumer in consumers:
            consumer.cancel()
