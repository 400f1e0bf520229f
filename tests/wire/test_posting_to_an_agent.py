"""What is posted to an agent, by which it knows us, and what it may answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook
from standardwebhooks.exceptions import WebhookVerificationError

from agents.errors import AgentSettingsRefused, PermanentFailure, ResultUnusable
from agents.models import AgentCall
from agents.transports.http import HttpTransport
from agents.values import Accepted, Performer, TransportName
from orchestrator_site.conf import conf
from tests.conformance.agents import SECRET, ByHttp, ToolContext, work_of
from tests.egress.servers import Server, says

OTHER = "whsec_" + "b3RoZXIgc2VjcmV0IG90aGVyIHNlY3JldCBvdGhlcg=="
TRANSPORT = HttpTransport()


@pytest.fixture(autouse=True)
def permitted(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("PHASEGATE_EGRESS_ALLOW", "127.0.0.0/8")
    monkeypatch.setenv("PHASEGATE_AGENT_SECRETS", "SEC@127.0.0.1, NEW@127.0.0.1")
    monkeypatch.setenv("PHASEGATE_BASE_URL", "https://phasegate.example/")
    monkeypatch.setenv("SEC", SECRET)
    monkeypatch.setenv("NEW", OTHER)
    conf.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    conf.cache_clear()


@pytest.fixture
def far() -> Iterator[ByHttp]:
    harness = ByHttp()
    yield harness
    harness.close()


def reply(status: int, body: Any = None, **headers: str) -> bytes:
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(sent)}\r\n\r\n".encode() + sent


def at(server: Server, **settings: Any) -> Performer:
    return performer({"url": f"http://127.0.0.1:{server.port}/", "secret": "env:SEC", **settings})


def performer(settings: Mapping[str, Any]) -> Performer:
    return Performer("h", "remote", transport=TransportName.HTTP, settings=settings)


def answer_to(sent: bytes, timeout: float = 10) -> tuple[Any, ToolContext]:
    work = work_of("x", timeout=timeout)
    context = ToolContext(work)
    with Server(says(sent)) as server:
        return TRANSPORT.perform(at(server), work, context), context


def test_the_envelope_holds_the_work_and_how_to_answer_later(far: ByHttp) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    work = replace(work_of("say", attempt=2, said="x", timeout=30), capability="speech", traceparent=trace)

    TRANSPORT.perform(far.performer("say"), work, ToolContext(work))

    headers, body = far.requests[0]
    sent = json.loads(body)
    deadline = datetime.fromisoformat(sent.pop("deadline"))
    assert timedelta(seconds=25) < deadline - datetime.now(UTC) < timedelta(seconds=31)
    assert sent == {
        "version": 1,
        "agent": "remote",
        "capability": "speech",
        "project": work.project_id,
        "step": {"id": work.step_id, "key": "a"},
        "attempt": 2,
        "idempotency_key": "key-of-the-step",
        "params": {"do": "say", "said": "x"},
        "timeout": 30,
        "lease_token": "token",
        "callback": "https://phasegate.example/api/v2/orchestrator/steps/token",
        "traceparent": trace,
    }
    assert (headers["idempotency-key"], headers["traceparent"]) == ("key-of-the-step", trace)


def test_it_is_signed_so_that_any_library_of_standard_webhooks_can_verify_it(far: ByHttp) -> None:
    work = work_of("say")
    TRANSPORT.perform(far.performer("say"), work, ToolContext(work))

    headers, body = far.requests[0]
    assert Webhook(SECRET).verify(body, headers)["step"]["id"] == work.step_id
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, headers)


def test_while_a_secret_is_replaced_both_verify(far: ByHttp) -> None:
    work = work_of("say")
    rotating = performer({"url": far.url, "secret": ["env:NEW", "env:SEC"]})
    TRANSPORT.perform(rotating, work, ToolContext(work))

    headers, body = far.requests[0]
    assert Webhook(SECRET).verify(body, headers) == Webhook(OTHER).verify(body, headers)


def test_each_attempt_is_a_message_of_its_own(far: ByHttp) -> None:
    work = work_of("say")
    for attempt in (1, 2):
        again = replace(work, attempt=attempt)
        TRANSPORT.perform(far.performer("say"), again, ToolContext(again))

    first, second = (headers["webhook-id"] for headers, _ in far.requests)
    assert first != second
    assert "." not in first


@pytest.mark.parametrize(
    ("body", "within"),
    [(None, 10.0), ({"within": 5}, 5.0), ({"within": 5000}, 10.0), ({}, 10.0), ({"job": "j-1"}, 10.0)],
)
def test_202_says_that_the_answer_will_come_and_when_it_is_heard_of(body: Any, within: float) -> None:
    answer, _ = answer_to(reply(202, body))

    assert answer == Accepted(within)


def test_202_without_a_word_is_heard_of_within_the_setting(permitted: pytest.MonkeyPatch) -> None:
    permitted.setenv("PHASEGATE_CALLBACK_SECONDS", "7")
    conf.cache_clear()

    assert answer_to(reply(202))[0] == Accepted(7.0)


@pytest.mark.parametrize(
    ("sent", "because"),
    [
        (reply(200, b"all right"), "without a JSON object"),
        (reply(200, [1]), "without a JSON object"),
        (reply(200, {"error": "I could not"}), "without a result"),
        (reply(200, b'{"result": 1e999}'), "what JSON cannot hold"),
        (reply(200, b"[" * 50_000), "without a JSON object"),
        (reply(200, {"result": 1, "usage": {"tokens": 5}}), "usage has 'tokens'"),
        (reply(200, {"result": 1, "usage": {"tokens_in": -5}}), "tokens_in is no whole number"),
        (reply(200, {"result": 1, "usage": {"cost": "5"}}), "cost is no number"),
        (reply(200, b'{"result": 1, "usage": {"cost": 1e999}}'), "cost is no number"),
        (reply(200, {"result": 1, "usage": 5}), "usage is no object"),
        (reply(202, {"within": 0}), "within is no number"),
        (reply(202, {"within": "5"}), "within is no number"),
        (reply(202, b"accepted"), "no JSON object"),
        (reply(204), "200 has a result"),
    ],
)
@pytest.mark.django_db
def test_answers_that_are_none_are_refused_with_the_reason(sent: bytes, because: str) -> None:
    with pytest.raises(ResultUnusable, match=because):
        answer_to(sent)

    assert not AgentCall.objects.exists()


def test_a_result_may_be_nothing() -> None:
    assert answer_to(reply(200, {"result": None}))[0].value is None


def test_a_redirect_is_not_followed_and_says_what_to_do() -> None:
    with pytest.raises(PermanentFailure, match="register the address it leads to"):
        answer_to(reply(307, Location="http://127.0.0.1:1/"))


@pytest.mark.parametrize(
    ("settings", "because"),
    [
        ({}, r"url: Field required; secret: Field required"),
        ({"url": "http://127.0.0.1/", "secret": "env:SEC", "retries": 3}, "retries: Extra inputs"),
        ({"url": "http://10.0.0.1/", "secret": "env:SEC"}, "it is private"),
        ({"url": "http://127.0.0.1/", "secret": SECRET}, "named as env:NAME"),
        ({"url": "http://127.0.0.1/", "secret": "env:DATABASE_URL"}, "may not go to 127.0.0.1"),
        ({"url": "http://127.0.0.2/", "secret": "env:SEC"}, "may not go to 127.0.0.2"),
        ({"url": "http://127.0.0.1/", "secret": "env:SEC", "health_url": "http://10.0.0.1/"}, "it is private"),
        ({"url": "http://me@127.0.0.1/", "secret": "env:SEC"}, "names a user"),
    ],
)
def test_settings_that_could_never_work_are_refused(settings: dict[str, Any], because: str) -> None:
    with pytest.raises(AgentSettingsRefused, match=because) as refused:
        TRANSPORT.check(performer(settings))

    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("value", ["", "whsec_", "whsec_c2hvcnQ=", "plain", SECRET.removeprefix("whsec_"), "whsec_%%%"])
def test_a_secret_that_is_empty_or_weak_is_refused_without_being_told(
    permitted: pytest.MonkeyPatch, value: str
) -> None:
    permitted.setenv("SEC", value)

    with pytest.raises(AgentSettingsRefused) as refused:
        TRANSPORT.check(performer({"url": "http://127.0.0.1/", "secret": "env:SEC"}))
    assert value in ("", "whsec_") or value not in str(refused.value)


@pytest.mark.parametrize(("status", "alive"), [(200, True), (204, True), (302, False), (404, False), (503, False)])
def test_an_agent_is_well_while_its_health_address_answers_2xx(status: int, alive: bool) -> None:
    with Server(says(reply(status))) as server:
        probed = at(server, health_url=f"http://127.0.0.1:{server.port}/health")
        assert TRANSPORT.probe(probed, timeout=2) is alive
        assert server.requests[0].startswith(b"GET /health ")


@pytest.mark.parametrize(("status", "alive"), [(200, True), (405, True), (501, True), (502, False), (503, False)])
def test_without_a_health_address_it_is_there_while_anybody_answers(status: int, alive: bool) -> None:
    with Server(says(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())) as server:
        assert TRANSPORT.probe(at(server), timeout=2) is alive


def test_probing_an_agent_with_broken_settings_never_raises() -> None:
    assert TRANSPORT.probe(performer({"nonsense": 1}), timeout=1) is False
