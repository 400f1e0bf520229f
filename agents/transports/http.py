"""An agent behind an address: its work is posted to it, signed, and its answer read, or awaited by lease token."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from agents import calls
from agents.definition import AgentContext
from agents.errors import AgentSettingsRefused, ResultUnusable
from agents.http import egress
from agents.http.client import Reply
from agents.http.errors import EgressRefused
from agents.usage import usage_in
from agents.values import Accepted, Answer, Performer, TransportName, Work
from agents.wire.asking import ask, check_address, there, well
from agents.wire.envelope import encoded, envelope, message_id
from agents.wire.reading import TransportSettings, settings_of
from agents.wire.replies import failure_of
from agents.wire.results import done, parsed
from agents.wire.secrets import secret_of, signer_of
from orchestrator_site.clock import now
from orchestrator_site.conf import conf

CALLBACKS = "/api/v2/orchestrator/steps"


class HttpSettings(TransportSettings):
    """``url`` takes the work; ``secret`` signs it: ``env:NAME``, two of them while one is replaced by the other.

    ``health_url`` answers 2xx while the agent is well.
    """

    url: str
    secret: str | tuple[str, str]
    health_url: str = Field("", description="Its own health address.")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of its secrets, the newest first."""
        return (self.secret,) if isinstance(self.secret, str) else self.secret


class HttpTransport:
    """Posts the envelope; 200 carries the result, 202 says that it will be brought."""

    name = TransportName.HTTP

    def perform(self, agent: Performer, work: Work, context: AgentContext) -> Answer:
        """Post the work. Raises as ``Transport.perform`` says."""
        settings = settings_of(agent, HttpSettings)
        body = _body(agent, work)
        began = time.monotonic()
        headers = _headers(settings, work, body)
        reply = ask(agent, settings.url, body, headers, timeout=work.timeout, context=context)
        if reply.status == 200:
            return _result(agent, work, context, reply, time.monotonic() - began)
        if reply.status == 202:
            return Accepted(_within(agent, work, reply))
        if reply.status < 300:
            raise ResultUnusable(f"Agent {agent.name!r} answered {reply.status}: 200 has a result, 202 promises one.")
        raise failure_of(agent.name, reply.status, reply.headers, reply.body, now=now())

    def check(self, agent: Performer) -> None:
        """Refuse addresses that may not be reached, and secrets that are not there. Raises ``AgentSettingsRefused``."""
        settings = settings_of(agent, HttpSettings)
        host = check_address(agent, settings.url)
        for reference in settings.secrets:
            signer_of(secret_of(reference, host=host))
        if settings.health_url:
            check_address(agent, settings.health_url)

    def probe(self, agent: Performer, *, timeout: float) -> bool:
        """Whether its health address answers 2xx; without one, whether anybody answers."""
        try:
            settings = settings_of(agent, HttpSettings)
        except AgentSettingsRefused:
            return False
        if settings.health_url:
            return well(settings.health_url, {}, timeout=timeout)
        return there("HEAD", settings.url, {}, timeout=timeout)


def _body(agent: Performer, work: Work) -> str:
    return encoded(envelope(agent, work, now=now(), callbacks=conf().base_url.rstrip("/") + CALLBACKS))


def _headers(settings: HttpSettings, work: Work, body: str) -> dict[str, str]:
    headers = {"Idempotency-Key": work.idempotency_key, **_signature(settings, message_id(work), body)}
    return headers | ({"traceparent": work.traceparent} if work.traceparent else {})


def _signature(settings: HttpSettings, identity: str, body: str) -> dict[str, str]:
    """The headers of Standard Webhooks, with a signature by each secret."""
    try:
        host = egress.target_of(settings.url).host
    except EgressRefused as error:
        raise AgentSettingsRefused(str(error)) from error
    moment = now()
    signed = [
        signer_of(secret_of(each, host=host)).sign(msg_id=identity, timestamp=moment, data=body)
        for each in settings.secrets
    ]
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signed),
    }


def _result(agent: Performer, work: Work, context: AgentContext, reply: Reply, seconds: float) -> Answer:
    document = _object(agent, reply, "200 without a JSON object")
    try:
        usage = usage_in(document.get("usage"))
    except ValueError as error:
        raise ResultUnusable(f"Agent {agent.name!r} answered 200, but {error}.") from error
    calls.book(agent, work, context, usage, seconds=seconds)
    if "result" not in document:
        raise ResultUnusable(f'Agent {agent.name!r} answered 200 without a result: write {{"result": …}}.')
    return done(agent.name, document["result"])


def _within(agent: Performer, work: Work, reply: Reply) -> float:
    """When the agent is to be heard of next, in seconds: as it says, but not after the attempt is over."""
    said: Any = None
    if reply.body.strip():
        said = _object(agent, reply, "202 with a body that is no JSON object").get("within")
    if said is None:
        said = conf().callback_seconds
    if isinstance(said, bool) or not isinstance(said, int | float) or not said > 0:
        raise ResultUnusable(f"Agent {agent.name!r} answered 202, but within is no number of seconds above 0.")
    return min(float(said), work.timeout)


def _object(agent: Performer, reply: Reply, otherwise: str) -> Mapping[str, Any]:
    document = parsed(agent.name, reply.body, otherwise)
    if not isinstance(document, dict):
        raise ResultUnusable(f"Agent {agent.name!r} answered {otherwise}.")
    return document
