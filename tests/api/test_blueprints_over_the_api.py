"""Blueprints: listed, read, and registered with every mistake named."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from projects.models import BlueprintVersion
from tests.api.conftest import BASE, BLUEPRINT, client_of
from tests.builders import approver


def registered(client: Any, text: str, media_type: str = "application/yaml") -> Any:
    return client.generic("POST", f"{BASE}/blueprints", data=text, content_type=media_type)


@pytest.mark.parametrize("media_type", ["application/yaml", "text/plain; charset=utf-8"])
def test_a_blueprint_is_registered_as_yaml(admin: User, media_type: str) -> None:
    client = client_of(admin)
    first, again = registered(client, BLUEPRINT, media_type), registered(client, BLUEPRINT, media_type)

    assert (first.status_code, again.status_code) == (201, 200), first.content
    assert first["Location"].endswith("/blueprints/letter@1")
    assert (first.json()["name"], first.json()["versions"], first.json()["source"]) == ("letter", [1], BLUEPRINT)
    assert client.read("blueprints/letter@1").json()["inputs"]["properties"]["who"] == {
        "type": "string",
        "default": "world",
    }


def test_a_blueprint_is_registered_as_json(admin: User) -> None:
    assert client_of(admin).send("blueprints", {"source": BLUEPRINT}).status_code == 201


def test_another_text_under_the_same_version_is_a_conflict(admin: User) -> None:
    client = client_of(admin)
    registered(client, BLUEPRINT)
    answer = registered(client, BLUEPRINT.replace("Write a letter", "Write two"))

    assert (answer.status_code, answer.json()["code"]) == (409, "blueprint_changed")
    assert BlueprintVersion.objects.get(name="letter").title == "Write a letter"


def test_mistakes_are_listed_with_line_and_hint(admin: User) -> None:
    wrong = BLUEPRINT.replace("agent: api-echo, needs: [text]", "agnet: api-echo, needs: [txet]")
    answer = registered(client_of(admin), wrong)

    assert (answer.status_code, answer.json()["code"]) == (422, "blueprint_invalid"), answer.content
    assert {error["line"] for error in answer.json()["errors"]} == {14}
    assert any("agnet" in error["field"] + error["message"] for error in answer.json()["errors"])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "[1, 2]",
        "a: [",
        "a: &x [*x]",
        "!!python/object/apply:os.system [ls]",
        "name: x\nname: y",
        "\x01",
    ],
)
def test_what_is_no_blueprint_is_refused(admin: User, text: str) -> None:
    answer = registered(client_of(admin), text)

    assert answer.status_code in (400, 422), answer.content
    assert not BlueprintVersion.objects.exists()


def test_aliases_that_grow_without_bound_are_refused(admin: User) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert registered(client_of(admin), bomb).status_code == 422


def test_only_who_may_registers(operator: User, owner: User) -> None:
    for user in (operator, owner):
        assert registered(client_of(user), BLUEPRINT).status_code == 403
    assert not BlueprintVersion.objects.exists()


def test_the_latest_of_each_is_listed(admin: User, owner: User, letter: str) -> None:
    registered(client_of(admin), BLUEPRINT.replace("version: 1", "version: 3"))
    client = client_of(owner)
    rows = {row["name"]: row for row in client.read("blueprints").json()["results"]}

    assert (rows["letter"]["version"], rows["letter"]["shipped"]) == (3, False)
    assert client.read("blueprints/letter").json()["version"] == 3
    assert client.read("blueprints/letter@1").json()["versions"] == [3, 1]
    assert client.read("blueprints/letter@2").status_code == 404


def test_the_shipped_ones_are_there_before_anybody_uses_them(owner: User) -> None:
    client = client_of(owner)
    rows = {row["name"]: row for row in client.read("blueprints").json()["results"]}

    assert rows["hello"]["shipped"] is True
    assert "phases:" in client.read("blueprints/hello").json()["source"]
    assert not BlueprintVersion.objects.exists()  # reading writes nothing


@pytest.mark.parametrize(
    "name", ["nobody", "nobody@1", "..%2F..%2Fetc%2Fpasswd", "a.yaml", "%00", "letter@x", "letter@99999999999"]
)
def test_a_name_that_is_none_is_not_found(owner: User, letter: str, name: str) -> None:
    assert client_of(owner).read(f"blueprints/{name}").status_code == 404


def test_an_approver_sees_no_blueprints(letter: str) -> None:
    client = client_of(approver("anna"))

    assert client.read("blueprints").status_code == 403
    assert client.read("blueprints/letter").status_code == 403
