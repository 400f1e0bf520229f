"""A large result is kept aside, compressed and under its digest, and everybody who reads it finds it."""

from __future__ import annotations

import hashlib
import json
import zlib
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now
from django.test import Client

from orchestrator_site.conf import conf
from orchestrator_site.history import services as history
from projects.errors import ResultDamaged
from projects.models import Blob, Project, Step
from projects.reports.results import latest
from projects.services import results, snapshots
from projects.services.contexts import Results
from tests.api.conftest import client_of
from tests.builders import agent_that, claim, drive, person, project_of, result, step

pytestmark = pytest.mark.django_db(transaction=True)

LARGE = {"text": "äöü€ " * 20_000, "n": [1, 2.5, None, True]}
ONE = """
phases:
  - key: one
    steps:
      - {key: large, agent: large}
      - {key: small, agent: echo, needs: [large], params: {say: "${results.large.n}"}}
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: LARGE, "large")
    agent_that(lambda context: context.params.get("say"), "echo")
    agent_that(lambda context: context.params["item"] * 70_000, "repeats")


@pytest.fixture
def project() -> Project:
    return drive(project_of(ONE))


def test_it_lies_aside_under_the_digest_that_the_history_tells(project: Project) -> None:
    row = step(project, "large")
    assert row.result is None
    blob = row.result_blob
    assert blob is not None
    text = zlib.decompress(bytes(blob.content))
    assert json.loads(text) == LARGE
    assert hashlib.sha256(text).hexdigest() == blob.sha256
    assert blob.size == len(text) > conf().result_inline_bytes
    assert len(blob.content) < blob.size / 10
    told = history.events_of(project.pk).get(kind="step.completed", subject="large")
    assert told.data["result_sha256"] == blob.sha256
    assert step(project, "small").result_blob is None


def test_who_reads_it_finds_it_wherever_it_lies(project: Project) -> None:
    assert project.state == "completed"
    assert result(project, "small") == LARGE["n"], "an expression"
    assert Results(project.pk)["large"] == LARGE, "an agent"
    assert latest(project)[0]["large"] == LARGE, "a report"
    shot = {each["key"]: each["result"] for each in snapshots.snapshot(project_id=project.pk)["steps"]}
    assert shot == {"large": LARGE, "small": LARGE["n"]}
    out = StringIO()
    call_command("snapshot_project", str(project.pk), stdout=out)
    assert LARGE["text"] in json.loads(out.getvalue())["steps"][0]["result"].values(), "a command"
    read = client_of(person("ada", groups=["admin"])).read(f"projects/{project.pk}/steps/large")
    assert read.json()["result"] == LARGE, "the API"


def test_pages_show_it(project: Project) -> None:
    browser = Client()
    browser.force_login(person("root", is_superuser=True, is_staff=True))
    pk = step(project, "large").pk

    page = browser.get(f"/projects/{project.pk}/steps/{pk}/")
    admin = browser.get(f"/admin/projects/step/{pk}/change/")

    assert (page.status_code, admin.status_code) == (200, 200)
    assert "äöü€ äöü€" in page.content.decode()
    assert "äöü€ äöü€" in admin.content.decode()


def test_of_a_list_each_item_lies_where_it_fits_and_they_come_in_order() -> None:
    project = drive(
        project_of(
            """
            phases:
              - key: one
                steps:
                  - key: each
                    agent: repeats
                    for_each: "['a', '', 'b', 'a']"
                    params: {item: "${item}"}
            """
        )
    )

    wanted = ["a" * 70_000, "", "b" * 70_000, "a" * 70_000]
    assert Results(project.pk)["each"] == wanted
    assert latest(project)[0]["each"] == wanted
    assert Blob.objects.count() == 2, "the same value is kept once"
    items = client_of(person("ada", groups=["admin"])).read(f"projects/{project.pk}/steps/each").json()["items"]
    assert [each["result"] for each in items["results"]] == wanted


def test_the_limit_is_a_setting_and_counts_bytes() -> None:
    most = conf().result_inline_bytes

    fits, does_not = (results.keep(json.dumps("x" * (most - 2 + more))) for more in (0, 1))

    assert (fits.blob, does_not.text) == (None, None)
    assert does_not.blob == does_not.sha256


def test_one_that_was_damaged_is_refused_and_never_taken_for_the_result(project: Project) -> None:
    blob = Blob.objects.get()
    row = step(project, "large")
    for content in (
        b"no zlib",
        zlib.compress(b'"another"'),
        zlib.compress(b" " * 50_000_000),
        bytes(blob.content)[:-9],
    ):
        Blob.objects.update(content=content)
        with pytest.raises(ResultDamaged, match=blob.sha256):
            results.of(row)
    Blob.objects.update(content=blob.content, encoding="zip")
    with pytest.raises(ResultDamaged, match="zip"):
        results.of(row)
    assert "zip" in results.shown(row)


def test_a_late_result_leaves_a_blob_that_is_removed_a_day_later_and_others_stay(project: Project) -> None:
    kept = results.keep(json.dumps("left behind" * 10_000))
    assert kept.blob is not None
    assert results.remove_left_behind() == 0, "it may be about to be pointed to"

    Blob.objects.update(created_at=Now() - timedelta(days=2))
    assert results.remove_left_behind() == 1

    assert Results(project.pk)["large"] == LARGE


def test_one_that_is_about_to_be_removed_and_is_written_again_stays() -> None:
    text = json.dumps("x" * 100_000)
    results.keep(text)
    Blob.objects.update(created_at=Now() - timedelta(days=2))

    results.keep(text)

    assert results.remove_left_behind() == 0
    assert Blob.objects.count() == 1


def test_a_crash_between_the_blob_and_the_commit_leaves_the_step_to_be_done_again() -> None:
    project = drive(project_of(ONE), steps=0)
    claimed = claim(step(project, "large"))
    assert claimed is not None
    results.keep(json.dumps(LARGE))  # and then the worker dies

    assert Blob.objects.count() == 1
    Step.objects.filter(pk=claimed.id).update(lease_until=Now() - timedelta(seconds=1))
    from projects.services.recovery import recover

    recover()
    project = drive(project)
    assert project.state == "completed"
    assert Blob.objects.count() == 1


def test_what_waits_without_an_agent_keeps_its_large_result_aside_too() -> None:
    fields: dict[str, Any] = results.fields(LARGE)
    assert fields["result"] is None
    assert results.fields({"n": 1}) == {"result": {"n": 1}, "result_blob_id": None}
