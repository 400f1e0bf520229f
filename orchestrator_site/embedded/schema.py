"""Whether the database has the schema that this code expects, and bringing it there, one at a time."""

from __future__ import annotations

from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

# Any number that all processes of this product agree on, and no other product is likely to have chosen.
_LOCK = 7_274_283_001


def behind(database: str = "default") -> list[str]:
    """The migrations that the database still lacks, as ``app.name``, in their order."""
    executor = MigrationExecutor(connections[database])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _backwards in plan]


def migrate_under_lock(database: str = "default") -> list[str]:
    """Apply what is missing and name it. Whoever comes meanwhile waits, and then finds nothing left to do."""
    if not behind(database):
        return []
    # A connection of its own: migrations may close or poison theirs, and the lock must outlast them.
    holder = connections[database].copy(f"{database} migration lock")
    try:
        with holder.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            missing = behind(database)
            if missing:
                call_command("migrate", database=database, interactive=False, verbosity=0)
            return missing
    finally:
        holder.close()
