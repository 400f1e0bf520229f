"""Agents that can take steps again, as the engine sees it: it sends for the steps that waited for such an agent."""

from __future__ import annotations

from collections.abc import Collection

from projects import sql
from projects.services import publishing

MOST = 200
"""Steps that are sent for at once: an agent that comes back is not to be overrun, and the others look by themselves."""


def send_for_steps(names: Collection[str], capabilities: Collection[str]) -> int:
    """Have the steps looked at now that wait for agents of these names or capabilities; how many.

    Those whose next look is some seconds away have a timer, which is moved. Those of a project that is held wait on.
    """
    rows = sql.rows("send_for_held", names=list(names), capabilities=list(capabilities), limit=MOST)
    if rows:
        publishing.ring(0.0)
    return len(rows)
