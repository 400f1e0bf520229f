"""Making one JSON value of many, branch by branch, and noting where they disagree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.errors import AnswersUnusable
from agents.gather.values import Answered, Combined, canonical_form, heaviest

CONFLICTS_NAMED = 100
"""How many conflicts a result lists; the others are counted."""


@dataclass(slots=True)
class Conflicts:
    """Where answers disagree, by path."""

    found: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0

    def settle(self, path: str, parts: Sequence[Answered]) -> Any:
        """The value of the heaviest, of equals the first asked; noted where others differ."""
        forms = {part.form for part in parts}
        kept = heaviest(parts)
        if len(forms) > 1:
            self.count += 1
            if len(self.found) < CONFLICTS_NAMED:
                values = {part.name: part.value for part in parts}
                self.found.append({"path": path or "(all)", "kept": kept.name, "values": values})
        return kept.value

    def combined(self, value: Any) -> Combined:
        """The value with what is to be said of it."""
        if not self.count:
            return Combined(value)
        paths = ", ".join(conflict["path"] for conflict in self.found[:5])
        note = f"{self.count} conflict{'s' if self.count > 1 else ''}, the heaviest agent's value kept: {paths}"
        return Combined(value, (note,), {"conflicts": self.found, "conflict_count": self.count})


def inside(part: Answered, value: Any) -> Answered:
    """A part of an answer, as its agent's."""
    return Answered(part.agent, part.name, value, part.weight, part.arrived)


def by_key(parts: Sequence[Answered]) -> dict[str, list[Answered]]:
    """What objects hold under each key; keys in the order in which they are first met."""
    found: dict[str, list[Answered]] = {}
    for part in parts:
        for key, value in part.value.items():
            found.setdefault(key, []).append(inside(part, value))
    return found


def below(path: str, key: str | int) -> str:
    """The path of what stands under a key: ``a.b``, ``a[0]``."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def joined(parts: Sequence[Answered]) -> list[Any]:
    """The items of all lists, each once, in the order in which they are first met."""
    found: dict[bytes, Any] = {}
    for part in parts:
        for item in part.value:
            found.setdefault(canonical_form(item), item)
    return list(found.values())


def made(name: str, make: Callable[[], Combined]) -> Combined:
    """What ``make`` makes. Raises ``AnswersUnusable`` for what JSON or a float cannot hold, and for endless depth."""
    try:
        return make()
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise AnswersUnusable(f"No {name} can be made of the answers: {type(error).__name__}: {error}") from error
