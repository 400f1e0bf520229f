from __future__ import annotations
import hashlib, json
from dataclasses import dataclass
from pathlib import Path
import yaml
from projects.blueprints.schema import Blueprint

@dataclass(frozen=True)
class Loaded:
    blueprint: Blueprint
    digest: str
    source: str

def load_text(source: str, *, origin: str = "<text>") -> Loaded:
    raw = yaml.safe_load(source)
    d = raw.get("defaults") or {}
    for ph in raw["phases"]:
        for s in ph["steps"]:
            for k in ("retry", "timeout", "queue"):
                if k in d and k not in s:
                    s[k] = d[k]
    b = Blueprint.model_validate(raw)
    return Loaded(b, hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest(), source)

def load_file(path: Path) -> Loaded:
    return load_text(path.read_text(), origin=str(path))
