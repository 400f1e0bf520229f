"""Servers that do what an agent's server should not, byte by byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

CERTIFICATE = Path(__file__).parent / "agent.test.pem"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers each request by ``speak``, which is given the connection and the request, and says whether to go on."""

    def __init__(self, speak: Callable[[socket.socket, bytes], bool], *, tls: bool = False, address: str = "127.0.0.1"):
        self.speak = speak
        self.requests: list[bytes] = []
        self.connections = 0
        self.names: list[str | None] = []
        self.hung_up = threading.Event()
        self.closing = threading.Event()
        self._context: ssl.SSLContext | None = None
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(CERTIFICATE)
            self._context.sni_callback = lambda _sock, name, _context: self.names.append(name)
        self._listening = socket.create_server((address, 0))
        self.port = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            self.connections += 1
            sock = self._context.wrap_socket(connection, server_side=True) if self._context else connection
            with sock:
                while request := self._read(sock):
                    self.requests.append(request)
                    if not self.speak(sock, request):
                        break
        self.hung_up.set()

    def _read(self, sock: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = sock.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += sock.recv(65536)
        return head + b"\r\n\r\n" + body


def says(reply: bytes) -> Callable[[socket.socket, bytes], bool]:
    """The same reply to every request."""

    def speak(sock: socket.socket, request: bytes) -> bool:
        sock.sendall(reply)
        return True

    return speak
