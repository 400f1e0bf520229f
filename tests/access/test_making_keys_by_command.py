"""``create_api_key`` makes a key and shows it once; the admin lists and revokes keys, and never shows one."""

from __future__ import annotations

import io
import json
import re

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from orchestrator_site.access.errors import KeyInvalid, RoleExceedsUser
from orchestrator_site.access.models import APIKey
from orchestrator_site.access.roles import Role
from tests.access.conftest import Issue, Person

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_key_is_shown_once() -> None:
    said = run("ci", "--role", "operator", "--expires", "90d")
    key = APIKey.objects.get()

    assert re.match(rf"pg_live_{key.prefix}_[A-Za-z0-9]{{43}}\n", said)
    assert (key.name, key.role, key.created_by) == ("ci", "operator", "system")
    assert key.expires_at is not None
    assert round((key.expires_at - key.created_at).total_seconds() / 86400) == 90


def test_with_json_it_is_one_document(person: Person) -> None:
    person("anna", Role.APPROVER)
    document = json.loads(run("phone", "--role", "approver", "--user", "anna", "--json"))

    assert document["user"] == "anna"
    assert document["role"] == "approver"
    assert document["expires_at"] is None
    assert document["key"].startswith(f"pg_live_{document['prefix']}_")


def test_a_key_does_not_exceed_its_user(person: Person) -> None:
    person("vera", Role.VIEWER)
    with pytest.raises(RoleExceedsUser):
        run("x", "--role", "admin", "--user", "vera")
    with pytest.raises(KeyInvalid, match="There is no user 'nobody'"):
        run("x", "--role", "viewer", "--user", "nobody")


@pytest.mark.parametrize("arguments", [("x",), ("x", "--role", "god"), ("x", "--role", "viewer", "--expires", "soon")])
def test_a_mistake_of_usage_makes_nothing(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*arguments)
    assert not APIKey.objects.exists()


class TestTheAdmin:
    @pytest.fixture
    def root(self, db: None) -> Client:
        client = Client()
        client.force_login(User.objects.create_superuser("root"))
        return client

    def test_it_lists_keys_without_their_digests(self, root: Client, issue: Issue) -> None:
        issued = issue(Role.VIEWER)
        listed = root.get("/admin/access/apikey/").content.decode()
        page = root.get(f"/admin/access/apikey/{issued.key.pk}/change/").content.decode()

        assert issued.key.prefix in listed
        for secret in (issued.key.digest, issued.text):
            assert secret not in listed + page

    def test_it_makes_changes_and_removes_none(self, root: Client, issue: Issue) -> None:
        key = issue(Role.VIEWER).key

        assert root.get("/admin/access/apikey/add/").status_code == 403
        assert root.get(f"/admin/access/apikey/{key.pk}/delete/").status_code == 403
        assert root.post(f"/admin/access/apikey/{key.pk}/change/", {"role": "admin"}).status_code == 403
        assert APIKey.objects.get(pk=key.pk).role == "viewer"

    def test_it_revokes(self, root: Client, issue: Issue) -> None:
        key = issue(Role.VIEWER).key
        root.post("/admin/access/apikey/", {"action": "revoke", "_selected_action": [str(key.pk)]})

        assert APIKey.objects.get(pk=key.pk).revoked_at is not None

    def test_who_may_not_manage_access_sees_no_keys(self, person: Person) -> None:
        client = Client()
        client.force_login(person("olga", Role.OPERATOR, is_staff=True))

        assert client.get("/admin/access/apikey/").status_code == 403
