"""Histories of projects long over go to files; those of others stay."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from orchestrator_site import clock
from orchestrator_site.access.actors import system_actor
from orchestrator_site.commanding.output import Usage
from orchestrator_site.digests import digest_of
from orchestrator_site.history import archiving
from orchestrator_site.history import services as history
from orchestrator_site.history.errors import NotArchivable
from orchestrator_site.history.sealing import seal_all
from orchestrator_site.history.verifying import verify_stream
from projects import tasks
from projects.errors import EventNotFound, SnapshotTampered
from projects.models import Project
from projects.services import importing, restoring, retention, snapshots
from tests.builders import agent_that, approver, drive, kinds, open_approval, person, project_of

pytestmark = pytest.mark.django_db(transaction=True)

SIMPLE = "phases: [{key: only, steps: [{key: a, agent: echo}]}]"


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "echo")


def ended(days_ago: int) -> Project:
    project = drive(project_of(SIMPLE))
    Project.objects.filter(pk=project.pk).update(finished_at=clock.now() - timedelta(days=days_ago))
    return project


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("archive_history", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_what_ended_before_the_limit_is_archived_and_what_ended_later_or_goes_on_is_not(tmp_path: Path) -> None:
    old, young, running = ended(500), ended(100), project_of(SIMPLE)
    status, said = run("--older-than", "400d", "--to", str(tmp_path))

    assert (status, "1 history, " in said) == (0, True)
    assert kinds(old) == []
    assert verify_stream(old.pk).archived > 0
    assert kinds(young)[-1] == "project.completed"
    assert "project.started" in kinds(running)
    assert [path.name.startswith(str(old.pk)) for path in tmp_path.iterdir()] == [True]


def test_before_a_day(tmp_path: Path) -> None:
    old, young = ended(500), ended(100)
    run("--before", f"{datetime.now(UTC) - timedelta(days=300):%Y-%m-%d}", "--to", str(tmp_path), "--json")

    assert (kinds(old), kinds(young) != []) == ([], True)


def test_a_dry_run_says_which_and_does_nothing(tmp_path: Path) -> None:
    old = ended(500)
    assert str(old.pk) in run("--older-than", "400d", "--to", str(tmp_path), "--dry-run")[1]
    assert json.loads(run("--older-than", "400d", "--dry-run", "--json")[1]) == {"would_archive": [str(old.pk)]}
    assert kinds(old) != []


def test_as_json(tmp_path: Path) -> None:
    old = ended(500)
    [told] = json.loads(run("--older-than", "400d", "--to", str(tmp_path), "--json")[1])["archived"]

    assert told["project"] == str(old.pk)
    assert (tmp_path / told["file"]).stat().st_size == told["size"]


def test_one_that_cannot_be_archived_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = ended(600), ended(500)
    real = archiving.archive

    def unless_bad(stream: Any, **options: Any) -> Any:
        if stream == bad.pk:
            raise NotArchivable("tampered")
        return real(stream, **options)

    monkeypatch.setattr(retention, "archive", unless_bad)
    status, said = run("--older-than", "400d", "--to", str(tmp_path))

    assert (status, "1 history, " in said) == (1, True)
    assert (kinds(good), kinds(bad) != []) == ([], True)


def archived(tmp_path: Path) -> Project:
    old = ended(500)
    run("--older-than", "400d", "--to", str(tmp_path))
    return old


def test_a_snapshot_of_an_archived_project_says_where_its_history_goes_on_and_is_no_forgery(tmp_path: Path) -> None:
    old = archived(tmp_path)
    document = json.loads(json.dumps(snapshots.snapshot(project_id=old.pk)))

    imported = importing.import_snapshot(document=document, actor=system_actor())

    assert imported.history is not None
    assert (imported.history.ok, imported.history.sealed) == (True, 0)
    assert document["history_chain"]["after"] == document["history_chain"]["head"]
    assert imported.history.archived == document["history_chain"]["after"]["seq"] > 0


def test_what_comes_after_the_archive_is_checked_in_a_snapshot(tmp_path: Path) -> None:
    old = archived(tmp_path)
    history.append(old.pk, "project.noted", actor="olga", data={"text": "later"})
    seal_all()
    document = json.loads(json.dumps(snapshots.snapshot(project_id=old.pk)))
    assert importing.verify(document).sealed == 1  # type: ignore[union-attr]

    document["history"][0]["data"]["text"] = "forged"
    body = {name: value for name, value in document.items() if name not in ("format", "taken_at", "sha256")}
    with pytest.raises(SnapshotTampered, match="was changed"):
        importing.verify(document | {"sha256": digest_of(body)})


def test_importing_says_what_did_not_come_with_it(tmp_path: Path) -> None:
    old, file, out = archived(tmp_path), tmp_path / "snapshot.json", StringIO()
    call_command("snapshot_project", str(old.pk), "-o", str(file), stdout=StringIO())
    call_command("import_snapshot", str(file), stdout=out, stderr=StringIO())

    assert "0 events of its history are sealed and intact; " in out.getvalue()
    assert "before, which it says were archived, did not come with it." in out.getvalue()


def test_going_back_to_an_event_that_is_archived_says_so_and_a_checkpoint_can_be_gone_back_to(tmp_path: Path) -> None:
    old = ended(500)
    event = history.events_of(old.pk).order_by("id")[2].id
    run("--older-than", "400d", "--to", str(tmp_path))

    with pytest.raises(EventNotFound, match=rf"has no event {event}\. .* events of it were archived"):
        restoring.preview(project_id=old.pk, event=event)
    assert restoring.restore(project_id=old.pk, number=1, actor=system_actor()).preview.checkpoint == 1


@pytest.mark.parametrize("limit", [["--older-than", "old"], ["--before", "yesterday"], ["--before", "2026-13-01"]])
def test_a_limit_that_is_none_is_a_mistake_of_usage(limit: list[str]) -> None:
    with pytest.raises(Usage):
        run(*limit)


def test_without_a_limit_it_does_nothing() -> None:
    with pytest.raises((CommandError, Usage)):
        run()


def with_settings(monkeypatch: pytest.MonkeyPatch, folder: Path, days: int | None) -> None:
    from orchestrator_site.conf import conf

    changed = conf().model_copy(update={"history_retention_days": days, "history_archive_dir": folder})
    monkeypatch.setattr(retention, "conf", lambda: changed)


def test_once_a_day_beat_archives_as_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = ended(500)
    with_settings(monkeypatch, tmp_path, None)
    tasks.archive_history()
    assert kinds(old) != []

    with_settings(monkeypatch, tmp_path, 400)
    tasks.archive_history()
    assert kinds(old) == []
    assert len(list(tmp_path.iterdir())) == 1


def test_beat_has_it_once_a_day_and_not_where_recovery_waits_behind_it() -> None:
    from django.conf import settings

    entry = settings.CELERY_BEAT_SCHEDULE["archive history"]
    assert (entry["task"], entry["schedule"], entry["options"]["queue"]) == (
        tasks.archive_history.name,
        86_400,
        "cpu.low",
    )


def test_the_page_of_a_project_says_where_its_history_went(client: Any, tmp_path: Path) -> None:
    old = ended(500)
    run("--older-than", "400d", "--to", str(tmp_path))
    client.force_login(person("olga", may=["view_project"]))
    body = client.get(reverse("dashboard:project", args=[old.pk])).content.decode()

    assert "Archived" in body
    assert next(tmp_path.iterdir()).name in body


def test_a_project_that_is_brought_back_after_its_history_was_archived_goes_on(tmp_path: Path) -> None:
    project = drive(
        project_of(
            """
            phases:
              - {key: ask, steps: [{key: a, agent: echo}], gate: {approval: {title: Ok, content: {x: 1}}}}
              - {key: do, steps: [{key: b, agent: echo, params: {say: "${approvals.ask.x}"}}]}
            """
        )
    )
    from projects.models.approval import Verdict
    from projects.services import approvals

    approvals.decide(approval_id=open_approval(project).pk, user=approver(), verdict=Verdict.APPROVE, via="test")
    from projects.services.approved import _KNOWN, ApprovedContents

    _KNOWN.clear()
    drive(project)
    Project.objects.filter(pk=project.pk).update(finished_at=clock.now() - timedelta(days=500))
    run("--older-than", "400d", "--to", str(tmp_path))
    _KNOWN.clear()

    assert ApprovedContents(project.pk)["ask"] == {"x": 1}
    assert history.archives_of(uuid4()) == ()
