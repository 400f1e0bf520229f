"""Previews on the command line: told as lines, confirmed by a word on a terminal or by their digest elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.commanding.output import PhasegateCommand, Usage
from orchestrator_site.showing.visible import one_line
from projects.planning.liveplan import Difference
from projects.reports.columns import WIDTH, row_lines
from projects.services.previews import Preview

_LONGEST = 240  # characters of a value; the rest is in --json


def add_confirmation(parser: CommandParser) -> None:
    """The options of a command that shows before it does."""
    parser.add_argument("--preview", action="store_true", help="show what it would do, with its digest; do nothing")
    parser.add_argument("--digest", metavar="DIGEST", help="do it only if the preview would still be the same")


def preview_lines(preview: Preview) -> list[str]:
    """What a control would do, as an operator wants to see it."""
    lines = [f"{preview.control} {preview.step}".strip()]
    for each in preview.difference:
        lines += _row(f"{each.step}", _told(each))
    if preview.plan_after is not None:
        lines += _row("Plan", f"{preview.plan_before} becomes {preview.plan_after}")
    facts = (
        ("Not done", ", ".join(preview.voided) if preview.control == "cancel" else ""),
        ("Running", ", ".join(preview.running)),
        ("Lapses", ", ".join(f"{each.title!r}" for each in preview.lapsing)),
        ("Stays done", ", ".join(f"{each.step} ({each.attempts} by {each.agent})" for each in preview.effects)),
        ("Spent", _spent(preview)),
        ("Project", "runs again" if preview.revives_project else ""),
        ("Also failed", ", ".join(preview.still_failed)),
        ("Asks first", preview.asks),
        *(("Mind", warning) for warning in preview.warnings),
        ("Digest", preview.digest),
    )
    return lines + [line for name, value in facts if value for line in _row(name, value)]


def confirmed(command: PhasegateCommand, preview: Preview, options: Mapping[str, Any]) -> bool:
    """Whether a person on a terminal says yes to what they are shown. Raises ``Usage`` where nobody can be asked."""
    if options["json"] or not sys.stdin.isatty():
        raise Usage("Say --yes, or --digest DIGEST of a preview that you have looked at (--preview shows one).")
    for line in preview_lines(preview):
        command.note(line)
    command.stderr.write("Do it? [y/N] ", ending="")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _row(name: str, value: str) -> list[str]:
    return row_lines((name, one_line(value)), (18, WIDTH - 20))


def _told(line: Difference) -> str:
    if line.before is None or line.after is None:
        return f"{line.change}: {_short(line.after if line.before is None else line.before)}"
    names = dict.fromkeys([*line.before, *line.after])
    changes = [f"{name} {_short(line.before.get(name))} → {_short(line.after.get(name))}" for name in names]
    return f"{line.change}: {'; '.join(changes)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _spent(preview: Preview) -> str:
    spent = preview.spent
    if not spent.attempts:
        return ""
    tokens = f", {spent.tokens_in + spent.tokens_out} tokens" if spent.tokens_in or spent.tokens_out else ""
    cost = f", cost {spent.cost:f}" if spent.cost else ""
    return f"{spent.attempts} attempt{'s' if spent.attempts > 1 else ''}{tokens}{cost}"
