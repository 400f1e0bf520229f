"""A proxy of our own between processes and a server: slow, deaf, cut, or losing the answer to a commit."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

_AT_ONCE = 64 * 1024


class Proxy:
    """Listens on a port of this machine and passes everything on to a unix socket; runs in a thread of its own.

    ``latency`` is in seconds and for each direction. Everything else happens to the links that are there at that
    moment: later ones are sound again.
    """

    def __init__(self, server: Path) -> None:
        self.server = server
        self.latency = 0.0
        self.refusing = False
        self.change: Callable[[bytes], bytes] | None = None
        """What becomes of each command to Redis."""
        self.cut = 0
        self._links: set[_Link] = set()
        self._swallow: bytes | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        listening = self._do(lambda: asyncio.start_server(self._connected, "127.0.0.1", 0))
        self._listening: asyncio.Server = listening
        self.port: int = listening.sockets[0].getsockname()[1]

    # --- what tests do ---------------------------------------------------------------------------------------

    @property
    def links(self) -> int:
        """How many connections there are."""
        return len(self._links)

    def reset(self) -> int:
        """Cut every connection hard (RST); how many it were."""
        return self._call(self._reset)

    def black_hole(self) -> int:
        """Carry nothing more on the connections that there are, and close none; how many it were."""

        def deafen() -> int:
            for link in self._links:
                link.carrying.clear()
            return len(self._links)

        return self._call(deafen)

    def carry_on(self) -> None:
        """Carry again what black holes held."""

        def hear() -> int:
            for link in self._links:
                link.carrying.set()
            return len(self._links)

        self._call(hear)

    def lose_reply(self, to: bytes) -> None:
        """Cut the connection of the next statement whose text holds ``to``, after the server has done it."""
        self._swallow = to

    @property
    def waits_to_lose(self) -> bool:
        """Whether no such statement has come yet."""
        return self._swallow is not None

    def heal(self) -> None:
        """Be a sound connection again."""
        self.latency, self.refusing, self._swallow, self.change = 0.0, False, None, None
        self.carry_on()

    def close(self) -> None:
        def end() -> int:
            self._listening.close()
            return self._reset()

        self._call(end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    # --- how ---------------------------------------------------------------------------------------------------

    def _do(self, make: Callable[[], Any]) -> Any:
        async def made() -> Any:
            return await make()

        return asyncio.run_coroutine_threadsafe(made(), self._loop).result(10)

    def _call(self, function: Callable[[], int]) -> int:
        async def called() -> int:
            return function()

        return int(asyncio.run_coroutine_threadsafe(called(), self._loop).result(10))

    def _reset(self) -> int:
        links = list(self._links)
        for link in links:
            link.abort()
        self.cut += len(links)
        return len(links)

    def wants_lost(self, text: bytes) -> bool:
        """Whether the reply to this statement is to be lost; once."""
        if self._swallow is None or self._swallow not in text:
            return False
        self._swallow = None
        return True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.refusing:
                raise ConnectionRefusedError
            there = await asyncio.open_unix_connection(str(self.server))
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, (reader, writer), there)
        self._links.add(link)
        try:
            await link.carry()
        finally:
            self._links.discard(link)


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: Any, server: Any) -> None:
        self.proxy = proxy
        self.client, self.server = client, server
        self.carrying = asyncio.Event()
        self.carrying.set()
        self.doomed = False
        self.statements = _Statements()
        self.commands = Commands()
        for _, writer in (client, server):
            plug = writer.get_extra_info("socket")
            if plug is not None and plug.family != socket.AF_UNIX:
                plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def carry(self) -> None:
        ways = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in left:
            way.cancel()
        for way in ways:
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await way
        for _, writer in (self.client, self.server):
            writer.close()

    def abort(self) -> None:
        """RST, as of a machine that has been switched off and on."""
        plug = self.client[1].get_extra_info("socket")
        if plug is not None:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.client[1].transport.abort()
        self.server[1].transport.abort()

    async def _up(self) -> None:
        async for data in self._read(self.client[0]):
            if self.proxy.waits_to_lose or self.statements.follows:
                for text in self.statements.texts(data):
                    self.doomed = self.doomed or self.proxy.wants_lost(text)
            self.server[1].write(self.commands.changed(data, self.proxy.change))
            await self.server[1].drain()

    async def _down(self) -> None:
        async for data in self._read(self.server[0]):
            if self.doomed:
                if b"Z\x00\x00\x00\x05" in data:  # ready for the next query: what was asked is done
                    self.proxy.cut += 1
                    self.abort()
                    return
                continue
            self.client[1].write(data)
            await self.client[1].drain()

    async def _read(self, reader: asyncio.StreamReader) -> Any:
        while data := await reader.read(_AT_ONCE):
            if self.proxy.latency:
                await asyncio.sleep(self.proxy.latency)
            await self.carrying.wait()
            yield data


class _Statements:
    """The texts of the statements that a client of PostgreSQL sends, prepared ones too."""

    def __init__(self) -> None:
        self.follows = True  # from the start on, as a statement is prepared once and then only named
        self._rest = b""
        self._begun = False
        self._prepared: dict[bytes, bytes] = {}

    def texts(self, data: bytes) -> list[bytes]:
        """The statements executed by what was sent, as far as it is whole."""
        found = []
        self._rest += data
        while message := self._next():
            kind, body = message
            if kind == b"Q":
                found.append(body)
            elif kind == b"P":
                name, _, rest = body.partition(b"\x00")
                self._prepared[name] = rest.partition(b"\x00")[0]
            elif kind == b"B":
                name = body.partition(b"\x00")[2].partition(b"\x00")[0]
                found.append(self._prepared.get(name, b""))
        return found

    def _next(self) -> tuple[bytes, bytes] | None:
        head = 1 if self._begun else 0  # the first messages have no letter
        if len(self._rest) < head + 4:
            return None
        length = head + int.from_bytes(self._rest[head : head + 4], "big")
        if len(self._rest) < length:
            return None
        kind, body, self._rest = self._rest[:head], self._rest[head + 4 : length], self._rest[length:]
        if not self._begun and body[:4] != b"\x04\xd2\x16\x2f":  # anything but the question for TLS begins it
            self._begun = True
        return kind or b"-", body


class Commands:
    """The commands that a client of Redis sends, each whole, so that it can be changed on its way."""

    def __init__(self) -> None:
        self._rest = b""

    def changed(self, data: bytes, change: Callable[[bytes], bytes] | None) -> bytes:
        """What is to be sent on now; half a command waits for its other half."""
        if not self._rest and (change is None or not data.startswith(b"*")):
            return data
        self._rest += data
        whole = b""
        while length := self._length():
            command, self._rest = self._rest[:length], self._rest[length:]
            whole += change(command) if change else command
        return whole

    def _length(self) -> int:
        """Of the first command: ``*2``, and for each of its arguments ``$`` with a length, and the argument; or 0."""
        head, found, _ = self._rest.partition(b"\r\n")
        if not found:
            return 0
        place = len(head) + 2
        for _argument in range(int(head[1:])):
            end = self._rest.find(b"\r\n", place)
            if end < 0:
                return 0
            place = end + 2 + int(self._rest[place + 1 : end]) + 2
        return place if place <= len(self._rest) else 0
