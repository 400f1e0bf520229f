"""Explicit state machines: one enum of states with a sentence each, one table of transitions.

Guards, admin choices, database constraints, diagrams and tests all derive from the table. Nothing here knows Django:
the enum is an ordinary ``StrEnum``, so that pure planning code can use states too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

S = TypeVar("S", bound="State")


class State(StrEnum):
    """A state with the sentence that explains it: ``RUNNING = "running", "A worker holds its lease …"``."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> State:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """Pairs for a Django field: value and label."""
        return [(member.value, member.value.capitalize()) for member in cls]


@dataclass(frozen=True, slots=True)
class Machine(Generic[S]):
    """Which state may follow which.

    ``table`` names for each state those that may follow; a state that none may follow is terminal. ``revivals`` names
    what beside the table only a person may do, by an intervention or a restore: bring back what had ended.
    """

    name: str
    initial: S
    table: Mapping[S, frozenset[S]]
    revivals: Mapping[S, frozenset[S]]

    @property
    def terminal(self) -> frozenset[S]:
        """The states that nothing follows."""
        return frozenset(state for state, following in self.table.items() if not following)

    @property
    def live(self) -> frozenset[S]:
        """The states that something may still follow."""
        return frozenset(self.table) - self.terminal

    def allows(self, before: S, after: S) -> bool:
        """Whether ``after`` may follow ``before``."""
        return after in self.table[before]

    def revives(self, before: S, after: S) -> bool:
        """Whether a person may bring ``before`` back as ``after``."""
        return after in self.revivals.get(before, frozenset())

    def sources(self, after: S) -> tuple[S, ...]:
        """The states from which ``after`` may be entered, for the ``WHERE`` of a guarded update."""
        return tuple(state for state, following in self.table.items() if after in following)

    def mermaid(self) -> str:
        """The diagram of this machine in Mermaid's notation, for the documentation."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for state, following in self.table.items():
            lines += [f"    {state} --> {target}" for target in sorted(following)]
            if not following:
                lines.append(f"    {state} --> [*]")
        for state, following in self.revivals.items():
            lines += [f"    {state} --> {target}: by a person" for target in sorted(following)]
        return "\n".join(lines)


def machine(
    name: str,
    initial: S,
    table: Mapping[S, Iterable[S]],
    revivals: Mapping[S, Iterable[S]] | None = None,
) -> Machine[S]:
    """Build a machine and refuse a table that forgets a state or that cannot reach one."""
    frozen = {state: frozenset(following) for state, following in table.items()}
    missing = set(type(initial)) - set(frozen)
    if missing:
        raise ValueError(f"{name}: no row for {sorted(missing)}")
    reachable, frontier = {initial}, [initial]
    while frontier:
        for following in frozen[frontier.pop()] - reachable:
            reachable.add(following)
            frontier.append(following)
    if unreachable := set(frozen) - reachable:
        raise ValueError(f"{name}: nothing leads to {sorted(unreachable)}")
    back = {state: frozenset(following) for state, following in (revivals or {}).items()}
    return Machine(name, initial, frozen, back)
