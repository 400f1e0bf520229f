"""The JSON Schema of the YAML, for editors that complete and check while one writes."""

from __future__ import annotations

from typing import Any

from projects.blueprints.json_values import DIALECT
from projects.blueprints.schema import Blueprint


def blueprint_json_schema() -> dict[str, Any]:
    """A JSON Schema 2020-12 that accepts what the loader accepts, and more: it knows no references and no cycles."""
    schema = Blueprint.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT, **schema, "title": "Phasegate blueprint"}
