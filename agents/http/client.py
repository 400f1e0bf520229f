"""One request and its reply, within a deadline and a size."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.http import egress
from agents.http.errors import NotReached, ReplyBroken, ReplyTooLarge, TookTooLong
from orchestrator_site.conf import Conf, conf

if TYPE_CHECKING:
    import httpx2

    from agents.http.pool import GuardedTransport
    from agents.http.streams import Look

# The client beneath takes a tenth of a second to import: it is, when the first request is made.

HEADERS = {"User-Agent": "Phasegate", "Accept-Encoding": "gzip", "Accept": "application/json, application/problem+json"}
_READABLE = {"", "identity", "gzip", "deflate"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; the names of ``headers`` in lower case, the body decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check(url: str) -> egress.Target:
    """Where an address leads, if it may be reached as of now. Raises ``EgressRefused``, ``NotReached``."""
    from agents.http.pool import rules_of

    settings = conf()
    target = egress.target_of(url)
    rules = rules_of(settings.egress_allow, settings.egress_ports)
    egress.permitted(target, rules, timeout=settings.connect_seconds)
    return target


def request(
    method: str,
    url: str,
    *,
    timeout: float,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    look: Look | None = None,
    through: GuardedTransport | None = None,
) -> Reply:
    """The reply, read whole. Redirects are replies like any other.

    ``timeout`` in seconds for all of it. ``look`` is called about once a second with the bytes that have come; what
    it raises ends the request and hangs up. Raises ``EgressRefused``, ``NotReached``, ``TookTooLong``,
    ``ReplyTooLarge``, ``ReplyBroken``.
    """
    import httpcore2
    import httpx2

    from agents.http.pool import rules_of, transport
    from agents.http.streams import REQUEST

    settings = conf()
    target = egress.target_of(url)
    way = through or transport(rules_of(settings.egress_allow, settings.egress_ports), settings.egress_ca_file)
    limits = {"connect": min(timeout, settings.connect_seconds), "pool": timeout}
    asked = httpx2.Request(
        method, url, headers={**HEADERS, **(headers or {})}, content=body, extensions={"timeout": limits}
    )
    if asked.url.raw_host.decode().strip("[]").rstrip(".") != target.host:
        raise ReplyBroken(f"The address of {target.host} is read in two ways: write it plainly.")
    REQUEST.begin(deadline=time.monotonic() + timeout, plain=target.plain, look=look)
    try:
        response = way.handle_request(asked)
        try:
            return _read(response, settings)
        finally:
            response.close()
    except httpcore2.ConnectTimeout as error:
        raise NotReached(f"{target.host} does not answer: it took too long to connect.") from error
    except (httpcore2.TimeoutException, httpx2.TimeoutException) as error:
        raise TookTooLong(f"{target.host} took longer than {timeout:g} s.") from error
    except httpcore2.ConnectError as error:
        raise NotReached(f"{target.host} does not answer: {error}.") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpx2.HTTPError) as error:
        raise ReplyBroken(f"The reply of {target.host} broke off: {error or type(error).__name__}.") from error
    finally:
        REQUEST.end()


def _read(response: httpx2.Response, settings: Conf) -> Reply:
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _READABLE:
        raise ReplyBroken(f"The reply is encoded as {encoding[:50]!r}: gzip at most was asked for.")
    most = settings.agent_answer_max_bytes
    pieces: list[bytes] = []
    size = 0
    for piece in response.iter_bytes():
        size += len(piece)
        if size > most:
            raise ReplyTooLarge(f"The reply is larger than {most} bytes, PHASEGATE_AGENT_ANSWER_MAX_BYTES.")
        pieces.append(piece)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, b"".join(pieces))
