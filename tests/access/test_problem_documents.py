"""Every refusal is a problem document with a stable code, and tells nothing that it should not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.addresses")]


@pytest.fixture
def client(db: None) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_login(User.objects.create_user("olga"))
    return client


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("refused", 409, "refused"),
        ("unavailable", 503, "unavailable"),
        ("invalid", 422, "invalid_input"),
        ("http404", 404, "not_found"),
        ("denied", 403, "forbidden"),
        ("django", 422, "invalid_input"),
        ("database", 503, "database_unavailable"),
        ("throttled", 429, "throttled"),
        ("method", 405, "method_not_allowed"),
        ("bug", 500, "internal"),
    ],
)
def test_each_failure_has_its_status_and_code(client: APIClient, how: str, status: int, code: str) -> None:
    answer = client.get(f"/api/failing/{how}", headers={"X-Request-ID": "req-12345678"})
    body = answer.json()

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert body["title"]
    assert body["detail"]
    assert (body["instance"], body["request_id"]) == (f"/api/failing/{how}", "req-12345678")


def test_what_can_be_tried_again_says_when(client: APIClient) -> None:
    for how, wait in (("unavailable", "2"), ("database", "2"), ("throttled", "4")):
        answer = client.get(f"/api/failing/{how}")
        assert (answer.json()["retryable"], answer["Retry-After"]) == (True, wait)
    assert "retryable" not in client.get("/api/failing/refused").json()


def test_every_wrong_field_is_named_with_its_place(client: APIClient) -> None:
    body = client.post("/api/failing/x", {"documents": [{"name": "a"}, {}]}, format="json").json()

    assert body["errors"] == [
        {"field": "title", "message": "This field is required."},
        {"field": "documents[1].name", "message": "This field is required."},
    ]
    assert body["detail"].startswith("title: This field is required.")


def test_errors_of_ours_and_of_django_come_in_the_same_form(client: APIClient) -> None:
    assert client.get("/api/failing/invalid").json()["errors"] == [{"field": "a", "message": "b"}]
    assert client.get("/api/failing/django").json()["errors"] == [{"field": "title", "message": "too long"}]


def test_malformed_json_is_the_clients_fault(client: APIClient) -> None:
    answer = client.post("/api/failing/x", "{", content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "parse_error")


def test_what_went_wrong_inside_stays_inside(client: APIClient) -> None:
    for how, secret in (("bug", "a bug"), ("database", "10.1.2.3")):
        assert secret not in client.get(f"/api/failing/{how}").content.decode()


def test_an_address_below_the_api_that_is_not_there(client: APIClient) -> None:
    answer = client.get("/api/nothing")

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_pages_stay_pages(client: APIClient) -> None:
    assert client.get("/nothing")["Content-Type"].startswith("text/html")


def test_the_browsable_api_shows_a_problem_as_a_page(client: APIClient) -> None:
    answer: Any = client.get("/api/failing/refused", headers={"Accept": "text/html"})

    assert answer.status_code == 409
    assert answer["Content-Type"].startswith("text/html")
    assert "It is over." in answer.content.decode()
