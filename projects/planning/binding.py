"""What people had before them when they decided, its digest, and in words what is different now.

An approval holds for what was shown and for nothing else. ``Seen`` is what was shown; two of them are the same if
their digests are, and ``difference`` says to a person in what they are not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_site.digests import digest_of

DEEPEST = 4  # levels of a value that are named one by one; what differs further in is shown whole
MOST = 100  # lines of a difference
MOST_ITEMS = 50  # of lists that are compared item by item

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that an approval shows; ``evidence`` as pairs of label and value, quality conditions among them."""

    title: str
    description: str
    content: Mapping[str, Any]
    evidence: Sequence[Mapping[str, Any]]
    plan_version: int
    round: int

    @property
    def digest(self) -> str:
        """SHA-256 over all of it."""
        return digest_of(
            [self.title, self.description, list(self.evidence), self.content, self.plan_version, self.round]
        )


def difference(
    before: Seen,
    after: Seen,
    plan_before: Sequence[Mapping[str, Any]] = (),
    plan_after: Sequence[Mapping[str, Any]] = (),
) -> list[Line]:
    """What is different, a line each: ``label``, ``before``, ``after``; None stands for what was or is not there.

    The plans are those of the two versions: phases with their steps. Empty: nothing differs.
    """
    lines = [
        *_value("Title", before.title, after.title),
        *_value("Description", before.description, after.description),
        *_evidence(before.evidence, after.evidence),
        *_value("Content", dict(before.content), dict(after.content)),
        *_value("Plan version", before.plan_version, after.plan_version),
        *_plan(plan_before, plan_after),
        *_value("Round", before.round, after.round),
    ]
    if not lines and before.digest != after.digest:
        return [_line("The order in which it is shown", None, None)]
    if len(lines) <= MOST:
        return lines
    left_out = len(lines) - MOST
    return [*lines[:MOST], {"label": f"{left_out} more differences", "before": None, "after": None}]


@dataclass(frozen=True, slots=True)
class Edit:
    """What one of those who approved changed of the content."""

    by: str
    values: Mapping[str, Any]


def edits_unseen(asked: Mapping[str, Any], edits: Sequence[Edit], seen: str | None) -> list[Line]:
    """What of the content was edited since it had the digest ``seen``: lines as of a difference, and ``by`` whom.

    ``edits`` are in their order. Where it never had that digest, or none is given: since it was asked.
    """
    content, lines = dict(asked), list[Line]()
    for edit in edits:
        if digest_of(content) == seen:
            lines.clear()
        lines += [
            _line(name, content.get(name), after) | {"by": edit.by}
            for name, after in edit.values.items()
            if content.get(name) != after
        ]
        content |= edit.values
    return lines


def _evidence(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    yield from _named("", _by_label(before), _by_label(after), depth=0)


def _by_label(evidence: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Values by label; a label that comes again is numbered, so that none hides another."""
    found: dict[str, Any] = {}
    for each in evidence:
        label, number = str(each.get("label", "")), 2
        name = label
        while name in found:
            name, number = f"{label} ({number})", number + 1
        found[name] = each.get("value")
    return found


def _plan(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Phases and steps that came, went or were changed; the order of those that stayed."""
    phases_before, phases_after = _by_key(before), _by_key(after)
    for key in _keys(phases_before, phases_after):
        one, other = phases_before.get(key), phases_after.get(key)
        if one is None or other is None:
            yield _line(f"Plan: phase {key}", _in_short(one), _in_short(other))
            continue
        steps_before, steps_after = _by_key(one.get("steps") or ()), _by_key(other.get("steps") or ())
        for step in _keys(steps_before, steps_after):
            old, new = steps_before.get(step), steps_after.get(step)
            if old is None or new is None:
                yield _line(f"Plan: step {step} of {key}", _in_short(old), _in_short(new))
            else:
                yield from _named(f"Plan: step {step} > ", old, new, depth=1)
        stayed_before = [step for step in steps_before if step in steps_after]
        stayed_after = [step for step in steps_after if step in steps_before]
        yield from _value(f"Plan: order of {key}", ", ".join(stayed_before), ", ".join(stayed_after))
        rest = ("key", "steps")
        yield from _named(f"Plan: {key} > ", _without(one, rest), _without(other, rest), depth=1)


def _value(label: str, before: Any, after: Any, depth: int = 0) -> Iterator[Line]:
    """The lines of one value: below what both have, named one by one, else whole."""
    if digest_of(_plain(before)) == digest_of(_plain(after)):
        return
    if depth < DEEPEST and isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _named(f"{label} > ", before, after, depth + 1)
    elif depth < DEEPEST and _comparable(before, after):
        for number, (one, other) in enumerate(zip(before, after, strict=True), 1):
            yield from _value(f"{label} > {number}", one, other, depth + 1)
    else:
        yield _line(label, before, after)


def _named(prefix: str, before: Mapping[str, Any], after: Mapping[str, Any], depth: int) -> Iterator[Line]:
    for name in _keys(before, after):
        yield from _value(f"{prefix}{name}", before.get(name), after.get(name), depth)


def _plain(value: Any) -> Any:
    """With whole numbers in one form: the database gives 100 for 1e2."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _comparable(before: Any, after: Any) -> bool:
    """Lists of which it says something that the third item is another."""
    both = isinstance(before, list) and isinstance(after, list)
    return both and len(before) == len(after) <= MOST_ITEMS


def _keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys([*before, *after]))


def _by_key(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(row.get("key", number)): row for number, row in enumerate(rows)}


def _without(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _in_short(row: Mapping[str, Any] | None) -> str | None:
    """A phase or a step that came or went, in a few words."""
    if row is None:
        return None
    if "steps" in row:
        return f"{len(row['steps'])} steps: {', '.join(_by_key(row['steps']))}"
    return str(row.get("title") or row.get("agent") or row.get("capability") or row.get("kind") or "a step")


def _line(label: str, before: Any, after: Any) -> Line:
    return {"label": label, "before": before, "after": after}
