"""What an approver changed in the form: requirements left out, better titles, a note."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from agents.library.requirements.requirement import Requirement


def with_edits(requirements: Iterable[Requirement], decision: Mapping[str, Any]) -> list[Requirement]:
    """The requirements as approved. ``decision``: ``exclude`` (ids), ``titles`` (by id), ``note``; all
    optional.
    """
    left_out = frozenset(decision.get("exclude") or ())
    titles = decision.get("titles") or {}
    note = str(decision.get("note") or "").strip()
    return [_edited(one, left_out, titles, note) if one.live and one.id else one for one in requirements]


def _edited(one: Requirement, left_out: frozenset[str], titles: Mapping[str, str], note: str) -> Requirement:
    if one.id in left_out:
        return one.rejected("reviewer", "Left out by the reviewer on approval" + (f": {note}" if note else "."))
    return replace(one, title=titles[one.id]) if one.id in titles else one
