"""Reading one project and what belongs to it: by whom, in which formats, and only what is new."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User

from orchestrator_site import clock
from projects.models import Project, Step
from projects.models.approval import Verdict
from projects.services import approvals
from tests.api.conftest import client_of
from tests.api.test_starting_a_project import NOTE, given
from tests.builders import drive, open_approval, person
from tests.sealing import seal_everything

READS = ("", "/progress", "/state", "/report", "/snapshot", "/history", "/steps", "/documents", "/graph", "/knowledge")


def ids(answer: Any) -> list[str]:
    return [row["id"] for row in answer.json()["results"]]


def test_a_project_tells_its_phases_and_the_approval_that_it_waits_for(waiting: Project, owner: User) -> None:
    said = client_of(owner).read(f"projects/{waiting.pk}").json()

    assert [(phase["key"], phase["state"]) for phase in said["phases"]] == [("draft", "waiting"), ("send", "pending")]
    assert said["open_approval"] == str(open_approval(waiting).pk)


def test_a_slash_at_the_end_does_no_harm(waiting: Project, owner: User) -> None:
    client = client_of(owner)

    assert client.read(f"projects/{waiting.pk}/").json()["id"] == str(waiting.pk)
    assert client.send(f"projects/{waiting.pk}/pause/").status_code == 403  # found, and not allowed


@pytest.mark.parametrize("path", READS)
def test_what_is_not_yours_is_not_there(waiting: Project, outsider: User, path: str) -> None:
    answer = client_of(outsider).read(f"projects/{waiting.pk}{path}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "project_not_found"
    assert str(waiting.pk) not in client_of(outsider).read("projects").content.decode()


@pytest.mark.parametrize("project_id", ["nothing", "0", "0193a1f2-7c40-7d1e-8a53-2f6f0d9b41c7", "%00", "a" * 500])
def test_an_id_that_is_none_is_not_found(operator: User, project_id: str) -> None:
    answer = client_of(operator).read(f"projects/{project_id}")

    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize("path", READS)
def test_reading_needs_to_say_who_one_is(waiting: Project, path: str) -> None:
    assert client_of(None).read(f"projects/{waiting.pk}{path}").status_code in (401, 403)


def test_state_and_graph_tell_phases_steps_and_their_ties(waiting: Project, owner: User) -> None:
    client = client_of(owner)
    state = client.read(f"projects/{waiting.pk}/state").json()
    graph = client.read(f"projects/{waiting.pk}/graph").json()

    assert [step["key"] for step in state["phases"][0]["steps"]] == ["text", "parts"]
    nodes = {node["id"]: node for node in graph["nodes"]}
    assert set(nodes) == {"phase:draft", "step:text", "step:parts", "gate:draft", "phase:send", "step:post"}
    assert nodes["step:parts"]["items"] == {"completed": 3}
    assert {(edge["source"], edge["target"], edge["kind"]) for edge in graph["edges"]} == {
        ("step:text", "step:parts", "needs"),
        ("step:parts", "gate:draft", "order"),
        ("gate:draft", "phase:send", "order"),
    }


def test_a_step_tells_its_params_result_attempts_rounds_and_items(waiting: Project, owner: User) -> None:
    client = client_of(owner)
    steps = client.read(f"projects/{waiting.pk}/steps").json()["results"]
    text = client.read(f"projects/{waiting.pk}/steps/text").json()
    parts = client.read(f"projects/{waiting.pk}/steps/parts?limit=2").json()

    assert [step["key"] for step in steps] == ["text", "parts", "post"]
    assert (text["result"], text["params"], text["items"]) == ("Hello, world!", {"say": "Hello, ${inputs.who}!"}, None)
    assert [attempt["outcome"] for attempt in text["attempts"]] == ["completed"]
    assert [item["result"] for item in parts["items"]["results"]] == [1, 2]
    following = client.get(parts["items"]["next"]).json()
    assert [item["result"] for item in following["items"]["results"]] == [3]
    assert parts["needs"] == ["text"]
    item = Step.objects.get(project=waiting, parent__isnull=False, position=1)
    assert client.read(f"projects/{waiting.pk}/steps/{quote(item.key)}").json()["item"] == 2


def test_a_round_of_rework_stands_beside_the_one_before(waiting: Project, owner: User, editor: User) -> None:
    approvals.decide(
        approval_id=open_approval(waiting).pk,
        user=editor,
        verdict=Verdict.REJECT,
        comment="Warmer, please.",
        via="test",
    )
    drive(waiting)
    client = client_of(owner)
    latest = client.read(f"projects/{waiting.pk}/steps/text").json()
    first = client.read(f"projects/{waiting.pk}/steps/text?round=1").json()

    assert (latest["round"], first["round"]) == (2, 1)
    assert [each["round"] for each in latest["rounds"]] == [1, 2]
    assert {step["round"] for step in client.read(f"projects/{waiting.pk}/steps?phase=draft").json()["results"]} == {2}
    assert client.read(f"projects/{waiting.pk}/steps/text?round=9").status_code == 404
    assert client.read(f"projects/{waiting.pk}/steps/nothing").status_code == 404


def test_the_history_is_filtered_and_read_page_by_page(waiting: Project, owner: User) -> None:
    client = client_of(owner)
    whole = client.read(f"projects/{waiting.pk}/history?limit=200").json()["results"]
    kinds = [event["kind"] for event in whole]

    assert kinds[0] == "project.created"
    paged: list[str] = []
    answer = client.read(f"projects/{waiting.pk}/history?limit=4")
    paged += [event["kind"] for event in answer.json()["results"]]
    while answer.json()["next"]:
        answer = client.get(answer.json()["next"])
        paged += [event["kind"] for event in answer.json()["results"]]
    assert paged == kinds
    steps = client.read(f"projects/{waiting.pk}/history?kind=step.*&limit=200").json()["results"]
    assert {event["kind"].split(".")[0] for event in steps} == {"step"}
    about = client.read(f"projects/{waiting.pk}/history?subject=text").json()["results"]
    assert {event["subject"] for event in about} == {"text"}
    later = quote((clock.now() + timedelta(hours=1)).isoformat())
    assert client.read(f"projects/{waiting.pk}/history?since={later}").json()["results"] == []
    backwards = client.read(f"projects/{waiting.pk}/history?ordering=-id&limit=200").json()["results"]
    assert backwards == whole[::-1]


@pytest.mark.django_db(transaction=True)
def test_sealed_events_tell_their_place_in_the_chain(waiting: Project, owner: User) -> None:
    client = client_of(owner)
    assert {event["seq"] for event in client.read(f"projects/{waiting.pk}/history").json()["results"]} == {None}
    seal_everything()
    sealed = client.read(f"projects/{waiting.pk}/history?ordering=seq&limit=200").json()["results"]

    assert [event["seq"] for event in sealed] == list(range(1, len(sealed) + 1))
    assert all(len(event["hash"]) == 64 for event in sealed)


def test_documents_are_downloaded_byte_for_byte_and_read_as_text(owner: User, reading: str) -> None:
    client = client_of(owner)
    made = client.send("projects", {"blueprint": reading, "documents": [given("Über uns.txt")]}).json()
    listed = client.read(f"projects/{made['id']}/documents").json()["results"][0]
    content = client.read(f"projects/{made['id']}/documents/{listed['id']}/content", accept="text/plain")
    text = client.read(f"projects/{made['id']}/documents/{listed['id']}/text")

    assert (listed["name"], listed["size"], listed["sha256"]) == (
        "Über uns.txt",
        len(NOTE),
        hashlib.sha256(NOTE).hexdigest(),
    )
    assert content.content == NOTE
    assert content["Content-Disposition"].startswith("attachment; filename*=utf-8''%C3%9Cber")
    assert content["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in content["Content-Security-Policy"]
    assert text.content == NOTE
    assert client.read(f"projects/{made['id']}/documents/{made['id']}/text").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "media_type"),
    [("json", "application/json"), ("text", "text/plain"), ("markdown", "text/markdown"), ("html", "text/html")],
)
@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json", "image/png"])
def test_the_report_has_four_formats_whatever_the_browser_accepts(
    waiting: Project, owner: User, wanted: str, media_type: str, accept: str
) -> None:
    answer = client_of(owner).read(f"projects/{waiting.pk}/report?format={wanted}", accept=accept)

    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith(media_type)
    assert "Write a letter" in answer.content.decode()
    assert client_of(owner).read(f"projects/{waiting.pk}/report?format=pdf").status_code == 422


@pytest.mark.parametrize(
    ("wanted", "media_type"),
    [
        ("json", "application/json"),
        ("graphml", "application/xml"),
        ("json-ld", "application/ld+json"),
        ("cypher", "text/plain"),
    ],
)
def test_the_knowledge_graph_is_exported(waiting: Project, owner: User, wanted: str, media_type: str) -> None:
    from agents.knowledge.store import write_graph
    from agents.knowledge.values import Node

    write_graph(waiting.pk, [Node("r1", "Requirement", "The <client> shall")], [])
    answer = client_of(owner).read(f"projects/{waiting.pk}/knowledge?format={wanted}")

    assert answer.status_code == 200
    assert answer["Content-Type"].startswith(media_type)
    assert b"r1" in answer.content


def test_the_snapshot_holds_everything(waiting: Project, owner: User) -> None:
    said = client_of(owner).read(f"projects/{waiting.pk}/snapshot").json()

    assert said["format"] == "phasegate.snapshot/1"
    assert said["project"]["id"] == str(waiting.pk)
    assert len(said["steps"]) == 6


def test_an_approver_sees_approvals_and_nothing_else(waiting: Project, editor: User) -> None:
    client = client_of(editor)

    assert ids(client.read("approvals")) == [str(open_approval(waiting).pk)]
    assert client.read("projects").json()["results"] == []
    assert client.read(f"projects/{waiting.pk}").status_code == 404
    assert client.read("projects/stuck?quiet=0").json()["results"] == []


def test_what_is_known_already_is_not_sent_again(waiting: Project, owner: User, editor: User) -> None:
    client = client_of(owner)
    for what in ("", "/state", "/progress"):
        first = client.read(f"projects/{waiting.pk}{what}")
        again = client.read(f"projects/{waiting.pk}{what}", if_none_match=first["ETag"])
        assert (first.status_code, again.status_code, again.content) == (200, 304, b""), what
        assert again["ETag"] == first["ETag"]
    tag = client.read(f"projects/{waiting.pk}")["ETag"]
    approvals.decide(approval_id=open_approval(waiting).pk, user=editor, verdict=Verdict.APPROVE, via="test")
    assert client.read(f"projects/{waiting.pk}", if_none_match=tag).status_code == 200


def test_answers_are_json_and_not_kept_by_others(waiting: Project, owner: User) -> None:
    answer = client_of(owner).read(f"projects/{waiting.pk}")

    assert answer["Content-Type"] == "application/json"
    assert "private" in answer["Cache-Control"]
    assert json.loads(answer.content)["id"] == str(waiting.pk)


def test_somebody_who_may_read_every_project_reads_another_teams(waiting: Project) -> None:
    viewer = person("vera", groups=["viewer"])

    assert client_of(viewer).read(f"projects/{waiting.pk}").status_code == 200
    assert client_of(viewer).send("projects", {"blueprint": "letter"}).status_code == 403
    assert client_of(viewer).send(f"projects/{waiting.pk}/pause").status_code == 403


def test_what_may_be_sent_is_told(owner: User) -> None:
    answer = client_of(owner).call("OPTIONS", "projects")

    assert answer.status_code == 200, answer.content
    assert "blueprint" in answer.json()["actions"]["POST"]


def test_there_is_no_other_door(owner: User) -> None:
    answer = client_of(owner).read("nothing")

    assert answer.status_code == 404
    assert client_of(owner).call("PUT", "projects").status_code == 405
