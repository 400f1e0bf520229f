"""Kinds of steps that no worker does: the engine begins them, they wait, and the engine sees when they are over.

``KINDS`` maps the word in the blueprint to the one that does it. ``advance`` calls ``begin`` when a step's needs are
met, and ``look`` whenever it looks at the phase while the step waits, both under the phase's lock. Both write by the
methods of the phase's work: ``wait``, ``complete``, ``fail``. Whoever brings about what a step waits for (a timer, a
signal, a decision, a child's end) wakes the project, and ``look`` finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from projects.models import Phase, Project, Step


class Work(Protocol):
    """What a kind may do with the phase it works in; see ``PhaseWork``."""

    project: Project
    phase: Phase

    def context(self) -> Mapping[str, Any]:
        """What expressions may refer to."""

    def wait(self, step: Step) -> None:
        """pending → waiting."""

    def complete(self, step: Step, result: Any) -> None:
        """Commit a result with its event. ``result`` as JSON can hold it."""

    def fail(self, step: Step, code: str, message: str) -> None:
        """Fail the step, with its event."""


class Kind(Protocol):
    """One kind of step."""

    def begin(self, work: Work, step: Step) -> None:
        """The step's needs are met: begin what it waits for, and leave it waiting, completed or failed.

        Raises ``ExpressionFailed`` where its parameters cannot be evaluated; the step fails by that.
        """

    def look(self, work: Work, step: Step) -> None:
        """The step waits: complete or fail it if what it waits for is over. Called often, so it must be cheap."""

    def stop(self, step: Step) -> None:
        """The step was cancelled: end what it waits for (a timer, an open approval, a child project)."""


KINDS: dict[str, Kind] = {}
