"""Connections that go to permitted addresses only, and whose reads and writes end with the request that they serve.

The timeouts of an HTTP client count each read by itself, so that a server which sends a byte a second is never late.
Here every request has one deadline, and the socket is given what is left of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import httpcore2

from agents.http import egress

LOOKS_EVERY = 1.0
"""Seconds between two looks at whether the work is still wanted."""

_PIECE = 64 * 1024

Look = Callable[[int], None]
"""Told how many bytes have come by now; what it raises ends the request."""


class Request(threading.local):
    """The request that this thread makes: when it must be over, and who wants to look how it goes.

    A connection is made, written and read in the thread of its request, though it may serve many threads in turn.
    """

    deadline: float = float("inf")
    plain: bool = False
    look: Look | None = None
    looked_at: float = 0.0
    received: int = 0

    def begin(self, *, deadline: float, plain: bool, look: Look | None) -> None:
        """From here on this thread's reads and writes count for one request."""
        self.deadline, self.plain, self.look = deadline, plain, look
        self.looked_at, self.received = time.monotonic(), 0

    def end(self) -> None:
        """What closes a connection later is nobody's request."""
        self.deadline, self.look = float("inf"), None

    def left(self) -> float:
        """Seconds until the deadline; lets whoever wants look first."""
        now = time.monotonic()
        if self.look is not None and now - self.looked_at >= LOOKS_EVERY:
            self.looked_at = now
            self.look(self.received)
        return self.deadline - now


REQUEST = Request()


class GuardedBackend(httpcore2.NetworkBackend):
    """Connects to the addresses that the guard has seen. TLS goes on checking the name, and ``Host`` keeps it."""

    def __init__(self, rules: egress.Rules, resolver: egress.Resolver | None = None) -> None:
        self._rules = rules
        self._resolver = resolver
        self._system = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first address that answers; all of them share the timeout, in seconds."""
        until = time.monotonic() + min(REQUEST.left(), timeout if timeout is not None else float("inf"))
        target = egress.Target(host.strip("[]").rstrip(".").lower(), port, REQUEST.plain)
        addresses = egress.permitted(target, self._rules, timeout=_left(until), resolver=self._resolver)
        for still, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                share = _left(until) / still
                return Stream(self._system.connect_tcp(str(address), port, share, local_address, socket_options or ()))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if still == 1:
                    raise
        raise httpcore2.ConnectError(f"{host} has no address")

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Refused: no agent has a file of this machine for its address."""
        raise httpcore2.ConnectError("sockets of this machine are not reached")


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore2.ConnectTimeout("no time is left to connect")
    return left


class Stream(httpcore2.NetworkStream):
    """A connection whose every wait is cut by the deadline of the request that waits."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, at least a byte, or nothing at the end. Raises ``httpcore2.ReadTimeout``."""
        while True:
            left = REQUEST.left()
            if left <= 0:
                raise httpcore2.ReadTimeout("the time of the request is over")
            try:
                data = self._stream.read(max_bytes, min(left, LOOKS_EVERY))
            except httpcore2.ReadTimeout:
                continue  # nothing was taken from the connection: wait on, after a look
            REQUEST.received += len(data)
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of it, in pieces, so that a server which reads slowly cannot hold us. Raises ``WriteTimeout``."""
        view = memoryview(buffer)
        sock = self._stream.get_extra_info("socket")
        while view:
            left = REQUEST.left()
            if left <= 0:
                raise httpcore2.WriteTimeout("the time of the request is over")
            sock.settimeout(min(left, LOOKS_EVERY))
            try:
                view = view[sock.send(view[:_PIECE]) :]
            except TimeoutError:
                continue
            except OSError as error:
                raise httpcore2.WriteError(str(error)) from error

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same connection under TLS, by the name that was asked for."""
        left = min(max(REQUEST.left(), 0.001), timeout if timeout is not None else float("inf"))
        return Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        """What the connection says of itself."""
        return self._stream.get_extra_info(info)
