"""Publisher confirms of RabbitMQ, awaited for many messages at once.

py-amqp's own way waits for each message by itself: a round trip and a write to disk each. The number of the broker's
answers is what counts here: a message is safe when it is confirmed, and which of a batch was refused does not matter,
since all of the batch is then sent again under the same ids.
"""

from __future__ import annotations

from typing import Any

from amqp.exceptions import MessageNacked

_OUTSTANDING = 1000  # messages on the way before the answers are waited for
_PATIENCE = 30.0  # seconds for an answer


class Confirms:
    """The messages that a channel has sent and the broker has not confirmed."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._last = 0  # the broker counts what a channel sends from one
        self._open: dict[int, None] = {}  # in the order of their numbers
        self._refused = False
        channel.confirm_select()
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)

    def sent(self) -> None:
        """One more is on its way; wait where too many are."""
        self._last += 1
        self._open[self._last] = None
        if len(self._open) >= _OUTSTANDING:
            self.wait()

    def wait(self) -> None:
        """Return when everything sent is safe. Raises ``MessageNacked``, and what a broken connection raises."""
        while self._open:
            self._channel.connection.drain_events(timeout=_PATIENCE)
        if self._refused:
            self._refused = False
            raise MessageNacked

    def _on_ack(self, tag: int, multiple: bool) -> None:
        if multiple:
            for number in [number for number in self._open if number <= tag]:
                del self._open[number]
        else:
            self._open.pop(tag, None)

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._refused = True
        self._on_ack(tag, multiple)
