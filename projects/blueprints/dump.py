"""Writing a blueprint as YAML that loads to the same blueprint."""

from __future__ import annotations

import re
from typing import Any

import yaml

from projects.blueprints.schema import Blueprint

_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")


class _Dumper(yaml.SafeDumper):
    """Puts between quotes whatever any YAML would read as something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Rare line breaks are read as spaces unless they are written as escapes, which double quotes alone have."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _BREAKS.search(text) else None)


_Dumper.add_representer(str, _text)
# YAML 1.1, which the writer knows, has no number like 1e3; the loader has.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$"), list("-+.0123456789")
)


def dump_text(blueprint: Blueprint) -> str:
    """The blueprint whole, the defaults written out in each step."""
    return yaml.dump(blueprint.model_dump(mode="json"), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
