"""Two runs side by side: which requirements came, went, changed or stayed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agents.library.requirements.requirement import Requirement
from agents.library.requirements.similarity import near_pairs, tokens
from agents.reporting import Facts, ReportContent, Table

SAME_STATEMENT = 0.6
"""How alike (Jaccard, words and pairs of words) two statements are that count as one, reworded."""

_COMPARED = ("statement", "modality", "type", "status", "in_focus", "gdpr", "gobd", "title")


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one requirement, before and after."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Change:
    """A requirement that both runs have and that is not the same in both."""

    before: Requirement
    after: Requirement
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of the requirements of run ``a`` in run ``b``."""

    added: tuple[Requirement, ...] = ()
    removed: tuple[Requirement, ...] = ()
    changed: tuple[Change, ...] = ()
    unchanged: tuple[Requirement, ...] = ()


def compare(a: Sequence[Requirement], b: Sequence[Requirement]) -> Comparison:
    """Match by key, then what is left by near statement, each at most once; then tell the fields that
    differ.
    """
    by_key = {one.key: one for one in b}
    matched = [(one, by_key[one.key]) for one in a if one.key in by_key]
    matched_keys = {one.key for one, _ in matched}
    left_a = [one for one in a if one.key not in matched_keys]
    left_b = [one for one in b if one.key not in matched_keys]
    near = _near_matches(left_a, left_b)
    pairs = [*matched, *((left_a[i], left_b[j]) for i, j in near)]
    told = [(before, after, differences(before, after)) for before, after in pairs]
    gone, come = {i for i, _ in near}, {j for _, j in near}
    return Comparison(
        added=tuple(one for j, one in enumerate(left_b) if j not in come),
        removed=tuple(one for i, one in enumerate(left_a) if i not in gone),
        changed=tuple(Change(*one) for one in told if one[2]),
        unchanged=tuple(after for _, after, found in told if not found),
    )


def _near_matches(a: Sequence[Requirement], b: Sequence[Requirement]) -> list[tuple[int, int]]:
    """The best pairs first; a statement is matched once."""
    sets = [tokens(one.statement) for one in (*a, *b)]
    pairs = [
        (likeness, earlier, later - len(a))
        for earlier, later, likeness in near_pairs(sets, SAME_STATEMENT)
        if earlier < len(a) <= later
    ]
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    found = []
    for _, i, j in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
        if i not in taken_a and j not in taken_b:
            taken_a.add(i)
            taken_b.add(j)
            found.append((i, j))
    return sorted(found)


def differences(before: Requirement, after: Requirement) -> tuple[Difference, ...]:
    """The fields in which two requirements differ; ids and places may differ without anything having
    changed.
    """
    told = [(name, _told(getattr(before, name)), _told(getattr(after, name))) for name in _COMPARED]
    told.append(("rejection", _why(before), _why(after)))
    return tuple(Difference(*one) for one in told if one[1] != one[2])


def _told(value: Any) -> str:
    return "yes" if value is True else "no" if value is False else str(value)


def _why(one: Requirement) -> str:
    return one.rejection.code if one.rejection else ""


def comparison_report(comparison: Comparison) -> ReportContent:
    """The comparison for people, and as data."""
    rows = tuple(
        (change.after.id or change.after.key, difference.field, difference.before, difference.after)
        for change in comparison.changed
        for difference in change.differences
    )
    figures = {
        "added": len(comparison.added),
        "removed": len(comparison.removed),
        "changed": len(comparison.changed),
        "unchanged": len(comparison.unchanged),
    }
    sections = (
        Facts("Comparison", tuple(figures.items())),
        _listing("Added", comparison.added),
        _listing("Removed", comparison.removed),
        Table("Changed", ("Requirement", "Field", "Before", "After"), rows),
    )
    return ReportContent("Comparison of two runs", sections, {"figures": figures, **_data(comparison)})


def _listing(title: str, requirements: Iterable[Requirement]) -> Table:
    rows = tuple((one.id or one.key, one.status.value, one.statement, one.citation.place()) for one in requirements)
    return Table(title, ("Id", "Status", "Statement", "Source"), rows)


def _data(comparison: Comparison) -> dict[str, Any]:
    return {
        "added": [one.to_json() for one in comparison.added],
        "removed": [one.to_json() for one in comparison.removed],
        "changed": [
            {
                "before": change.before.key,
                "after": change.after.key,
                "differences": {one.field: [one.before, one.after] for one in change.differences},
            }
            for change in comparison.changed
        ],
        "unchanged": [one.key for one in comparison.unchanged],
    }
