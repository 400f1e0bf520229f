"""Coming in and going out, and the way on."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.builders import person

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse"


def log_in(client: Client, following: str = "", password: str = PASSWORD) -> str:
    person("ada")
    answer = client.post("/login/", {"username": "ada", "password": password, "next": following})
    return answer.headers.get("Location", answer.content.decode())


def test_one_comes_in_and_goes_on_to_where_one_wanted(client: Client) -> None:
    assert log_in(client, "/inbox/") == "/inbox/"
    assert client.get("/inbox/").status_code == 200


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "http:///x"])
def test_the_way_on_never_leads_to_another_site(client: Client, elsewhere: str) -> None:
    assert log_in(client, elsewhere) == "/"


def test_a_wrong_password_is_said_and_says_no_more(client: Client) -> None:
    body = log_in(client, password="wrong")
    assert 'role="alert"' in body
    assert client.get("/inbox/").status_code == 302


def test_one_goes_out_by_a_post_only(client: Client) -> None:
    log_in(client)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/").status_code == 302
