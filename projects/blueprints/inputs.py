from __future__ import annotations
from typing import Any
import jsonschema
from projects.blueprints.errors import FormInvalid, InputsInvalid

def validate_inputs(blueprint: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    out = dict(inputs)
    for k, v in (blueprint.inputs.get("properties") or {}).items():
        if "default" in v:
            out.setdefault(k, v["default"])
    errs = list(jsonschema.Draft202012Validator(blueprint.inputs).iter_errors(out))
    if errs:
        raise InputsInvalid("; ".join(e.message for e in errs))
    return out

def validate_form(schema: Any, content: Any) -> None:
    errs = list(jsonschema.Draft202012Validator(schema or {}).iter_errors(content))
    if errs:
        raise FormInvalid("; ".join(e.message for e in errs))
