from __future__ import annotations
from pathlib import Path
from projects.blueprints.load import Loaded, load_file

def load_catalogue() -> dict[str, Loaded]:
    out = {}
    for p in sorted((Path(__file__).parent / "catalogue").glob("*.yaml")):
        try:
            l = load_file(p)
        except Exception:
            continue
        out[l.blueprint.name] = l
    return out
