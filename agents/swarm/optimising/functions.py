"""Published test functions, to see that a swarm finds what is known.

Each takes places of shape ``(n, d)`` and gives ``(n,)``. Formulas and minima as in Surjanovic and Bingham, "Virtual
library of simulation experiments: test functions and datasets", Simon Fraser University; the origins are Rosenbrock,
The Computer Journal 3 (1960), Rastrigin, "Systems of extremal control" (1974), in the form of Muehlenbein, Schomisch
and Born, Parallel Computing 17 (1991), and Ackley, "A connectionist machine for genetic hillclimbing" (1987).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agents.swarm.exact import Floats


@dataclass(frozen=True, slots=True)
class TestFunction:
    """A function to minimise within ``bounds`` in each variable; least at ``minimum_at`` in each, where it is 0."""

    __test__ = False  # pytest would take it for a test by its name

    name: str
    of: Callable[[Floats], Floats]
    bounds: tuple[float, float]
    minimum_at: float

    def shifted(self, by: Floats) -> Callable[[Floats], Floats]:
        """The function with its minimum moved by ``by`` (shape ``(d,)``), so that no search is helped by the middle."""
        return lambda places: self.of(places - by)


def sphere(places: Floats) -> Floats:
    """The sum of squares: one valley, round."""
    total: Floats = (places**2).sum(axis=1)
    return total


def rosenbrock(places: Floats) -> Floats:
    """A bent valley, flat along its bottom; from four variables on with a second minimum."""
    here, after = places[:, :-1], places[:, 1:]
    total: Floats = (100 * (after - here**2) ** 2 + (1 - here) ** 2).sum(axis=1)
    return total


def rastrigin(places: Floats) -> Floats:
    """A valley full of pits: about 11 in each variable, 11 to the power of d in all."""
    total: Floats = (places**2 - 10 * np.cos(2 * np.pi * places) + 10).sum(axis=1)
    return total


def ackley(places: Floats) -> Floats:
    """A nearly flat plain full of small pits around one deep one."""
    far = np.sqrt((places**2).mean(axis=1))
    waves = np.cos(2 * np.pi * places).mean(axis=1)
    # The two constants leave 4.4e-16 at the minimum, as doubles have it.
    total: Floats = -20 * np.exp(-0.2 * far) - np.exp(waves) + 20 + np.e
    return total


FUNCTIONS = {
    one.name: one
    for one in (
        TestFunction("sphere", sphere, (-5.12, 5.12), 0.0),
        TestFunction("rosenbrock", rosenbrock, (-5.0, 10.0), 1.0),
        TestFunction("rastrigin", rastrigin, (-5.12, 5.12), 0.0),
        TestFunction("ackley", ackley, (-32.768, 32.768), 0.0),
    )
}
