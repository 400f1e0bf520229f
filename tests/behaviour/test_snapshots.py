"""Snapshots: of the shape that their schema says, verified when imported, refused by name, and looked at."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from orchestrator_site.access.actors import system_actor
from orchestrator_site.digests import digest_of
from projects.errors import SnapshotFormatUnknown, SnapshotNotFound, SnapshotRefused, SnapshotTampered
from projects.models import Approval, ImportedSnapshot, Project
from projects.models.approval import Verdict
from projects.services import approvals, checkpoints, control, importing, restoring, snapshots
from tests.builders import agent_that, approver, drive, open_approval, project_of
from tests.sealing import seal_everything

pytestmark = pytest.mark.django_db(transaction=True)

WHOLE = """
documents: {max: 1}
phases:
  - key: one
    steps:
      - {key: a, agent: says, params: {say: [1.5, "ü", 100000000000000000000]}}
      - {key: l, agent: says, needs: [a], for_each: "[1, 2]"}
      - {key: f, agent: breaks, on_failure: continue, retry: {max_attempts: 1}}
    gate:
      quality: [{name: fine, check: "size(results.l) == 2", otherwise: review}]
      approval: {title: Fine?, on_reject: rework}
  - key: two
    steps: [{key: b, agent: says}]
"""


@pytest.fixture(autouse=True)
def agents() -> None:
    agent_that(lambda context: context.params.get("say"), "says")
    agent_that(lambda context: 1 / 0, "breaks")


@pytest.fixture
def project() -> Project:
    """One to which most of what there is has happened: rework, a failure, a pause, a restore, a document."""
    project = drive(project_of(WHOLE, documents=[("note.txt", b"The client shall pay.")]))
    say(project, Verdict.REJECT, "longer")
    say(project, Verdict.APPROVE, "fine")
    control_and_back(project)
    return drive(project)


def say(project: Project, verdict: Verdict, comment: str) -> None:
    who = approver(f"a{Approval.objects.count()}")
    approvals.decide(approval_id=open_approval(project).pk, user=who, verdict=verdict, comment=comment, via="test")
    drive(project)


def control_and_back(project: Project) -> None:
    checkpoints.request(project_id=project.pk, actor=system_actor(), label="here")
    restoring.restore(project_id=project.pk, actor=system_actor(), number=1)
    control.pause(project_id=project.pk, actor=system_actor())
    control.resume(project_id=project.pk, actor=system_actor())


def taken(project: Project, **options: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(json.dumps(snapshots.snapshot(project_id=project.pk, **options)))
    return document


def resealed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with its digest made anew, as a forger would."""
    body = {name: value for name, value in document.items() if name not in ("format", "taken_at", "sha256")}
    return document | {"sha256": digest_of(body)}


def imported(document: Any) -> importing.Imported:
    return importing.import_snapshot(document=document, actor=system_actor())


def test_the_schema_is_a_schema_and_real_snapshots_fit_it(project: Project) -> None:
    Draft202012Validator.check_schema(importing.schema())
    pending = project_of(WHOLE, started=False)
    for each in (taken(project), taken(project, with_documents=True), taken(pending), taken(drive(pending))):
        mistakes = [f"{e.json_path}: {e.message}" for e in Draft202012Validator(importing.schema()).iter_errors(each)]
        assert mistakes == []


def test_the_schema_asks_for_every_part_that_there_is(project: Project) -> None:
    """What is not in the schema is not promised: a new part of snapshots is to be described there."""
    assert set(taken(project)) == set(importing.schema()["properties"])


def test_a_snapshot_is_imported_once_however_often_it_comes(project: Project) -> None:
    document = taken(project)

    first, second = imported(document), imported(json.dumps(document, indent=1).encode())

    assert (first.is_new, second.is_new) == (True, False)
    assert first.snapshot == second.snapshot
    kept = ImportedSnapshot.objects.get()
    assert (kept.project_id, kept.title, kept.sha256) == (project.pk, "Under test", document["sha256"])
    assert importing.read(kept) == document


