"""``swarm``: let a swarm live, or search a test function, and draw what it did."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.swarm import runs

_USAGE = 2


class Command(BaseCommand):
    """Run, draw, tell."""

    help = "Let a swarm of agents live by a behaviour, or search a test function by an algorithm, and draw what it did."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """As in docs/how-to/swarm.md."""
        parser.add_argument("behaviour", choices=runs.KNOWN, metavar="BEHAVIOUR", help=", ".join(runs.KNOWN))
        parser.add_argument("--agents", type=int, default=200, metavar="N", help="how many; default: 200")
        parser.add_argument("--steps", type=int, default=300, metavar="N", help="steps or generations; default: 300")
        parser.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed, the same run; default: 0")
        parser.add_argument(
            "--function", choices=runs.FUNCTION_NAMES, default="rastrigin", help="what to search; default: rastrigin"
        )
        parser.add_argument("--variables", type=int, default=2, metavar="D", help="of the function; default: 2")
        parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="draw the run into this SVG file")
        parser.add_argument("--still", action="store_true", help="draw the end only, as a picture that stands")
        parser.add_argument("--json", action="store_true", help="one JSON document on standard output")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run it, write the picture, tell."""
        began = time.perf_counter()
        run = runs.run_of(
            options["behaviour"],
            agents=options["agents"],
            steps=options["steps"],
            seed=options["seed"],
            function=options["function"],
            variables=options["variables"],
        )
        told = {**run.told, "seconds": round(time.perf_counter() - began, 3)}
        if options["output"] is not None:
            _written(options["output"], run.picture(still=options["still"]))
            told["picture"] = str(options["output"])
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else "\n".join(_lines(told)))


def _written(path: Path, picture: str) -> None:
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.", returncode=_USAGE) from None


def _lines(told: Mapping[str, Any], before: str = "") -> list[str]:
    lines = []
    for name, value in told.items():
        if isinstance(value, Mapping):
            lines += _lines(value, f"{before}{name}.")
        elif not isinstance(value, list):
            lines.append(f"{before}{name}: {value:.4g}" if isinstance(value, float) else f"{before}{name}: {value}")
    return lines
