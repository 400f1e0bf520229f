"""JSON whose keys keep their order: PostgreSQL's ``json``, where ``jsonb`` sorts them.

For what people wrote in an order that means something, such as the fields of a form; it cannot be searched inside.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.json import Json


class OrderedJSONField(models.JSONField):
    """A ``JSONField`` in a column of type ``json``."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """The type of the column."""
        return "json"

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        """Hand it over as ``json``: as ``jsonb`` it would lose its order on the way."""
        return None if value is None else Json(value)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        """The driver reads ``json`` itself."""
        return json.loads(value) if isinstance(value, str) else value
