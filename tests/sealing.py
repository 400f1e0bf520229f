"""Sealing for tests, which wait for their seals."""

from __future__ import annotations

import time

from django.db import connection

from orchestrator_site.history.sealing import seal_all


def nothing_older_runs(seconds: float = 10.0) -> None:
    """Wait until every transaction of the cluster that has begun to write is over.

    The sealer stops before the oldest one that is not, whatever it does and in whichever database: an ANALYZE of
    autovacuum is enough. What was written before this returns, the next call of the sealer reaches.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        [mine] = cursor.fetchone()
        until = time.monotonic() + seconds
        while True:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            [oldest] = cursor.fetchone()
            if oldest > mine:
                return
            assert time.monotonic() < until, f"transaction {oldest} is not over, and nothing from there on is sealed"
            time.sleep(0.01)


def seal_everything() -> int:
    """Seal all that was written until now; how many events it were."""
    nothing_older_runs()
    return seal_all()
