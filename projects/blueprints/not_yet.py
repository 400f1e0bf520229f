"""What the language has and this version does not run: refused at load, never passed over in silence.

A later version that runs something deletes its row here, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from projects.blueprints.schema import Blueprint, StepKind, StepSpec
from projects.blueprints.shaping import Finding


@dataclass(frozen=True, slots=True)
class NotYet:
    """A key of a step, when it is in the way, and what to write instead."""

    key: str
    found: Callable[[StepSpec], bool]
    instead: str


def _of_kind(kind: StepKind, instead: str) -> NotYet:
    return NotYet("kind", lambda step: step.kind is kind, instead)


NOT_YET: tuple[NotYet, ...] = (
    _of_kind(StepKind.SAGA, "write its actions as steps"),
    NotYet("compensate", lambda step: step.compensate is not None, "let a later step undo it"),
)


def check_not_yet(blueprint: Blueprint, rows: tuple[NotYet, ...]) -> Iterator[Finding]:
    """What of the blueprint the rows refuse."""
    for index, phase in enumerate(blueprint.phases):
        for position, step in enumerate(phase.steps):
            for row in rows:
                if row.found(step):
                    what = f"`kind: {step.kind}`" if row.key == "kind" else f"`{row.key}`"
                    yield Finding(
                        ("phases", index, "steps", position, row.key),
                        f"{what} is not run yet by this version; remove it, or {row.instead}",
                        at_key=True,
                    )
