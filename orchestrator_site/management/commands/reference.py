"""``manage.py reference [--check]``: the pages of documentation that are made from the code."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from orchestrator_site.conf import BASE_DIR, Conf
from projects.states import MACHINES

NOTE = "<!-- Made by `make docs` from the code. Change it there. -->"


def settings_page() -> str:
    """Every setting, with the sentence that says its default."""
    described = [(name, field.description) for name, field in Conf.model_fields.items() if field.description]
    rows = [f"| `{_variable(name)}` | {description} |" for name, description in described]
    return "\n".join(
        [
            "# Settings",
            NOTE,
            "",
            "Read from the environment, checked at the start; all mistakes are told at once.",
            "",
            "| variable | what it does |",
            "| --- | --- |",
            *rows,
            "",
        ]
    )


def states_page() -> str:
    """The states of everything that has some, and what may follow what."""
    parts = ["# States", NOTE, ""]
    for machine in MACHINES:
        parts += [f"## {machine.name.capitalize()}", "", "| state | meaning |", "| --- | --- |"]
        parts += [f"| {state} | {state.meaning} |" for state in machine.table]
        parts += ["", "```mermaid", machine.mermaid(), "```", ""]
    return "\n".join(parts)


def pages() -> Mapping[Path, str]:
    """Each page that is made, with its text."""
    folder = BASE_DIR / "docs" / "reference"
    return {folder / "settings.md": settings_page(), folder / "states.md": states_page()}


def stale() -> list[Path]:
    """Pages that are not what the code says."""
    return [path for path, text in pages().items() if not path.is_file() or path.read_text() != text]


def _variable(name: str) -> str:
    plain = name.upper()
    return plain if plain in {"DATABASE_URL", "BROKER_URL", "RESULT_URL", "CACHE_URL"} else f"PHASEGATE_{plain}"


class Command(BaseCommand):
    """Write the pages, or say which are stale."""

    help = "Write the reference pages that are made from the code; --check says which are stale, and changes nothing."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true")

    def handle(self, *_: Any, check: bool = False, **__: Any) -> None:
        if check:
            for path in (old := stale()):
                self.stderr.write(f"{path.relative_to(BASE_DIR)} is stale: make docs")
            sys.exit(1 if old else 0)
        for path, text in pages().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            self.stdout.write(f"{path.relative_to(BASE_DIR)}")
