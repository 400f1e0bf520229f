"""Asking the message broker whether it is there, within a time, whatever kind of broker it is."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import kombu
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


async def ping(url: str, patience: float) -> None:
    """Return when the broker of ``url`` has answered; raise what the client raises where it does not.

    ``patience`` in seconds bounds connecting and answering, each. Of several addresses the first counts.
    """
    first = url.split(";")[0]
    if urlsplit(first).scheme in ("redis", "rediss", "redis+socket", "unix"):
        await _ping_redis(first, patience)
    else:
        await asyncio.to_thread(_ping_other, first, patience)


async def _ping_redis(url: str, patience: float) -> None:
    client = Redis.from_url(
        redis_url(url),
        socket_timeout=patience,
        socket_connect_timeout=patience,
        retry=Retry(NoBackoff(), 0),
        **_tls(url),
    )
    try:
        await client.ping()
    finally:
        await client.aclose()


def redis_url(url: str) -> str:
    """kombu's URL in the dialect of redis-py, which knows sockets as ``unix://`` and no query of kombu's."""
    parts = urlsplit(url)
    if parts.scheme in ("redis+socket", "unix"):
        asked = parse_qs(parts.query)
        number = (asked.get("virtual_host") or asked.get("db") or ["0"])[0]
        return f"unix://{_login(parts.netloc)}{parts.path}?db={number}"
    return parts._replace(query="", fragment="").geturl()


def _login(netloc: str) -> str:
    return netloc if "@" in netloc else ""


def _tls(url: str) -> dict[str, Any]:
    """What kombu lets a ``rediss://`` URL say about certificates."""
    parts = urlsplit(url)
    if parts.scheme != "rediss":
        return {}
    asked = {name: unquote(values[0]) for name, values in parse_qs(parts.query).items()}
    words = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
    wish = asked.get("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    known: dict[str, Any] = {
        name: asked[name] for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile") if name in asked
    }
    return {"ssl_cert_reqs": words.get(wish, ssl.CERT_REQUIRED), **known}


def _ping_other(url: str, patience: float) -> None:
    with kombu.Connection(url, connect_timeout=patience) as connection:
        connection.ensure_connection(max_retries=1, timeout=max(1, round(patience)))
