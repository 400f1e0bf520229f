"""Messages to agents: to one by its name, or to whoever of a capability or a role is free; and requests with replies.

A message is an event whose topic is an address, so that it takes the way of every event: at least once, retried,
buried. A reply goes to a queue of the asker's own, which goes with the asker: nobody keeps replies for the dead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from orchestrator_site.bus import encoding
from orchestrator_site.bus.errors import MessageUnreadable, NoReply, RequestFailed, TopicInvalid
from orchestrator_site.bus.events import Event
from orchestrator_site.bus.names import Names
from orchestrator_site.bus.topics import as_word
from orchestrator_site.bus.wire import Outgoing, Wire
from orchestrator_site.clock import new_id
from orchestrator_site.errors import PhasegateError

KINDS = ("agent", "capability", "role")
_LOOK = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Address:
    """Who is to have a message: ``agent:pricing``, ``capability:research.competitors``, ``role:scout``."""

    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Address:
        """Of its text. Raises ``TopicInvalid``."""
        kind, _, name = text.partition(":")
        if kind not in KINDS or not name:
            raise TopicInvalid(f"{text!r} is no address: write one of {', '.join(f'{each}:NAME' for each in KINDS)}.")
        return cls(kind, ".".join(as_word(word) for word in name.split(".")))

    @property
    def topic(self) -> str:
        """Where its messages are published."""
        return f"message.{self.kind}.{self.name}"

    @property
    def group(self) -> str:
        """The group of those that are addressed: each message goes to one of them."""
        return f"{self.kind}:{self.name}"


class Inbox:
    """The queue of one asker, in one thread."""

    def __init__(self, wire: Wire, names: Names) -> None:
        self._wire = wire
        self.queue = names.temporary(new_id())
        self._listening = False

    def ask(self, request: Event, publish: Callable[[Event], None], timeout: float) -> Any:
        """Publish the request, wait for its reply, give its data. Raises ``NoReply``, ``RequestFailed``."""
        until = time.monotonic() + timeout
        self._wire.declare_temporary(self.queue, ())
        if not self._listening:
            self._wire.listen([self.queue], prefetch=10)
            self._listening = True
        publish(request)
        while (left := until - time.monotonic()) > 0:
            for _, message in self._wire.receive(min(left, _LOOK)):
                self._wire.ack([message])
                reply = _reply(message)
                # Another's is that of a request which nobody waits for any more, or a second answer.
                if reply is not None and reply.correlation == str(request.id):
                    return _outcome(reply)
        raise NoReply(f"Nobody has answered {request.topic} within {timeout:g} s.", request=str(request.id))

    def close(self) -> None:
        """Have the queue go."""
        self._wire.delete(self.queue)
        self._wire.close()


def answering(
    handler: Callable[[Event], Any], send: Callable[[Outgoing], None], names: Names
) -> Callable[[Event], None]:
    """The handler, with what it gives or raises sent to whoever asked.

    A request that fails is answered so, and not tried again: whoever asked decides. A message that nobody waits for
    fails like any event.
    """

    def handle(event: Event) -> None:
        if not event.reply_to:
            handler(event)
            return
        try:
            outcome = {"ok": True, "data": handler(event)}
        except Exception as error:
            code = error.code if isinstance(error, PhasegateError) else type(error).__name__
            outcome = {"ok": False, "code": code, "error": str(error)}
        # Only an asker's own queue: a request is no means to write into any other.
        if event.reply_to.startswith(names.temporaries):
            reply = Event(f"{event.type}.reply", outcome, correlation=str(event.id), traceparent=event.traceparent)
            send(Outgoing(event.reply_to, encoding.encode_each([reply])[0], encoding.ONE))

    return handle


def _reply(message: Any) -> Event | None:
    body = message.body.encode() if isinstance(message.body, str) else message.body
    try:
        [found] = encoding.decode(body, message.content_type)
    except (MessageUnreadable, ValueError):
        return None
    return found if isinstance(found, Event) else None


def _outcome(reply: Event) -> Any:
    if reply.data.get("ok"):
        return reply.data.get("data")
    raise RequestFailed(str(reply.data.get("error")), code=reply.data.get("code"))
