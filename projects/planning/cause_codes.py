"""The codes of causes: what each means, which comes first, and which do not pass by the engine's own work."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    "not_started": "Nobody has started it.",
    "predecessor": "It is to begin after others.",
    "paused": "An operator paused it.",
    "cancelling": "It waits for running steps to end.",
    "stuck": "It could not be advanced.",
    "control": "No control worker is alive.",
    "dead": "A step runs, but its worker has fallen silent.",
    "approval": "It waits for people.",
    "signal": "A step waits for a signal.",
    "child": "A step waits for a project that it has started.",
    "room": "A step waits for room in a budget, or for others of its concurrency key.",
    "agent": "A step waits for an agent that can take it.",
    "pool": "A step is ready, and no worker of its pool is alive.",
    "timer": "A step waits for a time.",
    "retry": "A step waits to be tried again.",
    "lost": "A step was sent and nobody took it; recovery sends it again.",
    "worker": "A step is ready, and waits for a free worker.",
    "kind": "A step waits as its kind does.",
    "deciding": "Its next step is being decided.",
    "unsent": "A step is ready, and is to be sent.",
    "items": "A list waits for its items.",
    "window": "An item waits for others of its list.",
    "needs": "A step needs others.",
    "phase": "A step's phase has not begun.",
    "working": "It works.",
    "over": "It is over.",
}
"""What may keep a project from moving, and in a few words what that means."""


# What a person looks at first: what nobody mends by itself, then what waits for somebody, then what time brings.
RANKS = (
    "stuck",
    "control",
    "dead",
    "approval",
    "signal",
    "child",
    "room",
    "agent",
    "pool",
    "timer",
    "retry",
    "lost",
    "worker",
    "kind",
    "deciding",
    "unsent",
    "items",
    "window",
    "needs",
    "phase",
)
OUTSIDE = frozenset({"approval", "signal", "child", "room", "agent", "timer", "retry"})
"""Causes that do not pass by the engine's own work."""
