"""A session with PostgreSQL: when it is gone, and how long a statement waits for a row that another holds."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from django.db import InterfaceError, OperationalError, connection
from psycopg.errors import IdleInTransactionSessionTimeout, LockNotAvailable
from psycopg.pq import TransactionStatus

from orchestrator_site.conf import conf

PATIENCE = 1.0
"""Seconds for which those wait for a row who have others to look after."""


def is_away(error: BaseException) -> bool:
    """Whether an error says that the database went away, or with this session only: it may be asked again."""
    ended = isinstance(error.__cause__, IdleInTransactionSessionTimeout)  # which the driver takes for a mistake of ours
    return ended or isinstance(error, OperationalError | InterfaceError)


def is_held(error: BaseException) -> bool:
    """Whether an error says that another held a row for longer than this session waits."""
    return isinstance(error.__cause__, LockNotAvailable)


def close_if_cut() -> None:
    """Close this thread's connection if the server has closed it meanwhile, so that the next statement opens another.

    Without a trip to the server: of a connection on which nothing was asked, nothing is to be read but its goodbye.
    """
    driver = connection.connection
    if driver is not None and (driver.closed or select.select([driver.fileno()], [], [], 0)[0]):
        connection.close()


def end_statement() -> bool:
    """Have the server end the statement that this thread waits for, which then raises; False where it waits for none.

    May be called by the handler of a signal.
    """
    driver = connection.connection
    if driver is None or driver.closed or driver.pgconn.transaction_status != TransactionStatus.ACTIVE:
        return False
    with suppress(psycopg.Error):
        driver.cancel_safe(timeout=PATIENCE)
    return True


def close_if_unsound() -> str:
    """Close this thread's connection if somebody left it in a state in which what is written next would not be kept, or
    could not be asked; in which, or nothing. What they had begun by it is rolled back."""
    driver = connection.connection
    if driver is None or driver.closed:
        return ""
    if (status := driver.pgconn.transaction_status) == TransactionStatus.IDLE and connection.autocommit:
        return ""
    if status == TransactionStatus.ACTIVE:  # raised in the middle of a statement
        end_statement()
        found = "a statement under way"
    elif connection.in_atomic_block:  # somebody's around this, who ends it
        return ""
    else:
        found = "autocommit off" if status == TransactionStatus.IDLE else "a transaction open"
    connection.close()
    return found


@contextmanager
def patience(seconds: float = PATIENCE) -> Iterator[None]:
    """Wait for no row longer than so; a statement that would raises an error that ``is_held``.

    For those who look after many things, of which none may hold up the others. Not where sessions are pooled away: what
    a session is told would be heard by others.
    """
    if conf().pooled_sessions:
        yield
        return
    before = _wait_at_most(f"{round(seconds * 1000)}ms")
    session = connection.connection
    try:
        yield
    finally:
        if session is not None and session is connection.connection and not session.closed:
            _wait_at_most(before)


def _wait_at_most(long: str) -> str:
    """Have this session wait for a row no longer; how long it did before."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, false)", [long])
        before: str = cursor.fetchone()[0]
    return before
