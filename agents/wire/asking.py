"""A request to an agent: the errors of the seam in the words of transports, while watching whether it is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agents.definition import AgentContext
from agents.errors import (
    AgentSettingsRefused,
    AgentTimedOut,
    AgentUnreachable,
    PermanentFailure,
    ResultUnusable,
    WorkCancelled,
)
from agents.http import client
from agents.http.client import Reply
from agents.http.errors import EgressRefused, NotReached, ReplyBroken, ReplyTooLarge, TookTooLong
from agents.values import Performer


def ask(
    agent: Performer, url: str, body: str, headers: Mapping[str, str], *, timeout: float, context: AgentContext
) -> Reply:
    """Post JSON to an agent. While its reply is coming the context hears of it; when the work is called off, hang up.

    ``timeout`` in seconds. Raises ``AgentTimedOut``, ``AgentUnreachable``, ``PermanentFailure`` where the address may
    not be reached, ``ResultUnusable`` where the reply is too large, ``WorkCancelled``.
    """
    look = _looking(agent, context)
    look(0)
    try:
        return client.request(
            "POST",
            url,
            timeout=timeout,
            body=body.encode(),
            headers={"Content-Type": "application/json", **headers},
            look=look,
        )
    except TookTooLong as error:
        raise AgentTimedOut(f"Agent {agent.name!r} took longer than {timeout:g} s.") from error
    except (NotReached, ReplyBroken) as error:
        raise AgentUnreachable(f"Agent {agent.name!r} cannot be reached: {error}") from error
    except EgressRefused as error:
        raise PermanentFailure(f"Agent {agent.name!r} is not called: {error}") from error
    except ReplyTooLarge as error:
        raise ResultUnusable(f"Agent {agent.name!r} answered too much: {error}") from error


def _looking(agent: Performer, context: AgentContext) -> Callable[[int], None]:
    heard = 0

    def look(received: int) -> None:
        nonlocal heard
        if context.cancelled():
            raise WorkCancelled(f"The work of agent {agent.name!r} was called off.")
        if received > heard:  # silence is no sign of life
            heard = received
            context.heartbeat({"received_bytes": received})

    return look


def check_address(agent: Performer, url: str) -> str:
    """Refuse an address that may not be reached now; its host. Raises ``AgentSettingsRefused``."""
    try:
        return client.check(url).host
    except (EgressRefused, NotReached) as error:
        raise AgentSettingsRefused(f"The address of agent {agent.name!r} is refused: {error}") from error


_AWAY = (502, 503, 504)
"""What a gateway says when nobody is behind it, and a server when it is not ready."""


def well(url: str, headers: Mapping[str, str], *, timeout: float) -> bool:
    """Whether a health address answers 2xx within ``timeout`` seconds; never raises."""
    status = _status("GET", url, headers, timeout)
    return status is not None and 200 <= status < 300


def there(method: str, url: str, headers: Mapping[str, str], *, timeout: float) -> bool:
    """Whether somebody answers there, whatever they say to a request that brings no work; never raises."""
    status = _status(method, url, headers, timeout)
    return status is not None and status not in _AWAY


def _status(method: str, url: str, headers: Mapping[str, str], timeout: float) -> int | None:
    try:
        return client.request(method, url, timeout=timeout, headers=headers).status
    except (EgressRefused, NotReached, ReplyBroken, ReplyTooLarge, TookTooLong):
        return None
