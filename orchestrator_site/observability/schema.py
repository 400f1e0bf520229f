"""Whether the database has every migration that this code comes with."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

from django.db.migrations.loader import MigrationLoader

Name = tuple[str, str]

# What MigrationRecorder keeps; read by hand, since its own way opens a connection without a time limit.
APPLIED = "SELECT app, name FROM django_migrations"


@functools.cache
def expected() -> Mapping[Name, frozenset[Name]]:
    """The migrations of this code, each with those that it replaces; read from disk once a process."""
    loader = MigrationLoader(None)
    return {name: frozenset(migration.replaces) for name, migration in loader.disk_migrations.items()}


def missing(applied: Iterable[Name]) -> list[str]:
    """What the database lacks, by name. A squashed migration counts where all that it replaces does."""
    there = set(applied)
    return sorted(
        f"{app}.{name}"
        for (app, name), replaces in expected().items()
        if (app, name) not in there and not (replaces and replaces <= there)
    )
