"""What a person gives on the command line: inputs, files, documents, ids."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from orchestrator_site.commanding.output import Usage
from orchestrator_site.errors import InvalidInput
from projects.blueprints.catalogue import load_catalogue
from projects.errors import BlueprintNotFound, DocumentRefused
from projects.models import BlueprintVersion
from projects.services.intake import Given, from_path
from projects.services.registration import find_blueprint

_LARGEST_INPUTS = 1_048_576  # bytes


class InputsFileUnreadable(InvalidInput):
    """The file of inputs cannot be read."""

    code = "inputs_file_unreadable"


class OutputUnwritable(InvalidInput):
    """The file cannot be written."""

    code = "output_unwritable"


def blueprint_named(name: str) -> BlueprintVersion:
    """The blueprint to start. Raises ``BlueprintNotFound``, with the name that was probably meant."""
    try:
        return find_blueprint(name)
    except BlueprintNotFound as error:
        known = {*load_catalogue(), *BlueprintVersion.objects.values_list("name", flat=True)}
        meant = get_close_matches(name.partition("@")[0], known, n=1)
        if not meant:
            raise
        raise BlueprintNotFound(f"{error.message} Did you mean {meant[0]!r}?", meant=meant[0]) from None


def inputs_of(pairs: Sequence[str], file: str | None, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The file's inputs, under those of ``--input k=v``. Raises ``Usage``, ``InputsFileUnreadable``."""
    inputs = _from_file(Path(file)) if file is not None else {}
    return inputs | pairs_of(pairs, schema, option="--input")


def pairs_of(pairs: Sequence[str], schema: Mapping[str, Any], *, option: str) -> dict[str, Any]:
    """``k=v`` pairs by the schema of what they are for. Raises ``Usage``."""
    properties = schema.get("properties") or {}
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise Usage(f"{option} {pair!r}: write it as {option} NAME=VALUE.")
        found[name.strip()] = _value(value, properties.get(name.strip()) or {})
    return found


def budgets_of(pairs: Sequence[str]) -> dict[str, dict[str, float]]:
    """``cost=5:10`` as soft and hard limit, ``cost=5:`` as soft one, ``cost=10`` as hard one. Raises ``Usage``."""
    found: dict[str, dict[str, float]] = {}
    for pair in pairs:
        name, equals, limits = pair.partition("=")
        soft, colon, hard = limits.partition(":")
        said = {"soft": soft, "hard": hard} if colon else {"hard": soft}
        try:
            numbers = {limit: float(text) for limit, text in said.items() if text.strip()}
        except ValueError:
            numbers = {}
        if not equals or not numbers or not all(map(math.isfinite, numbers.values())):
            raise Usage(f"--budget {pair!r}: write it as --budget cost=5:10, soft and hard limit, or cost=10, hard.")
        found[name.strip()] = numbers
    return found


def _value(text: str, schema: Mapping[str, Any]) -> Any:
    """Text where the schema wants text, else what JSON makes of it, else text."""
    wanted = schema.get("type")
    if wanted == "string" or (isinstance(wanted, list) and "string" in wanted):
        return text
    try:
        return json.loads(text, parse_constant=_no_number)
    except ValueError:
        return text


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def object_of(text: str, *, option: str) -> dict[str, Any]:
    """The object that an option's text of YAML or JSON holds. Raises ``Usage``."""
    try:
        value = _yaml(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, RecursionError, yaml.YAMLError):
        value = None
    if not isinstance(value, dict):
        raise Usage(f"{option} {text[:60]!r}: write it as {option} '{{name: value}}'.")
    return value


def _from_file(path: Path) -> dict[str, Any]:
    inputs = value_of(path)
    if not isinstance(inputs, dict):
        raise InputsFileUnreadable(f"{path} must hold names and values, not {_kind(inputs)}.")
    return inputs


def value_of(path: Path) -> Any:
    """The plain value of a file of JSON or YAML. Raises ``InputsFileUnreadable``."""
    text = text_of(path)
    try:
        value = json.loads(text, parse_constant=_no_number) if path.suffix == ".json" else _yaml(text)
        json.dumps(value, allow_nan=False)
    except yaml.MarkedYAMLError as error:
        where = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputsFileUnreadable(f"{path}{where}: {error.problem or 'this is no YAML'}.") from None
    except json.JSONDecodeError as error:
        raise InputsFileUnreadable(f"{path}:{error.lineno}: {error.msg}.") from None
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise InputsFileUnreadable(
            f"{path} cannot be taken: {error}. Give plain values, and put dates in quotes."
        ) from None
    return value


def text_of(path: Path) -> str:
    """The text of a file of JSON or YAML. Raises ``InputsFileUnreadable``."""
    if path.suffix not in (".json", ".yaml", ".yml"):
        raise InputsFileUnreadable(f"{path} must end in .json, .yaml or .yml, so that it is known what it holds.")
    try:
        if path.stat().st_size > _LARGEST_INPUTS:
            raise InputsFileUnreadable(f"{path} is larger than 1 MiB: give large things as documents.")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputsFileUnreadable(f"There is no file {path}.") from None
    except OSError as error:
        raise InputsFileUnreadable(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputsFileUnreadable(f"{path} is no text in UTF-8.") from None


def _yaml(text: str) -> Any:
    """Aliases may fold a gigabyte into a few lines, and inputs have no need of them: they are refused."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"the alias *{event.anchor} is not taken here")
    return yaml.safe_load(text)


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(value), f"a {type(value).__name__}")


def document_at(path: Path) -> Given:
    """A document from a file. Raises ``DocumentRefused``."""
    try:
        return from_path(path)
    except IsADirectoryError:
        raise DocumentRefused(f"{path} is a folder: name one file for each --document.") from None


def write_file(name: str, content: str) -> Path:
    """Write a file whole or not at all. Raises ``OutputUnwritable``."""
    path = Path(name)
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(content, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputUnwritable(f"{path} cannot be written: {error.strerror}.") from None
    return path
