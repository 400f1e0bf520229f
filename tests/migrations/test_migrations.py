"""Migrations: from nothing to the present and back again, and none that is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
OURS = ("projects", "agents", "access", "history")


@pytest.fixture
def empty_database(process_environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a process on a database with nothing in it."""
    name = "test_migrations"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name}")
    url = urlsplit(process_environment["DATABASE_URL"])
    yield process_environment | {"DATABASE_URL": urlunsplit(url._replace(path=f"/{name}"))}
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def manage(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.timeout(400)  # eight processes one after another, each of some seconds alone
@pytest.mark.django_db(transaction=True)
def test_migrations_lead_from_nothing_to_the_present_and_back(empty_database: dict[str, str]) -> None:
    manage(empty_database, "migrate", "-v", "0")
    for app in OURS:
        manage(empty_database, "migrate", app, "zero", "-v", "0")
    manage(empty_database, "migrate", "-v", "0")

    assert "[ ]" not in manage(empty_database, "showmigrations")


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    from django.core.management import call_command

    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
