"""Writing a blueprint as YAML that loads to the same blueprint."""

from __future__ import annotations

import re
from typing import Any

import yaml

from projects.blueprints.schema import Blueprint


class _Dumper(yaml.SafeDumper):
    """Puts between quotes whatever any YAML would read as something else than text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# YAML 1.1, which the writer knows, has no number like 1e3; the loader has.
_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9.]+([eE][-+]?[0-9]+)?$"), list("-+.0123456789")
)


def dump_text(blueprint: Blueprint) -> str:
    """The blueprint whole, the defaults written out in each step."""
    return yaml.dump(blueprint.model_dump(mode="json"), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
