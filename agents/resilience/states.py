"""The states of an agent's circuit, and what may follow what."""

from __future__ import annotations

from orchestrator_site.statemachine import Machine, State, machine


class CircuitState(State):
    """An agent's circuit."""

    CLOSED = "closed", "Calls go through; enough failures within the window open it."
    OPEN = "open", "No call goes through until its pause is over; then the next call is a probe."
    HALF_OPEN = "half_open", "A bounded number of probes goes through: one success closes it, one failure opens it."
    FORCED_OPEN = "forced_open", "An operator lets no call through, until an operator says otherwise."
    FORCED_CLOSED = "forced_closed", "An operator lets every call through; failures are not counted."


_C = CircuitState

CIRCUIT: Machine[CircuitState] = machine(
    "circuit",
    _C.CLOSED,
    {
        _C.CLOSED: {_C.OPEN, _C.FORCED_OPEN, _C.FORCED_CLOSED},
        _C.OPEN: {_C.HALF_OPEN, _C.CLOSED, _C.FORCED_OPEN, _C.FORCED_CLOSED},
        _C.HALF_OPEN: {_C.OPEN, _C.CLOSED, _C.FORCED_OPEN, _C.FORCED_CLOSED},
        _C.FORCED_OPEN: {_C.CLOSED, _C.FORCED_CLOSED},
        _C.FORCED_CLOSED: {_C.CLOSED, _C.FORCED_OPEN},
    },
)
FORCED = frozenset({_C.FORCED_OPEN, _C.FORCED_CLOSED})
"""The states that only an operator ends."""
