"""Agents that answer later: by their lease token and nothing else, once, in time, and never too much."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache

from agents import leasing
from orchestrator_site.conf import conf
from orchestrator_site.observability.secrets import clean_text
from projects.api import throttles
from projects.models import Attempt, Project, Step
from projects.services import advancing
from projects.services.attempts import Claim
from projects.services.control import cancel
from tests.api.conftest import BASE, Client, client_of
from tests.builders import as_actor, claim, drive, kinds, look, project_of, ready_steps, result, step

pytestmark = pytest.mark.django_db
LETTER = """
phases:
  - key: only
    steps:
      - {key: text, agent: api-echo, retry: {max_attempts: 2, base: 1ms, cap: 1ms}}
      - {key: after, agent: api-echo, needs: [text], params: {say: "${results.text}"}}
"""


@pytest.fixture
def agent() -> Client:
    """Somebody whom nobody knows."""
    return client_of(None)


@pytest.fixture
def taken() -> tuple[Project, Claim, str]:
    """A project whose first step runs, and the token of its attempt."""
    project = project_of(LETTER)
    advancing.advance(project.pk)
    claimed = claim(ready_steps(project)[0])
    assert claimed is not None
    return project, claimed, leasing.issue(claimed.id, claimed.attempt)


def say(agent: Client, token: str, what: str, body: Any = None) -> Any:
    return agent.send(f"steps/{token}/{what}", body)


def refused(answer: Any) -> tuple[int, str]:
    assert answer["Content-Type"].startswith("application/problem+json"), answer.content
    return answer.status_code, answer.json()["code"]


def test_the_token_alone_brings_the_result_and_the_project_goes_on(agent: Client, taken: Any) -> None:
    project, _, token = taken
    answer = say(agent, token, "complete", {"result": {"words": 3}, "usage": {"tokens_in": 5, "cost": 0.25}})

    assert answer.status_code == 204, answer.content
    assert result(project, "text") == {"words": 3}
    attempt = Attempt.objects.get(step__key="text")
    assert (attempt.outcome, attempt.tokens_in, float(attempt.cost)) == ("completed", 5, 0.25)
    assert drive(project).state == "completed"
    assert result(project, "after") == {"words": 3}


def test_the_second_answer_is_told_that_the_attempt_is_over(agent: Client, taken: Any) -> None:
    project, _, token = taken
    assert say(agent, token, "complete", {"result": 1}).status_code == 204

    assert refused(say(agent, token, "complete", {"result": 2})) == (409, "attempt_over")
    assert refused(say(agent, token, "fail", {"error": "no"})) == (409, "attempt_over")
    assert refused(say(agent, token, "heartbeat")) == (409, "attempt_over")
    assert result(project, "text") == 1


def test_who_answers_for_an_attempt_that_another_has_taken_over_is_refused(agent: Client, taken: Any) -> None:
    project, claimed, token = taken
    assert say(agent, token, "fail", {"error": "The archive does not answer."}).status_code == 204
    again = claim(step(project, "text"))
    assert again is not None
    assert again.attempt == claimed.attempt + 1

    assert refused(say(agent, token, "complete", {"result": "late"})) == (409, "attempt_over")
    assert say(agent, leasing.issue(again.id, again.attempt), "complete", {"result": "new"}).status_code == 204
    assert result(project, "text") == "new"


def test_a_heartbeat_keeps_the_lease_and_shows_how_far_it_is(agent: Client, taken: Any) -> None:
    _, claimed, token = taken
    before = Step.objects.get(pk=claimed.id).lease_until
    answer = say(agent, token, "heartbeat", {"details": {"pages": 12}, "within": 200})

    assert answer.status_code == 200, answer.content
    assert answer.json()["cancelled"] is False
    after = Step.objects.get(pk=claimed.id).lease_until
    assert before is not None
    assert after is not None
    assert (after - before).total_seconds() > 60
    assert Attempt.objects.get(step_id=claimed.id).details == {"pages": 12}


def test_a_heartbeat_never_outlasts_the_attempt(agent: Client, taken: Any) -> None:
    _, claimed, token = taken
    say(agent, token, "heartbeat", {"within": 86_400})

    kept = Step.objects.get(pk=claimed.id)
    assert kept.lease_until == kept.timeout_at


def test_a_heartbeat_is_told_that_the_project_is_being_cancelled(agent: Client, taken: Any, operator: User) -> None:
    project, _, token = taken
    cancel(project_id=project.pk, actor=as_actor(operator))

    assert say(agent, token, "heartbeat").json()["cancelled"] is True
    assert say(agent, token, "fail", {"error": "stopped"}).status_code == 204
    assert drive(project).state == "cancelled"


def test_a_failure_is_tried_again_as_the_step_says_or_for_good(agent: Client, taken: Any) -> None:
    project, _, token = taken
    assert say(agent, token, "fail", {"error": "The archive does not answer."}).status_code == 204
    again = claim(step(project, "text"))
    assert again is not None
    told = {"error": "There is no such customer.", "retryable": False}
    assert say(agent, leasing.issue(again.id, again.attempt), "fail", told).status_code == 204

    failed = step(project, "text")
    assert (failed.state, failed.error["message"]) == ("failed", "There is no such customer.")  # type: ignore[index]
    assert look(project).state == "failed"


@pytest.mark.parametrize("what", ["heartbeat", "complete", "fail"])
def test_a_token_that_is_none_of_ours_is_refused_whatever_it_is(agent: Client, taken: Any, what: str) -> None:
    _, claimed, token = taken
    body = {"complete": {"result": 1}, "fail": {"error": "x"}}.get(what)
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    of_another_attempt = f"{claimed.id.hex}.{claimed.attempt + 1}:{token.partition(':')[2]}"

    for bad in (forged, of_another_attempt, "x", "0" * 200, token.upper(), f"{token}%00", "%F0%9F%92%A9"):
        assert refused(say(agent, bad, what, body)) == (403, "lease_token_refused"), bad
    assert Step.objects.get(pk=claimed.id).state == "running"


def test_a_session_or_a_key_gives_nothing_and_a_page_of_others_can_misuse_nothing(taken: Any, admin: User) -> None:
    project, _, token = taken
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.force_login(admin)

    assert refused(say(browser, "x" * 30, "complete", {"result": 1})) == (403, "lease_token_refused")
    assert say(browser, token, "complete", {"result": 1}).status_code == 204
    assert "sessionid" not in browser.read(f"steps/{token}/complete").cookies
    assert [kind for kind in kinds(project) if kind == "step.completed"]


@pytest.mark.parametrize(
    ("what", "body", "field"),
    [
        ("complete", {}, "result"),
        ("complete", {"result": 1, "results": 2}, "results"),
        ("complete", {"result": 1, "usage": {"tokens": 3}}, "usage"),
        ("complete", {"result": 1, "usage": {"cost": -1}}, "usage"),
        ("complete", {"result": 1, "usage": [1]}, "usage"),
        ("fail", {}, "error"),
        ("fail", {"error": ""}, "error"),
        ("fail", {"error": "x" * 10_001}, "error"),
        ("fail", {"error": "x", "retryable": "perhaps"}, "retryable"),
        ("heartbeat", {"details": [1]}, "details"),
        ("heartbeat", {"within": 0}, "within"),
        ("heartbeat", {"within": 10**9}, "within"),
        ("heartbeat", {"progress": 3}, "progress"),
    ],
)
def test_a_wrong_body_is_told_by_its_field_and_changes_nothing(
    agent: Client, taken: Any, what: str, body: Any, field: str
) -> None:
    _, claimed, token = taken
    answer = say(agent, token, what, body)

    assert refused(answer) == (422, "fields_invalid")
    assert [each["field"].split(".")[0] for each in answer.json()["errors"]] == [field]
    assert Step.objects.get(pk=claimed.id).state == "running"


@pytest.mark.parametrize("body", ["{", "\0", '{"result": NaN}', '{"result": "a\\u0000b"}', "[]", "3"])
def test_a_body_that_cannot_be_kept_is_refused(agent: Client, taken: Any, body: str) -> None:
    _, claimed, token = taken
    answer = agent.call("POST", f"steps/{token}/complete", body)

    assert answer.status_code in (400, 422), answer.content
    assert Step.objects.get(pk=claimed.id).state == "running"


def test_bodies_are_bounded(agent: Client, taken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, token = taken
    small = conf().model_copy(update={"agent_answer_max_bytes": 2000})
    monkeypatch.setattr("projects.api.views.leases.conf", lambda: small)

    assert refused(say(agent, token, "heartbeat", {"details": {"x": "x" * 70_000}})) == (413, "body_too_large")
    assert refused(say(agent, token, "complete", {"result": "x" * 2000})) == (413, "body_too_large")
    assert say(agent, token, "complete", {"result": "x" * 1900}).status_code == 204


def test_only_json_is_read_and_written(agent: Client, taken: Any) -> None:
    _, _, token = taken
    form = agent.generic("POST", f"{BASE}/steps/{token}/fail", data="error=x", content_type="text/plain")

    assert refused(form) == (415, "unsupported_media_type")
    assert agent.read(f"steps/{token}/complete").status_code == 405
    assert agent.generic("POST", f"{BASE}/steps/{token}/fail", HTTP_ACCEPT="text/html").status_code == 406


def test_an_agent_that_says_too_much_is_told_to_wait_and_others_are_not(
    agent: Client, taken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, token = taken
    monkeypatch.setattr(throttles, "conf", lambda: conf().model_copy(update={"callbacks_per_minute": 3}))
    at_noon(monkeypatch)

    assert [say(agent, token, "heartbeat").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = say(agent, token, "heartbeat")
    assert refused(answer) == (429, "throttled")
    assert 0 < int(answer["Retry-After"]) <= 60
    assert say(agent, token, "complete", {"result": 1}).status_code == 204  # its result is not held up


def test_guessing_tokens_is_slowed_down_and_holds_up_no_agent(
    agent: Client, taken: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, token = taken
    monkeypatch.setattr(throttles, "REFUSED_PER_MINUTE", 2)
    at_noon(monkeypatch)

    assert [say(agent, "guess", "heartbeat").status_code for _ in range(3)] == [403, 403, 429]
    assert say(agent, token, "heartbeat").status_code == 200


def test_results_are_taken_while_the_cache_is_away(agent: Client, taken: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, token = taken

    def away(*_: Any, **__: Any) -> bool:
        raise ConnectionError("Connection refused")

    monkeypatch.setattr(cache, "add", away)

    assert say(agent, token, "complete", {"result": 1}).status_code == 204


def test_the_signature_of_a_token_stands_in_no_log_and_no_answer(
    agent: Client, taken: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    _, claimed, token = taken
    address = f"/api/v2/orchestrator/steps/{token}/complete"
    signature = token.partition(":")[2]

    assert clean_text(f"POST {address} 204") == f"POST {address.replace(signature, '***')} 204"
    assert signature not in clean_text(address.replace(":", "%3A"))
    answer = say(agent, token, "complete", {"results": 1})
    assert answer.json()["instance"].endswith(f"{claimed.id.hex}.{claimed.attempt}:***/complete")
    assert signature not in json.dumps(answer.json())
    assert signature not in capsys.readouterr().err


def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The minute does not end while it is counted."""
    noon = datetime(2026, 11, 21, 12, 0, 10, tzinfo=UTC)
    monkeypatch.setattr(throttles, "clock", SimpleNamespace(now=lambda: noon))
