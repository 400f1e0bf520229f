"""The rights on history that the documentation tells an operator to grant: enough to work, not to tamper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.db.utils import IntegrityError, ProgrammingError

from orchestrator_site.history import services as history
from orchestrator_site.history.archiving import archive
from orchestrator_site.history.verifying import verify_stream
from tests.sealing import seal_everything

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "history.md"
ROLE = "phasegate_app"


@pytest.fixture(autouse=True)
def application_role(_django_db_helper: None) -> Iterator[None]:
    """A role with what the page says, taken on by this connection."""
    [grants] = re.findall(r"```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user")
        if not cursor.fetchone()[0]:
            pytest.skip("this database's user may make no roles")
        cursor.execute(f"CREATE ROLE {ROLE}; GRANT {ROLE} TO current_user;" + grants)
        cursor.execute(f"SET ROLE {ROLE}")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"RESET ROLE; DROP OWNED BY {ROLE}; DROP ROLE {ROLE}")


def test_they_are_enough_to_append_seal_and_verify() -> None:
    mine = uuid4()
    history.append(mine, "project.created", actor="system")

    assert seal_everything() == 1
    history.append(mine, "project.started", actor="system")
    assert seal_everything() == 1
    assert verify_stream(mine).sealed == 2


def test_with_the_right_to_archive_they_are_enough_for_that_too(tmp_path: Path) -> None:
    [grant] = re.findall(r"^    (GRANT EXECUTE .*;)$", PAGE.read_text(encoding="utf-8"), re.M)
    with connection.cursor() as cursor:
        cursor.execute(f"RESET ROLE; {grant} SET ROLE {ROLE}")
    mine = uuid4()
    history.append(mine, "project.created", actor="system")
    seal_everything()

    assert archive(mine, folder=tmp_path, actor="system").events == 1
    assert verify_stream(mine).archived == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE history_event SET actor = 'user:mallory'",
        "DELETE FROM history_event",
        "TRUNCATE history_event",
        "UPDATE history_seal SET seq = seq + 1",
        "DELETE FROM history_seal",
        "DELETE FROM history_head",
        "ALTER TABLE history_event DISABLE TRIGGER USER",
        "DROP TRIGGER history_event_is_append_only ON history_event",
        "SET session_replication_role = replica",
        "INSERT INTO history_archive DEFAULT VALUES",
        "DELETE FROM history_archive",
        "SELECT history_put_away(gen_random_uuid(), 1, 1, '', '', 'f', '', 1, 'a')",
    ],
)
def test_they_are_not_enough_to_tamper(statement: str) -> None:
    with pytest.raises((ProgrammingError, IntegrityError)), connection.cursor() as cursor:
        cursor.execute(statement)
