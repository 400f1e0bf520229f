"""Previews on the command line: told as lines, confirmed by a word on a terminal or by their digest elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.management.base import CommandParser

from orchestrator_site.commanding.output import PhasegateCommand, Usage
from orchestrator_site.showing.numbers import counted
from orchestrator_site.showing.visible import one_line
from projects.planning.liveplan import Difference
from projects.reports.columns import WIDTH, row_lines
from projects.services.many_previews import ManyPreview
from projects.services.previews import Preview, Spent
from projects.services.rerunning import RerunPreview

_LONGEST = 240  # characters of a value; the rest is in --json
_MOST_LISTED = 20  # projects; the rest is in --json


def add_confirmation(parser: CommandParser) -> None:
    """The options of a command that shows before it does."""
    parser.add_argument("--preview", action="store_true", help="show what it would do, with its digest; do nothing")
    parser.add_argument("--digest", metavar="DIGEST", help="do it only if the preview would still be the same")
    parser.add_argument("--yes", action="store_true", help="do it without asking")


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
        ("Spent", _spent(preview.spent)),
        ("Project", "runs again" if preview.revives_project else ""),
        ("Also failed", ", ".join(preview.still_failed)),
        ("Asks first", preview.asks),
        *(("Mind", warning) for warning in preview.warnings),
        ("Digest", preview.digest),
    )
    return lines + [line for name, value in facts if value for line in _row(name, value)]


def many_preview_lines(preview: ManyPreview) -> list[str]:
    """Which projects a control would reach, and what is lost with them."""
    lines = [f"{preview.control} {counted(len(preview.projects), 'project')}"]
    for each in preview.projects[:_MOST_LISTED]:
        lines += _row(each.id[-12:], f"{each.title} ({each.blueprint}), {each.state}")
    more = len(preview.projects) - _MOST_LISTED
    facts = (
        ("", f"and {more} more; --json lists all" if more > 0 else ""),
        ("Not done", counted(preview.undone, "step") if preview.undone else ""),
        ("Running", counted(preview.running, "step") if preview.running else ""),
        ("Lapses", counted(preview.lapsing, "approval") if preview.lapsing else ""),
        ("Spent", _spent(preview.spent)),
        ("Digest", preview.digest),
    )
    return lines + [line for name, value in facts if value for line in _row(name, value)]


def rerun_preview_lines(preview: RerunPreview) -> list[str]:
    """What running again would keep and do, and what that has used before."""
    facts = (
        ("Kept", ", ".join(preview.kept) or "nothing"),
        ("Done again", ", ".join(preview.again) or "nothing"),
        ("Stays approved", ", ".join(repr(title) for title in preview.approvals_kept)),
        ("Used before", _spent(preview.cost)),
        ("Digest", preview.digest),
    )
    title = f"rerun from {preview.from_step}" if preview.from_step else "rerun"
    return [title] + [line for name, value in facts if value for line in _row(name, value)]


def can_ask(options: Mapping[str, Any]) -> bool:
    """Whether a person is at a terminal who has not said yes already, and who does not want JSON."""
    return not (options["yes"] or options["digest"] or options["json"]) and sys.stdin.isatty()


def confirmed(command: PhasegateCommand, lines: Iterable[str], options: Mapping[str, Any], word: str = "") -> bool:
    """Whether a person on a terminal says yes to what they are shown, or types the ``word`` where one is wanted.

    Raises ``Usage`` where nobody can be asked.
    """
    if not can_ask(options):
        raise Usage("Say --yes, or --digest DIGEST of a preview that you have looked at (--preview shows one).")
    for line in lines:
        command.note(line)
    command.stderr.write(f"Type {word} to do it: " if word else "Do it? [y/N] ", ending="")
    said = sys.stdin.readline().strip().lower()
    return said == word if word else said in ("y", "yes")


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


def _spent(spent: Spent) -> str:
    if not spent.attempts:
        return ""
    tokens = f", {spent.tokens_in + spent.tokens_out} tokens" if spent.tokens_in or spent.tokens_out else ""
    cost = f", cost {spent.cost:f}" if spent.cost else ""
    return f"{counted(spent.attempts, 'attempt')}{tokens}{cost}"
