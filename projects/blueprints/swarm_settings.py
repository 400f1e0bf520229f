"""What a step of kind ``swarm`` says in ``swarm``: settings of a search, in which some numbers may be templates.

They are kept as they are written, and are read as a ``SwarmSpec`` twice: at load without the templates, so that what is
wrong is told with its line, and when the search begins with what the templates gave.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from agents.swarm.errors import SwarmSettingsRefused
from agents.swarm.optimising import SwarmSpec, spec_of
from projects.blueprints.paths import Place
from projects.blueprints.templates import render

TEMPLATED = ("seed", "population", "generations", "target", "patience", "tolerance", "bounds")
"""Settings that may be templates, beside the ``params`` of the objective."""
MOST_CHUNKS = 100_000
"""Pieces of work in a search: each is a step with its attempt and its events."""
MOST_NUMBERS = 1_000_000
"""Candidates times variables: the state of a search, some times as large, is written after each generation."""

Settings = Mapping[str, Any]


class WrittenAsSwarm:
    """Has a mapping described as the settings that it holds, in the JSON Schema of the language."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of ``SwarmSpec``, in one piece, with templates where they may stand."""
        schema = SwarmSpec.model_json_schema()
        shown: JsonSchemaValue = _in_one_piece(schema, schema.pop("$defs", {}))
        for name in TEMPLATED:
            setting = shown["properties"][name]
            shown["properties"][name] = {"anyOf": [setting, {"type": "string", "pattern": r"\$\{"}]}
        bounds = shown["properties"]["bounds"]["anyOf"]
        bounds.insert(1, {"type": "object", "minProperties": 1, "additionalProperties": {"type": "array"}})
        return shown


def templates_in(said: Settings) -> Iterator[tuple[Place, Any]]:
    """The parts that may hold templates, each with its place."""
    for name in TEMPLATED:
        if name in said:
            yield (name,), said[name]
    if isinstance(objective := said.get("objective"), Mapping) and "params" in objective:
        yield ("objective", "params"), objective["params"]


def evaluated(said: Settings, context: Mapping[str, Any]) -> SwarmSpec:
    """The settings of the search, with what its templates give now.

    Raises ``ExpressionFailed``; ``SwarmSettingsRefused`` where what they give cannot be searched, or is too much.
    """
    settings = dict(said)
    for (name, *below), template in templates_in(said):
        value = render(template, context)
        settings[str(name)] = {**settings[str(name)], str(below[0]): value} if below else value
    spec = spec_of(settings)
    if refusal := excess(spec):
        raise SwarmSettingsRefused(f"The swarm cannot be run: {refusal}.")
    return spec


def mistakes(said: Settings) -> tuple[SwarmSpec | None, list[tuple[Place, Mapping[str, Any]]]]:
    """The settings as far as they are known before anything has run, and what pydantic finds wrong with them.

    A setting that is a template counts as its default, a bound with one as a bound from 0 to 1.
    """
    try:
        return SwarmSpec.model_validate(_without_templates(said)), []
    except ValidationError as error:
        return None, [(_place(said, one["loc"]), dict(one)) for one in error.errors(include_url=False)]


def excess(spec: SwarmSpec) -> str:
    """Why a search is too large for a step; empty where it is not."""
    chunks = -(-spec.population // spec.chunk_size) * spec.generations
    if chunks > MOST_CHUNKS:
        return (
            f"{spec.generations:,} generations of {spec.population:,} candidates, {spec.chunk_size:,} to a chunk, are "
            f"{chunks:,} pieces of work, and at most {MOST_CHUNKS:,} are run; raise chunk_size"
        )
    if spec.population * spec.dimensions > MOST_NUMBERS:
        return (
            f"{spec.population:,} candidates of {spec.dimensions:,} variables are more than {MOST_NUMBERS:,} numbers "
            "to be kept after each generation"
        )
    return ""


def _without_templates(said: Settings) -> dict[str, Any]:
    plain = {name: value for name, value in said.items() if name not in TEMPLATED or not _is_template(value)}
    if "bounds" in said:
        bounds = said["bounds"]
        if isinstance(bounds, Mapping):
            plain["bounds"] = {name: _plain_bound(bound) for name, bound in bounds.items()}
        else:
            plain["bounds"] = [_plain_bound(each) for each in bounds] if isinstance(bounds, list | tuple) else bounds
        if _is_template(bounds):
            plain |= {"bounds": [[0.0, 1.0]] * max(1, len(said.get("names") or ()))}
    return plain


def _plain_bound(bound: Any) -> Any:
    several = isinstance(bound, list | tuple)
    return [0.0, 1.0] if _is_template(bound) or (several and any(map(_is_template, bound))) else bound


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and "${" in value


def _place(said: Settings, loc: tuple[int | str, ...]) -> Place:
    """Where it was written: bounds by name are put into order before they are looked at."""
    if loc[:1] == ("bounds",) and len(loc) > 1 and isinstance(bounds := said.get("bounds"), Mapping):
        return ("bounds", sorted(map(str, bounds))[int(loc[1])], *loc[2:])
    return tuple(loc)


def _in_one_piece(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema with its references put in where they stand; none of them refers to itself."""
    if isinstance(schema, list):
        return [_in_one_piece(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if (reference := schema.get("$ref")) is not None:
        whole = definitions[reference.rpartition("/")[2]] | {k: v for k, v in schema.items() if k != "$ref"}
        return _in_one_piece(whole, definitions)
    return {name: _in_one_piece(each, definitions) for name, each in schema.items()}
