"""Merge: one object of many, branch by branch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.gather.aggregation import Aggregation, Options
from agents.gather.agreeing import Conflicts, below, by_key, joined, made
from agents.gather.values import Answered, Combined


class Merge(Aggregation):
    """Objects are merged key by key, lists joined with each item once; null gives way to what is known.

    Where two values differ it is a conflict: the heaviest agent's is kept, of equals the first asked; all are listed.
    """

    name = "merge"

    def combine(self, answers: Sequence[Answered], options: Options) -> Combined:
        """The merged value, with conflicts."""
        conflicts = Conflicts()
        return made("merge", lambda: conflicts.combined(_merge(answers, "", conflicts)))


def _merge(parts: Sequence[Answered], path: str, conflicts: Conflicts) -> Any:
    known = [part for part in parts if part.value is not None]
    if not known:
        return None
    if all(isinstance(part.value, dict) for part in known):
        return {key: _merge(those, below(path, key), conflicts) for key, those in by_key(known).items()}
    if all(isinstance(part.value, list) for part in known):
        return joined(known)
    return conflicts.settle(path, known)
