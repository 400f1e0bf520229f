"""What PostgreSQL knows of a row's writing and Django has no name for: its transaction, the very moment."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func


class TransactionIdField(models.Field[int, int]):
    """A transaction number of 64 bits (``xid8``), which never wraps around; an ``int`` in Python."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """The type of the column."""
        return "xid8"

    def get_prep_value(self, value: Any) -> Any:
        """``xid8`` has no cast from bigint: it goes over as text."""
        return value if value is None or hasattr(value, "resolve_expression") else str(value)

    def get_placeholder(self, value: Any, compiler: Any, connection: BaseDatabaseWrapper) -> str:
        """Say the type, which the server cannot guess in a comparison."""
        return "%s::xid8" if not hasattr(value, "as_sql") else "%s"

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> int | None:
        """The driver gives text."""
        return None if value is None else int(value)


class ClockTimestamp(Func):
    """The moment at which the row is written; ``now()`` would be the start of its transaction."""

    function = "clock_timestamp"
    arity = 0
    output_field = models.DateTimeField()


class CurrentTransaction(Func):
    """The number of the transaction that writes the row."""

    function = "pg_current_xact_id"
    arity = 0
    output_field = TransactionIdField()
