"""A program logs in with a key, within its role, for as long as the key lives."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError
from rest_framework.test import APIClient

from orchestrator_site import clock
from orchestrator_site.access import services
from orchestrator_site.access.actors import permissions_of, system_actor
from orchestrator_site.access.errors import KeyInvalid, KeyNotFound, KeyRefused, RoleExceedsUser
from orchestrator_site.access.keys import new_key, read_key
from orchestrator_site.access.models import APIKey
from orchestrator_site.access.roles import Capability, Role
from tests.access.conftest import Client, Issue, Person

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.access.addresses")]


def status(client: APIClient, path: str = "/api/asking") -> int:
    return client.get(path).status_code


def test_the_secret_is_kept_nowhere(issue: Issue) -> None:
    issued = issue(Role.OPERATOR)
    prefix, _, secret = issued.text.removeprefix("pg_live_").partition("_")
    row = str(APIKey.objects.filter(pk=issued.key.pk).values().get())

    assert (len(prefix), len(secret)) == (8, 43)
    assert issued.key.prefix == prefix
    assert secret not in row
    assert secret not in repr(issued) + repr(read_key(issued.text)) + str(issued.key)


def test_keys_are_never_alike() -> None:
    assert len({new_key().text for _ in range(200)}) == 200


@pytest.mark.parametrize("scheme", ["Api-Key", "api-key", "Bearer", "bearer"])
def test_a_key_opens_the_api(issue: Issue, client_with: Client, scheme: str) -> None:
    issued = issue(Role.OPERATOR)
    answer = client_with(f"{scheme} {issued.text}").get("/api/asking")

    assert answer.status_code == 200
    assert answer.json()["name"] == f"user:service-{issued.key.prefix} key:{issued.key.prefix}"
    assert answer.json()["via"] == "api_key"
    assert answer.json()["roles"] == ["operator"]
    assert set(answer.json()["may"]) == Role.OPERATOR.capabilities


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        (Role.ADMIN, {"/api/start", "/api/decide", "/api/manage"}),
        (Role.OPERATOR, {"/api/start"}),
        (Role.APPROVER, {"/api/decide"}),
        (Role.AGENT, set()),
        (Role.VIEWER, set()),
    ],
)
def test_a_key_may_what_its_role_may(issue: Issue, client_with: Client, role: Role, allowed: set[str]) -> None:
    client = client_with(f"Api-Key {issue(role).text}")

    found = {path: status(client, path) for path in ("/api/start", "/api/decide", "/api/manage")}
    assert {path for path, code in found.items() if code == 200} == allowed
    assert {code for path, code in found.items() if path not in allowed} <= {403}


def test_a_refusal_says_which_right_is_missing_and_is_logged(
    issue: Issue, client_with: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = client_with(f"Api-Key {issue(Role.VIEWER).text}").get("/api/start")

    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert answer.json()["detail"] == "This needs the right project.start."
    assert answer.json()["code"] == "forbidden"
    assert "has not the right project.start" in caplog.text


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text.replace("pg_live_", "pg_test_"),
        lambda text: "pg_live_" + "0" * 8 + text[16:],
        lambda text: text.upper(),
        lambda text: "",
        lambda text: "ü" + text,
        lambda text: text + " " + text,
        lambda text: text + "\x00",
    ],
)
def test_a_key_that_is_not_quite_it_opens_nothing(
    issue: Issue, client_with: Client, caplog: pytest.LogCaptureFixture, spoil: object
) -> None:
    issued = issue(Role.ADMIN)
    answer = client_with(f"Api-Key {spoil(issued.text)}").get("/api/asking")  # type: ignore[operator]

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Api-Key")
    assert answer.json()["code"] == "api_key_refused"
    assert "API key refused" in caplog.text
    assert issued.text not in caplog.text


def test_without_any_key_one_is_asked_to_log_in() -> None:
    answer = APIClient().get("/api/asking")

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_bearer_token_of_another_kind_is_left_to_others(client_with: Client) -> None:
    assert client_with("Bearer eyJhbGciOi.x.y").get("/api/asking").json()["code"] == "not_authenticated"


def test_a_key_expires(issue: Issue, client_with: Client) -> None:
    issued = issue(Role.VIEWER, expires_in=timedelta(hours=1))
    client = client_with(f"Api-Key {issued.text}")
    assert status(client) == 200

    APIKey.objects.filter(pk=issued.key.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    answer = client.get("/api/asking")
    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]


def test_a_revoked_key_ends_at_once(issue: Issue, client_with: Client) -> None:
    issued = issue(Role.VIEWER)
    client = client_with(f"Api-Key {issued.text}")
    assert status(client) == 200
    services.revoke_key(key_id=issued.key.pk, by=system_actor())

    assert status(client) == 401
    with pytest.raises(KeyRefused):
        services.revoke_key(key_id=issued.key.pk, by=system_actor())


def test_a_key_of_a_user_who_left_opens_nothing(issue: Issue, client_with: Client, person: Person) -> None:
    olga = person("olga", Role.OPERATOR)
    client = client_with(f"Api-Key {issue(Role.OPERATOR, user=olga).text}")
    assert status(client) == 200
    User.objects.filter(pk=olga.pk).update(is_active=False)

    assert status(client) == 401


def test_why_a_key_is_refused_is_said_only_to_who_holds_it(issue: Issue, client_with: Client) -> None:
    issued = issue(Role.VIEWER)
    services.revoke_key(key_id=issued.key.pk, by=system_actor())
    guess = f"pg_live_{issued.key.prefix}_{'x' * 43}"

    assert "revoked" in client_with(f"Api-Key {issued.text}").get("/api/asking").json()["detail"]
    assert "not known" in client_with(f"Api-Key {guess}").get("/api/asking").json()["detail"]


class TestAKeyNeverRaisesAnybodysRights:
    def test_it_cannot_be_made_with_a_role_that_its_user_has_not(self, issue: Issue, person: Person) -> None:
        with pytest.raises(RoleExceedsUser, match="vera may not do all that the role operator may"):
            issue(Role.OPERATOR, user=person("vera", Role.VIEWER))
        assert not APIKey.objects.exists()

    def test_what_its_user_loses_it_loses_at_once(self, issue: Issue, client_with: Client, person: Person) -> None:
        olga = person("olga", Role.OPERATOR)
        issued = issue(Role.OPERATOR, user=olga)
        client = client_with(f"Api-Key {issued.text}")
        assert status(client, "/api/start") == 200
        olga.groups.clear()

        assert status(client, "/api/start") == 403
        assert permissions_of(APIKey.objects.get(pk=issued.key.pk)) == frozenset()

    def test_a_narrow_key_of_a_mighty_user_stays_narrow(
        self, issue: Issue, client_with: Client, person: Person
    ) -> None:
        root = person("root", is_superuser=True)
        answer = client_with(f"Api-Key {issue(Role.VIEWER, user=root).text}").get("/api/asking").json()

        assert set(answer["may"]) == Role.VIEWER.capabilities
        assert answer["perm"] is False  # Django's own question has the same answer
        assert root.has_perm("projects.decide_approval")

    def test_it_keeps_what_it_may(self, issue: Issue, client_with: Client, person: Person) -> None:
        anna = person("anna", Role.APPROVER, Role.VIEWER)
        answer = client_with(f"Api-Key {issue(Role.APPROVER, user=anna).text}").get("/api/asking").json()

        assert (answer["may"], answer["perm"]) == ([Capability.APPROVAL_DECIDE], True)


def test_use_is_noted_to_the_minute(issue: Issue, client_with: Client) -> None:
    issued = issue(Role.VIEWER)
    client = client_with(f"Api-Key {issued.text}")
    client.get("/api/asking")
    first = APIKey.objects.get(pk=issued.key.pk).last_used_at
    client.get("/api/asking")

    assert first is not None
    assert APIKey.objects.get(pk=issued.key.pk).last_used_at == first
    APIKey.objects.filter(pk=issued.key.pk).update(last_used_at=first - timedelta(minutes=2))
    client.get("/api/asking")
    assert APIKey.objects.get(pk=issued.key.pk).last_used_at > first - timedelta(seconds=1)  # type: ignore[operator]


class TestRotation:
    def test_both_keys_work_for_the_time_of_grace(self, issue: Issue, client_with: Client) -> None:
        old = issue(Role.OPERATOR, expires_in=timedelta(days=90))
        new = services.rotate_key(key_id=old.key.pk, by=system_actor(), grace=timedelta(hours=1))

        assert status(client_with(f"Api-Key {old.text}")) == 200
        assert status(client_with(f"Api-Key {new.text}")) == 200
        assert (new.key.name, new.key.role, new.key.user) == (old.key.name, old.key.role, old.key.user)
        assert new.key.replaces == old.key
        ends = APIKey.objects.get(pk=old.key.pk).expires_at
        assert ends is not None
        assert timedelta(minutes=59) < ends - clock.now() < timedelta(minutes=61)
        assert new.key.expires_at is not None
        assert timedelta(days=89) < new.key.expires_at - clock.now() < timedelta(days=91)

    def test_without_grace_the_old_one_ends(self, issue: Issue, client_with: Client) -> None:
        old = issue(Role.OPERATOR)
        services.rotate_key(key_id=old.key.pk, by=system_actor(), grace=timedelta(0))

        assert status(client_with(f"Api-Key {old.text}")) == 401

    def test_a_key_that_was_to_end_sooner_still_does(self, issue: Issue) -> None:
        old = issue(Role.OPERATOR, expires_in=timedelta(minutes=5))
        services.rotate_key(key_id=old.key.pk, by=system_actor(), grace=timedelta(hours=24))

        assert APIKey.objects.get(pk=old.key.pk).expires_at == old.key.expires_at

    def test_a_key_is_replaced_once(self, issue: Issue) -> None:
        old = issue(Role.OPERATOR)
        services.rotate_key(key_id=old.key.pk, by=system_actor())
        with pytest.raises(KeyRefused, match="replaced"):
            services.rotate_key(key_id=old.key.pk, by=system_actor())

    def test_a_revoked_key_is_not_rotated(self, issue: Issue) -> None:
        old = issue(Role.OPERATOR)
        services.revoke_key(key_id=old.key.pk, by=system_actor())
        with pytest.raises(KeyRefused, match="make a new key"):
            services.rotate_key(key_id=old.key.pk, by=system_actor())

    def test_there_is_nothing_to_rotate(self, db: None) -> None:
        with pytest.raises(KeyNotFound):
            services.rotate_key(key_id=clock.new_id(), by=system_actor())


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb", "a\x00b"])
def test_a_key_has_a_name(name: str) -> None:
    with pytest.raises(KeyInvalid):
        services.create_key(name=name, role=Role.VIEWER, by=system_actor())
    assert not User.objects.filter(username__startswith="service-").exists()


def test_a_service_account_cannot_log_in_and_has_the_role(issue: Issue) -> None:
    account = issue(Role.APPROVER).key.user

    assert not account.has_usable_password()
    assert not account.is_staff
    assert account.has_perm("projects.decide_approval")
    assert permissions_of(account) == Role.APPROVER.capabilities


def test_the_database_refuses_a_role_that_there_is_not(issue: Issue) -> None:
    issued = issue(Role.VIEWER)
    with pytest.raises(IntegrityError):
        APIKey.objects.filter(pk=issued.key.pk).update(role="god")


class TestSessions:
    def test_a_person_who_is_logged_in_has_their_own_rights(self, person: Person) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(person("olga", Role.OPERATOR))

        assert client.get("/api/asking").json()["via"] == "session"
        assert status(client, "/api/start") == 200
        assert status(client, "/api/decide") == 403

    def test_a_write_needs_the_token_against_forgery(self, person: Person) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(person("olga", Role.OPERATOR))

        assert client.post("/api/start").status_code == 403

    def test_a_key_needs_none(self, issue: Issue) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.credentials(HTTP_AUTHORIZATION=f"Api-Key {issue(Role.OPERATOR).text}")

        assert client.post("/api/start").status_code == 200
