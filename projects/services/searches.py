"""How far the searches of a project are, for those who tell people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from django.db.models import F, QuerySet

from agents.swarm.drawing import state_picture
from agents.swarm.optimising import State
from projects.errors import NothingSearched
from projects.models import Project, Step, SwarmState
from projects.states import STEP


@dataclass(frozen=True, slots=True)
class Searched:
    """A search: ``generation`` are folded of ``generations`` at most, ``value`` is what was found at ``best``."""

    step: str
    phase: str
    generation: int
    generations: int
    value: float | None
    best: Any
    state: str

    @property
    def is_over(self) -> bool:
        """Whether its step is."""
        return self.state in STEP.terminal

    @property
    def share(self) -> float:
        """How much of its budget is spent, from 0 to 1."""
        return self.generation / self.generations

    def to_json(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)


def searches_of(project: Project) -> list[Searched]:
    """Those of the present rounds, in the order of the plan."""
    present = SwarmState.objects.filter(step__project=project, step__round=F("step__phase__round"))
    return _told(present.order_by("step__phase__position", "step__position"))


def search_of(step: Step) -> Searched | None:
    """The step's own; None where it is no search, or has not begun."""
    return next(iter(_told(SwarmState.objects.filter(step=step))), None)


def picture_of(step: Step) -> str:
    """The search as SVG: where it looks now, and how its best value has come about. Raises ``NothingSearched``."""
    kept = SwarmState.objects.filter(step=step, generation__gt=0).first()
    if kept is None:
        raise NothingSearched(f"Step {step.key!r} of project {step.project_id} has searched nothing yet.")
    return state_picture(State.from_json(kept.state))


def _told(found: QuerySet[SwarmState]) -> list[Searched]:
    """Without the state, which may be large."""
    rows = found.values_list(
        "step__key", "step__phase__key", "generation", "generations", "value", "best", "step__state"
    )
    return [Searched(*row) for row in rows]