def test_the_sealed_part_of_its_history_is_checked(project: Project) -> None:
    unsealed = imported(taken(project)).history
    seal_everything()
    sealed = imported(taken(project)).history

    assert unsealed is not None
    assert sealed is not None
    assert (unsealed.sealed, sealed.unsealed) == (0, 0)
    assert sealed.sealed == unsealed.unsealed > 30
    bare = taken(project)
    del bare["history_chain"]
    assert imported(resealed(bare)).history is None


FORGERIES: dict[str, Any] = {
    "a result": lambda d: d["steps"][0].update(result="forged"),
    "a decision": lambda d: d["decisions"][0].update(verdict="approve"),
    "an event's data": lambda d: d["history"][3]["data"].update(reason="forged"),
    "an event's actor": lambda d: d["history"][3].update(actor="user:olga"),
    "an event's time": lambda d: d["history"][3].update(at="2020-01-01T00:00:00+00:00"),
    "an event": lambda d: d["history"].pop(3),
    "the end of the history": lambda d: (d["history"].pop(), d["history_chain"]["seals"].pop()),
}


@pytest.mark.parametrize("what", sorted(FORGERIES))
def test_a_snapshot_that_was_changed_is_refused(project: Project, what: str) -> None:
    seal_everything()
    forged = copy.deepcopy(taken(project))
    FORGERIES[what](forged)

    with pytest.raises(SnapshotTampered, match="SHA-256 of its body"):
        imported(forged)
    if "event" in what or "history" in what:  # a digest made anew does not help: the chain tells
        with pytest.raises(SnapshotTampered, match="history of the snapshot"):
            imported(resealed(forged))
    assert not ImportedSnapshot.objects.exists()


@pytest.mark.parametrize(
    ("document", "refusal", "why"),
    [
        ("{", SnapshotRefused, "line 1"),
        ("[]", SnapshotRefused, "does not say"),
        ("{}", SnapshotRefused, "does not say"),
        (b"\xff\xfe", SnapshotRefused, "UTF-8"),
        ('{"format": "phasegate.snapshot/1", "format": 2}', SnapshotRefused, "twice"),
        ('{"format": Infinity}', SnapshotRefused, "Infinity is no JSON"),
        ('{"format": "phasegate.history/1"}', SnapshotFormatUnknown, "phasegate.history/1"),
        ('{"format": {"a": 1}}', SnapshotFormatUnknown, "this version knows"),
        ('{"format": "phasegate.snapshot/1"}', SnapshotRefused, "'taken_at' is a required property"),
        ("[" * 100_000 + "]" * 100_000, SnapshotRefused, "snapshot"),
    ],
)
def test_what_is_no_snapshot_is_refused_with_the_reason(document: Any, refusal: type[Exception], why: str) -> None:
    with pytest.raises(refusal, match=why):
        imported(document)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d["project"].update(id="../x"), "project.id"),
        (lambda d: d["project"].update(title="a\0b"), "zero byte"),
        (lambda d: d.update(taken_at="2026-13-45T00:00:00Z"), "taken_at"),
        (lambda d: d["steps"][0].update(state="done"), r"steps\[0\].state"),
        (lambda d: d["project"].update(title="\ud800"), "Unicode"),
    ],
)
def test_a_wrong_value_is_named_by_its_place(project: Project, change: Any, why: str) -> None:
    document = taken(project)
    change(document)

    with pytest.raises(SnapshotRefused, match=why):
        imported(document)


def test_a_kept_snapshot_that_was_changed_is_not_shown(project: Project) -> None:
    kept = imported(taken(project)).snapshot
    other = imported(taken(drive(project_of(WHOLE)))).snapshot
    ImportedSnapshot.objects.filter(pk=kept.pk).update(content=other.content)
    kept.refresh_from_db()

    with pytest.raises(SnapshotTampered, match="another"):
        importing.read(kept)
    ImportedSnapshot.objects.filter(pk=kept.pk).update(content=b"rubbish")
    kept.refresh_from_db()
    with pytest.raises(SnapshotTampered):
        importing.read(kept)
    with pytest.raises(SnapshotNotFound):
        importing.find_imported(snapshot_id=project.pk)
