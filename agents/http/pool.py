"""The connections of this process, kept open between requests."""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import httpcore2
import httpx2

from agents.http.egress import Resolver, Rules
from agents.http.streams import GuardedBackend

MOST_CONNECTIONS = 100
KEPT_OPEN = 32
KEPT_SECONDS = 30.0


class GuardedTransport(httpx2.BaseTransport):
    """httpx2's transport over connections of ours.

    It is used without a client above it: no cookies, no redirects, no credentials from the environment or from
    ``.netrc``, and no proxy, which would connect for us to what we have not seen.
    """

    def __init__(self, rules: Rules, *, trusted: ssl.SSLContext, resolver: Resolver | None = None) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=trusted,
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=KEPT_OPEN,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=GuardedBackend(rules, resolver),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The reply, its body unread. Raises the errors of httpcore2."""
        url = request.url
        response = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=_sent(request.stream),
                extensions=request.extensions,
            )
        )
        return httpx2.Response(response.status, headers=response.headers, stream=Body(response))

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()


class Body(httpx2.SyncByteStream):
    """The body of a reply as it comes."""

    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        yield from self._response.iter_stream()

    def close(self) -> None:
        """Give the connection back, or hang up where the body was not read to its end."""
        self._response.close()


def _sent(stream: object) -> Iterable[bytes]:
    if not isinstance(stream, Iterable):
        raise TypeError("A request is sent from bytes.")
    return stream


@lru_cache(maxsize=8)
def rules_of(allow: tuple[str, ...], ports: tuple[int, ...]) -> Rules:
    """The rules that the settings write."""
    return Rules.of(allow, ports)


@lru_cache(maxsize=8)
def trusted_by(ca_file: Path | None) -> ssl.SSLContext:
    """The public certificates, and those of the file."""
    context = httpx2.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


_transports: dict[tuple[Rules, Path | None], GuardedTransport] = {}
_making = threading.Lock()


def transport(rules: Rules, ca_file: Path | None) -> GuardedTransport:
    """This process's transport under these rules."""
    found = _transports.get((rules, ca_file))
    if found is None:
        with _making:
            found = _transports.get((rules, ca_file))
            if found is None:
                found = _transports[(rules, ca_file)] = GuardedTransport(rules, trusted=trusted_by(ca_file))
    return found


def _forget() -> None:
    """In a process that was forked: the parent's connections are the parent's, and its locks may be held."""
    global _making
    _making = threading.Lock()
    _transports.clear()


os.register_at_fork(after_in_child=_forget)
