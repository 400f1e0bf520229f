"""What a step of a kind is told to do, as its blueprint has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from projects.models import Step


def specification_of(step: Step) -> dict[str, Any]:
    """The step's own; an item has its parent's."""
    spec = step.spec
    if spec is None and step.parent is not None:
        spec = step.parent.spec
    return spec or {}
