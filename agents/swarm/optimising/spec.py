"""What a swarm is asked to find, and how: the part of a blueprint that a step of kind ``swarm`` holds."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    field_validator,
    model_validator,
)

from agents.swarm.errors import SwarmSettingsRefused
from agents.swarm.randomness import LARGEST_SEED

MOST_EVALUATIONS = 100_000_000
MOST_VARIABLES = 1_000
# Clerc and Kennedy, "The particle swarm: explosion, stability, and convergence in a multidimensional complex space",
# IEEE Transactions on Evolutionary Computation 6 (2002): c1 + c2 = 4.1 gives chi = 0.7298, and chi * 2.05 = 1.49618.
CONSTRICTION = 0.729844
ACCELERATION = 1.496180

Number = Annotated[float, Field(allow_inf_nan=False)]
Bound = tuple[Number, Number]


class Algorithm(StrEnum):
    """How a swarm searches."""

    PARTICLES = "particle_swarm"
    EVOLUTION = "evolution"
    DIFFERENTIAL = "differential_evolution"


class Direction(StrEnum):
    """Whether less is better, or more."""

    MINIMISE = "minimise"
    MAXIMISE = "maximise"


class Topology(StrEnum):
    """Whom a particle learns from."""

    GLOBAL = "global"
    RING = "ring"
    VON_NEUMANN = "von_neumann"


class AtBounds(StrEnum):
    """What becomes of a particle that would leave the bounds."""

    REFLECT = "reflect"
    CLAMP = "clamp"


class WhenStuck(StrEnum):
    """What a swarm does that no longer gets anywhere."""

    STOP = "stop"
    SCATTER = "scatter"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Objective(_Model):
    """Who says how good a candidate is: an agent by name or by capability, given ``params`` beside the candidates."""

    agent: StrictStr | None = None
    capability: StrictStr | None = None
    version: StrictStr | None = Field(None, description="A range of versions of the capability, as PEP 440 writes it.")
    params: dict[StrictStr, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.agent is None) == (self.capability is None):
            raise ValueError("name an agent or a capability, one of the two")
        if self.version is not None and self.capability is None:
            raise ValueError("version is a range for a capability; an agent's name says which agent is meant")
        return self


class Particles(_Model):
    """How particles fly: inertia, the pull of their own best place and of the best they hear of, and from whom."""

    topology: Topology = Topology.VON_NEUMANN
    inertia: Annotated[Number, Field(ge=0)] = CONSTRICTION
    cognitive: Annotated[Number, Field(ge=0)] = ACCELERATION
    social: Annotated[Number, Field(ge=0)] = ACCELERATION
    at_bounds: AtBounds = AtBounds.REFLECT
    jumps: Annotated[Number, Field(ge=0, le=1)] = 0.5

    @model_validator(mode="after")
    def _stable(self) -> Self:
        """Poli, IEEE Transactions on Evolutionary Computation 13 (2009): the variance stays finite."""
        most = 24 * (1 - self.inertia**2) / (7 - 5 * self.inertia) if self.inertia < 1 else 0.0
        if self.cognitive + self.social >= most:
            raise ValueError(
                f"with inertia {self.inertia:g}, cognitive + social must be below {max(most, 0.0):.3f}, or the "
                f"particles fly apart; they are {self.cognitive + self.social:g}"
            )
        return self


class SwarmSpec(_Model):
    """A search: for the place within ``bounds`` where the objective is least, or most.

    ``bounds`` as a list of ``[low, high]``, or by name; by name, candidates reach the agent by name too, and the names
    are put in order, so that the result does not depend on how they were written.
    """

    objective: Objective
    bounds: tuple[Bound, ...] = Field(min_length=1, max_length=MOST_VARIABLES)
    names: tuple[StrictStr, ...] | None = None
    algorithm: Algorithm = Algorithm.DIFFERENTIAL
    direction: Direction = Direction.MINIMISE
    population: Annotated[StrictInt, Field(ge=5, le=100_000)] = 50
    generations: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 100
    seed: Annotated[StrictInt, Field(ge=0, le=LARGEST_SEED)] = 0
    target: Number | None = Field(None, description="As good is good enough: the search ends.")
    patience: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="So many generations without an improvement by more than tolerance are a stagnation."
    )
    tolerance: Annotated[Number, Field(ge=0)] = 0.0
    least_diversity: Annotated[Number, Field(ge=0, lt=1)] = 1e-9
    when_stuck: WhenStuck = WhenStuck.STOP
    least_answers: Annotated[Number, Field(gt=0, le=1)] = Field(
        0.5, description="Of a generation's candidates, the share that must have been evaluated."
    )
    chunk_size: Annotated[StrictInt, Field(ge=1, le=100_000)] = 10
    particles: Particles | None = None

    @model_validator(mode="before")
    @classmethod
    def _bounds_by_name(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(bounds := given.get("bounds"), dict):
            if given.get("names") is not None:
                raise ValueError("bounds are given by name already; leave names out")
            names = sorted(map(str, bounds))
            return given | {"bounds": [bounds[name] for name in names], "names": names}
        return given

    @field_validator("bounds")
    @classmethod
    def _low_before_high(cls, bounds: tuple[Bound, ...]) -> tuple[Bound, ...]:
        for place, (low, high) in enumerate(bounds):
            if not low < high:
                raise ValueError(f"bound {place}: {low:g} is not below {high:g}")
            if not math.isfinite(high - low):
                raise ValueError(f"bound {place}: the range from {low:g} to {high:g} is too wide to be computed with")
        return bounds

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.names is not None and len(set(self.names)) != len(self.bounds):
            raise ValueError(f"{len(self.bounds)} bounds need as many names, each once")
        if self.population * self.generations > MOST_EVALUATIONS:
            raise ValueError(f"population times generations is more than {MOST_EVALUATIONS:,} evaluations")
        if self.particles is not None and self.algorithm is not Algorithm.PARTICLES:
            raise ValueError(f"particles are settings of particle_swarm; the algorithm is {self.algorithm}")
        return self

    @property
    def dimensions(self) -> int:
        """How many numbers a candidate has."""
        return len(self.bounds)

    @property
    def sign(self) -> float:
        """What makes less better: -1 where more is."""
        return 1.0 if self.direction is Direction.MINIMISE else -1.0


def spec_of(given: Any) -> SwarmSpec:
    """The settings read and checked. Raises ``SwarmSettingsRefused`` with every mistake and where it is."""
    try:
        return SwarmSpec.model_validate(given)
    except ValidationError as error:
        found = [(".".join(map(str, one["loc"])), one["msg"].removeprefix("Value error, ")) for one in error.errors()]
        told = "; ".join(f"{where}: {what}" if where else what for where, what in found)
        raise SwarmSettingsRefused(f"The swarm cannot be run: {told}.", mistakes=[list(one) for one in found]) from None
